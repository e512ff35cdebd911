import { Agent, request, type IncomingHttpHeaders } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/**
 * Machines talk over a pool of kept connections: five hundred of them boot in one moment, and a new connection for each
 * call would cost more than the call. A request whose server holds the answer keeps its connection, so there is no cap.
 */
const agent = new Agent({ keepAlive: true });

/** One HTTP exchange. Throws on connection errors and after `timeoutMs`; any status is an answer. */
export function exchange(
  method: string,
  url: string,
  options: { body?: unknown; authorization?: string; timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const payload = options.body === undefined ? undefined : Buffer.from(JSON.stringify(options.body));
  const headers = {
    ...(payload && { 'content-type': 'application/json', 'content-length': payload.length }),
    ...(options.authorization && { authorization: options.authorization }),
  };
  const call = request(url, { method, agent, headers, timeout: options.timeoutMs ?? 30_000, signal: options.signal });
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
export const closeConnections = (): void => agent.destroy();
