import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { count, oneOf, optionalText, text, type Body } from '../control/input.js';
import { Refusal } from '../errors.js';
import type { Faults } from '../faults.js';
import { readJson, send, sendJson } from '../http/exchange.js';
import type { RequestLog } from '../request-log.js';
import type { AuthClients } from './clients.js';
import type { Logins } from './logins.js';
import { authenticateHawk, type HawkQuestion } from './signatures.js';

export interface AuthContext {
  readonly clients: AuthClients;
  readonly faults: Faults;
  readonly log: RequestLog;
}

/** The part of Taskcluster's auth service that other services call; `path` follows `/api/auth/v1/`. */
export async function handleAuth(
  { clients, faults, log }: AuthContext,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (path === 'ping') return sendJson(response, 200, { alive: true });
  if (path !== 'authenticate-hawk' || request.method !== 'POST') {
    return sendJson(response, 404, {
      code: 'ResourceNotFound',
      message: 'the simulated auth service has no such route',
    });
  }
  const operation = 'authenticateHawk';
  const fault = faults.strike({ operation });
  try {
    const question = readQuestion(await readJson(request));
    await fault?.beforeActing();
    const answer = await authenticateHawk(clients, question);
    log.write({
      kind: 'auth',
      operation,
      outcome: answer.status,
      clientId: 'clientId' in answer ? answer.clientId : null,
      resource: question.resource.split('?')[0],
    });
    await fault?.beforeAnswering();
    const { otherAnswer } = clients;
    if (otherAnswer) return send(response, otherAnswer.status, otherAnswer.type, otherAnswer.body);
    sendJson(response, 200, answer);
  } catch (error) {
    if (error instanceof Refusal) log.write({ kind: 'auth', operation, outcome: error.code });
    throw error;
  }
}

const METHODS = ['get', 'post', 'put', 'head', 'delete', 'options', 'patch'];
const KEYS = ['method', 'resource', 'host', 'port', 'authorization', 'sourceIp'];
/** JSON Schema's `hostname`, which takes IPv4 addresses too. */
const HOSTNAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

function readQuestion(body: Body): HawkQuestion {
  const unknown = Object.keys(body).find((key) => !KEYS.includes(key));
  const { method, resource, host, port, authorization, sourceIp } = body;
  const isRight =
    unknown === undefined &&
    METHODS.includes(String(method)) &&
    typeof resource === 'string' &&
    typeof host === 'string' &&
    HOSTNAME.test(host) &&
    Number.isInteger(port) &&
    Number(port) >= 0 &&
    Number(port) <= 65_535 &&
    (authorization === undefined || typeof authorization === 'string') &&
    (sourceIp === undefined || (typeof sourceIp === 'string' && isIP(sourceIp) !== 0));
  if (!isRight) throw new Refusal('InputValidationError', 'authenticateHawk takes a request to be checked');
  return body as unknown as HawkQuestion;
}

/**
 * - `PUT /simulator/auth/clients/<id>` `{accessToken, scopes, expires?, disabled?}`, `DELETE` of it
 * - `PUT /simulator/auth/roles/<id>` `{scopes}`
 * - `PUT /simulator/auth/users/<identity>` `{scopes}`: somebody who may log in
 * - `PUT /simulator/auth/applications/<id>` `{scope, redirectUri, responseType, maxExpires?}`: where to
 * - `POST /simulator/auth/answer` `{status?, type?, body, repeat?}`: authenticateHawk's answer to whatever comes; `{}`:
 *   the truth again
 */
export function controlAuth(
  { clients, logins }: { clients: AuthClients; logins: Logins },
  call: string,
  id: string,
  body: Body,
): unknown {
  switch (call) {
    case 'PUT clients': {
      const expires = optionalText(body, 'expires');
      const expiresMs = expires === null ? null : Date.parse(expires);
      const disabled = body['disabled'] === true;
      clients.put(id, { accessToken: text(body, 'accessToken'), scopes: textsOf(body, 'scopes'), expiresMs, disabled });
      return {};
    }
    case 'DELETE clients':
      return { removed: clients.remove(id) };
    case 'PUT roles':
      clients.putRole(id, textsOf(body, 'scopes'));
      return {};
    case 'PUT users':
      logins.putUser(id, textsOf(body, 'scopes'));
      return {};
    case 'PUT applications':
      logins.putApplication(id, {
        scope: textsOf(body, 'scope'),
        redirectUri: textsOf(body, 'redirectUri'),
        responseType: oneOf(body, 'responseType', ['code', 'token']),
        maxExpires: optionalText(body, 'maxExpires') ?? '1 hour',
      });
      return {};
    case 'POST answer':
      clients.otherAnswer = typeof body['body'] === 'string' ? otherAnswer(body, body['body']) : null;
      return {};
    default:
      throw new Refusal('ResourceNotFound', `auth has no ${call}`, 404);
  }
}

const otherAnswer = (body: Body, said: string) => ({
  status: count(body, 'status', 200),
  type: optionalText(body, 'type') ?? 'application/json',
  body: said.repeat(count(body, 'repeat', 1)),
});

function textsOf(body: Body, name: string): string[] {
  const texts = body[name];
  if (!Array.isArray(texts) || !texts.every((each) => typeof each === 'string')) {
    throw new Refusal('InputValidationError', `${name} must be a list of texts`);
  }
  return texts;
}
