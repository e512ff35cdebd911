import hawk from 'hawk';
import taskcluster from 'taskcluster-client';
import { exchange } from '../http/client.js';
import type { Registration } from './registration.js';

/** The calls that a registered machine makes about itself, signed with the credentials it was given. */
export class WorkerManagerCalls {
  readonly #registration: Registration;
  readonly #workerId: string;

  constructor(registration: Registration, workerId: string) {
    this.#registration = registration;
    this.#workerId = workerId;
  }

  /** The peer's client has no method for this call, so it is signed here, in the same way. */
  async shouldTerminate(): Promise<boolean> {
    const { rootUrl, workerPoolId, workerGroup, credentials } = this.#registration;
    const worker = [workerPoolId, workerGroup, this.#workerId].map(encodeURIComponent).join('/');
    const url = `${rootUrl.replace(/\/$/, '')}/api/worker-manager/v1/workers/${worker}/should-terminate`;
    const { header } = hawk.client.header(url, 'GET', {
      credentials: { id: credentials.clientId, key: credentials.accessToken, algorithm: 'sha256' },
      ext: credentials.certificate && certificateExt(credentials.certificate),
    });
    const answer = await exchange('GET', url, { authorization: header });
    if (answer.status !== 200) throw new Error(`shouldWorkerTerminate answered with ${answer.status}`);
    return (JSON.parse(answer.body) as { terminate: boolean }).terminate;
  }

  async remove(): Promise<void> {
    const { workerPoolId, workerGroup } = this.#registration;
    await this.#client().removeWorker(workerPoolId, workerGroup, this.#workerId);
  }

  /** Trades the secret for new credentials and the next secret. */
  async reregister(): Promise<Registration> {
    const { workerPoolId, workerGroup, secret } = this.#registration;
    const answer = await this.#client().reregisterWorker({
      workerPoolId,
      workerGroup,
      workerId: this.#workerId,
      secret,
    });
    return {
      ...this.#registration,
      credentials: answer.credentials,
      secret: answer.secret,
      expiresMs: Date.parse(answer.expires),
      renewedMs: Date.now(),
    };
  }

  #client() {
    const { rootUrl, credentials } = this.#registration;
    return new taskcluster.WorkerManager({ rootUrl, credentials, retries: 2 });
  }
}

/** How Taskcluster carries the certificate of temporary credentials. */
const certificateExt = (certificate: string): string =>
  Buffer.from(JSON.stringify({ certificate: JSON.parse(certificate) as unknown })).toString('base64');

/** Whether the worker manager answered and refused, as opposed to not answering. */
export function wasRefused(error: unknown): boolean {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' && status >= 400 && status < 500;
}
