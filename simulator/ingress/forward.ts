import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { ConnectionLost, Refusal } from '../errors.js';
import type { Faults } from '../faults.js';
import { readBody, sendJson } from '../http/exchange.js';
import type { RequestLog } from '../request-log.js';
import { describeApiCall } from './api-call.js';

export interface IngressContext {
  /** Where the API is; null until somebody says so. */
  api: () => URL | null;
  readonly faults: Faults;
  readonly log: RequestLog;
}

const agent = new Agent({ keepAlive: true });
/** Of one hop only (RFC 9110 §7.6.1). */
const hopByHop = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

/**
 * Forwards `/api/worker-manager/` as a deployment's ingress does: same path, same Host (Hawk signs it), answers
 * streamed. The request's body is read first, because the log and the faults want to know which machine calls.
 */
export async function forward(
  context: IngressContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const startedMs = performance.now();
  const body = await readBody(request);
  const call = describeApiCall(request.method ?? 'GET', request.url ?? '/', body);
  const fault = context.faults.strike(call);
  const log = (outcome: string): void =>
    context.log.write({
      kind: 'api',
      operation: call.operation,
      outcome,
      route: call.route,
      workerPoolId: call.workerPoolId,
      workerId: call.workerIds[0] ?? null,
      durationMs: Math.round(performance.now() - startedMs),
      ...(fault && { fault: fault.mode }),
    });
  try {
    await fault?.beforeActing();
  } catch (error) {
    if (error instanceof Refusal) {
      log(String(error.status));
      sendJson(response, error.status, { code: error.code, message: error.message });
      return;
    }
    log('request lost');
    response.destroy();
    return;
  }
  let answer: IncomingMessage;
  try {
    answer = await passOn(context.api(), request, body);
  } catch {
    log('502');
    sendJson(response, 502, { code: 'BadGateway', message: 'the API does not answer' });
    return;
  }
  log(String(answer.statusCode));
  try {
    await fault?.beforeAnswering();
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    answer.destroy();
    response.destroy();
    return;
  }
  response.writeHead(answer.statusCode ?? 502, withoutHopByHop(answer.headers));
  // Either side may go away in the middle; the other is then cut as well, and nobody is left to answer.
  await pipeline(answer, response).catch(() => undefined);
}

function passOn(api: URL | null, request: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  if (!api) throw new Error('no API is known');
  const onward = httpRequest({
    agent,
    host: api.hostname,
    port: api.port || 80,
    method: request.method,
    path: request.url,
    headers: {
      ...withoutHopByHop(request.headers),
      'content-length': body.length,
      'x-forwarded-for': request.socket.remoteAddress ?? '',
      'x-forwarded-proto': 'http',
    },
  });
  onward.on('response', resolve);
  onward.on('error', reject);
  onward.end(body);
  return promise;
}

const withoutHopByHop = (headers: IncomingMessage['headers']): IncomingMessage['headers'] =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.includes(name)));

export const closeIngress = (): void => agent.destroy();
