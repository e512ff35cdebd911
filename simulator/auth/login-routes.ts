import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from '../errors.js';
import { readBody, send, sendJson } from '../http/exchange.js';
import type { RequestLog } from '../request-log.js';
import { decisionPage } from './login-page.js';
import type { Logins, Redirect } from './logins.js';

export interface LoginPagesContext {
  readonly logins: Logins;
  readonly log: RequestLog;
}

/**
 * A deployment's login for pages that act in people's names (OAuth 2, authorization code and implicit); `path` follows
 * `/login/oauth/`. Pages of any origin read the token and the credentials.
 */
export async function handleLoginPages(
  context: LoginPagesContext,
  path: string,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const call = `${request.method} ${path}`;
  switch (call) {
    case 'GET authorize':
      return authorize(context, query, response);
    case 'POST authorize/decision':
      return decide(context, await readForm(request), response);
  }
  response.setHeader('access-control-allow-origin', '*');
  switch (call) {
    case 'OPTIONS token':
    case 'OPTIONS credentials':
      response.setHeader('access-control-allow-headers', 'authorization, content-type');
      response.writeHead(204).end();
      return;
    case 'POST token':
      return exchange(context, await readForm(request), response);
    case 'GET credentials':
      return giveCredentials(context, request, response);
    default:
      throw new Refusal('ResourceNotFound', 'there is nothing here', 404);
  }
}

const readForm = async (request: IncomingMessage): Promise<URLSearchParams> =>
  new URLSearchParams((await readBody(request)).toString());

function authorize({ logins, log }: LoginPagesContext, query: URLSearchParams, response: ServerResponse): void {
  const applicationId = query.get('client_id') ?? '';
  const scope = (query.get('scope') ?? '').split(' ').filter(Boolean);
  const transactionId = logins.begin({
    applicationId,
    redirectUri: query.get('redirect_uri') ?? '',
    responseType: query.get('response_type') ?? '',
    scope,
    state: query.get('state'),
    expires: query.get('expires'),
  });
  log.write({
    kind: 'auth',
    operation: 'authorize',
    outcome: transactionId === null ? 'unauthorized_client' : 'ok',
    applicationId,
  });
  if (transactionId === null) throw new Refusal('unauthorized_client', 'no such page is registered', 403);
  const page = decisionPage({ transactionId, applicationId, scope, identities: logins.identities });
  send(response, 200, 'text/html; charset=utf-8', page);
}

function decide({ logins, log }: LoginPagesContext, form: URLSearchParams, response: ServerResponse): void {
  const identity = form.get('decision') === 'allow' ? form.get('identity') : null;
  const redirect = logins.decide(form.get('transaction_id') ?? '', identity);
  log.write({ kind: 'auth', operation: 'decision', outcome: redirect?.values['error'] ?? 'ok', identity });
  if (!redirect) throw new Refusal('Forbidden', 'there is nothing to decide', 403);
  response.writeHead(302, { location: locationOf(redirect) }).end();
}

function locationOf({ to, values, inFragment }: Redirect): string {
  const url = new URL(to);
  if (inFragment) url.hash = new URLSearchParams(values).toString();
  else for (const [name, value] of Object.entries(values)) url.searchParams.set(name, value);
  return url.href;
}

function exchange({ logins, log }: LoginPagesContext, form: URLSearchParams, response: ServerResponse): void {
  const answer = (status: number, outcome: string, value: object): void => {
    log.write({ kind: 'auth', operation: 'token', outcome });
    sendJson(response, status, value);
  };
  const grantType = form.get('grant_type') ?? '';
  if (grantType !== 'authorization_code') {
    const error_description = `Unsupported grant type: ${grantType}`;
    return answer(501, 'unsupported_grant_type', { error: 'unsupported_grant_type', error_description });
  }
  const token = logins.exchange(form.get('code') ?? '', form.get('redirect_uri') ?? '');
  if (token === null) {
    return answer(403, 'invalid_grant', { error: 'invalid_grant', error_description: 'Invalid authorization code' });
  }
  answer(200, 'ok', { access_token: token, token_type: 'Bearer' });
}

function giveCredentials({ logins, log }: LoginPagesContext, request: IncomingMessage, response: ServerResponse): void {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const given = logins.credentials(token);
  const clientId = given?.credentials.clientId ?? null;
  log.write({ kind: 'auth', operation: 'credentials', outcome: given ? 'ok' : 'InputError', clientId });
  if (!given) throw new Refusal('InputError', 'Could not generate credentials for this access token');
  sendJson(response, 200, given);
}
