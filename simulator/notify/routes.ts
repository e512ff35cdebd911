import type { IncomingMessage, ServerResponse } from 'node:http';
import { satisfiesAll, type AuthClients } from '../auth/clients.js';
import { authenticateHawk } from '../auth/signatures.js';
import { ConnectionLost, Refusal } from '../errors.js';
import type { Faults } from '../faults.js';
import { readJson, sendJson } from '../http/exchange.js';
import type { RequestLog } from '../request-log.js';

export interface NotifyContext {
  readonly clients: AuthClients;
  readonly faults: Faults;
  readonly log: RequestLog;
}

const OPERATION = 'email';
const MAX_SUBJECT = 255;
const MAX_CONTENT = 102_400;

/** The part of Taskcluster's notify service that sends mail: to the request log. `path` follows `/api/notify/v1/`. */
export async function handleNotify(
  context: NotifyContext,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { faults, log } = context;
  if (path === 'ping') return sendJson(response, 200, { alive: true });
  if (path !== 'email' || request.method !== 'POST') {
    throw new Refusal('ResourceNotFound', 'the simulated notify service has no such route', 404);
  }
  const fault = faults.strike({ operation: OPERATION });
  try {
    const mail = readMail(await readJson(request));
    await fault?.beforeActing();
    await assertMayMail(context, request, mail.address);
    log.write({ kind: 'notify', operation: OPERATION, outcome: 'ok', ...mail });
    await fault?.beforeAnswering();
    sendJson(response, 200, {});
  } catch (error) {
    if (error instanceof Refusal) log.write({ kind: 'notify', operation: OPERATION, outcome: error.code });
    if (!(error instanceof ConnectionLost)) throw error;
    response.destroy();
  }
}

function readMail({ address, subject, content, ...others }: Record<string, unknown>) {
  const isRight =
    Object.keys(others).every((key) => key === 'link' || key === 'template') &&
    typeof address === 'string' &&
    /^[^@\s]+@[^@\s]+$/.test(address) &&
    typeof subject === 'string' &&
    subject.length >= 1 &&
    subject.length <= MAX_SUBJECT &&
    typeof content === 'string' &&
    content.length >= 1 &&
    content.length <= MAX_CONTENT;
  if (!isRight) throw new Refusal('InputValidationError', 'email takes address, subject and content');
  return { address, subject, content };
}

async function assertMayMail({ clients }: NotifyContext, request: IncomingMessage, address: string): Promise<void> {
  const { authorization, host = '' } = request.headers;
  const { hostname, port } = new URL(`http://${host}`);
  const answer = await authenticateHawk(clients, {
    ...{ method: 'post', resource: request.url ?? '', host: hostname, port: Number(port) || 80 },
    ...(authorization !== undefined && { authorization }),
  });
  if (answer.status === 'auth-failed') throw new Refusal('AuthenticationFailed', answer.message, 401);
  if (!satisfiesAll(answer.scopes, [`notify:email:${address}`])) {
    throw new Refusal('InsufficientScopes', `notify:email:${address} is needed`, 403);
  }
}
