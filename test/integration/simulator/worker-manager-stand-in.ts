import { X509Certificate, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import hawk from 'hawk';

export interface SeenCall {
  readonly method: string;
  readonly path: string;
  readonly body: Record<string, unknown>;
  /** Whether the proof (registerWorker) or the Hawk signature (the other calls) is good. */
  readonly genuine: boolean;
}

/**
 * Just enough of a worker manager's API to see what machines send: it checks identity documents with the region's
 * certificate and Hawk signatures with the credentials it gave.
 */
export class WorkerManagerStandIn {
  readonly seen: SeenCall[] = [];
  url = '';
  /** Statuses to answer with before it behaves. */
  readonly refusals: number[] = [];
  terminate = false;
  lifetimeMs = 3_600_000;
  workerConfig: Record<string, unknown> = {};
  readonly #certificates: Record<string, { rsa: string }>;
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #secrets = 0;

  constructor(certificates: Record<string, { rsa: string }>) {
    this.#certificates = certificates;
  }

  async listen(): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(0, '127.0.0.1', resolve);
    await promise;
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this.url;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  calls(pathEnd: string): SeenCall[] {
    return this.seen.filter((call) => call.path.endsWith(pathEnd));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = request.method === 'POST' ? ((await json(request)) as Record<string, unknown>) : {};
    const path = request.url ?? '';
    const registering = path.endsWith('/worker/register');
    const genuine = registering ? this.#provesIdentity(body) : await signedWithHawk(request);
    this.seen.push({ method: request.method ?? '', path, body, genuine });
    const refusal = this.refusals.shift();
    response.writeHead(refusal ?? 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(refusal ? { code: 'Refused', message: 'as the test wants' } : this.#reply(path)));
  }

  #reply(path: string): unknown {
    if (path.includes('/should-terminate')) return { terminate: this.terminate, reason: 'over capacity' };
    return {
      expires: new Date(Date.now() + this.lifetimeMs).toISOString(),
      credentials: { clientId: 'worker', accessToken: 'secret-token' },
      secret: `secret-number-${++this.#secrets}`,
      workerConfig: this.workerConfig,
    };
  }

  #provesIdentity(body: Record<string, unknown>): boolean {
    if (body['providerId'] === 'azure' || body['providerId'] === 'google') return false;
    const { document, signature } = body['workerIdentityProof'] as { document: string; signature: string };
    const { region, instanceId } = JSON.parse(document) as { region: string; instanceId: string };
    const { publicKey } = new X509Certificate(this.#certificates[region]?.rsa ?? '');
    const good = verify('sha256', Buffer.from(document), publicKey, Buffer.from(signature, 'base64'));
    return good && instanceId === body['workerId'] && region === body['workerGroup'];
  }
}

async function signedWithHawk(request: IncomingMessage): Promise<boolean> {
  const { host = '', authorization = '' } = request.headers;
  const [name = '', port] = host.split(':');
  const call = { method: request.method ?? '', url: request.url ?? '', host: name, port: Number(port), authorization };
  try {
    await hawk.server.authenticate(call, () => ({ id: 'worker', key: 'secret-token', algorithm: 'sha256' }));
    return true;
  } catch {
    return false;
  }
}
