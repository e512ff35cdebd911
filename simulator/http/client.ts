import { Agent, request, type IncomingHttpHeaders } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A request whose server holds the answer keeps its connection, so there is no cap on calls to a worker manager. */
const unlimited = new Agent({ keepAlive: true });
/**
 * Five hundred machines boot in one moment and read their metadata; a new connection for each would cost more than the
 * call.
 */
const few = new Agent({ keepAlive: true, maxSockets: 16 });

export interface ExchangeOptions {
  readonly body?: unknown;
  readonly authorization?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Queue for one of a few connections; for servers that answer at once. */
  readonly patient?: boolean;
}

/** One HTTP exchange. Throws on connection errors and after `timeoutMs`; any status is an answer. */
export function exchange(method: string, url: string, options: ExchangeOptions = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const payload = options.body === undefined ? undefined : Buffer.from(JSON.stringify(options.body));
  const headers = {
    ...options.headers,
    ...(payload && { 'content-type': 'application/json', 'content-length': payload.length }),
    ...(options.authorization && { authorization: options.authorization }),
  };
  const call = request(url, {
    method,
    agent: options.patient ? few : unlimited,
    headers,
    timeout: options.timeoutMs ?? 30_000,
    signal: options.signal,
  });
  call.on('timeout', () => call.destroy(new Error(`no answer within ${options.timeoutMs ?? 30_000} ms`)));
  call.on('error', reject);
  call.on('response', (answer) => {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('error', reject);
    answer.on('end', () =>
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks).toString() }),
    );
  });
  call.end(payload);
  return promise;
}

/** Ends kept connections, so that the process can exit. */
export function closeConnections(): void {
  few.destroy();
  unlimited.destroy();
}
