import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from '../errors.js';
import { readBody, sendJson } from '../http/exchange.js';
import type { RequestLog } from '../request-log.js';

const TOKEN_SECONDS = 3600;

export interface LoginContext {
  /** The client secret that is right at the moment. */
  readonly secret: () => string;
  readonly log: RequestLog;
}

/** Microsoft Entra ID, as far as a client secret needs it; `path` follows `/azure-login/`: `<tenant>/…`. */
export async function handleLogin(
  context: LoginContext,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [tenant = '', ...rest] = path.split('/');
  const authority = `https://${request.headers.host ?? ''}/azure-login/${tenant}`;
  switch (rest.join('/')) {
    case 'v2.0/.well-known/openid-configuration':
      return sendJson(response, 200, {
        issuer: `${authority}/v2.0`,
        authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
        token_endpoint: `${authority}/oauth2/v2.0/token`,
        jwks_uri: `${authority}/discovery/v2.0/keys`,
      });
    case 'discovery/instance':
      return sendJson(response, 200, {
        tenant_discovery_endpoint: `${authority}/v2.0/.well-known/openid-configuration`,
        'api-version': '1.1',
        metadata: [],
      });
    case 'oauth2/v2.0/token':
      return giveToken(context, tenant, request, response);
    default:
      throw new Refusal('ResourceNotFound', 'there is nothing here', 404);
  }
}

async function giveToken(
  { secret, log }: LoginContext,
  tenant: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const form = new URLSearchParams((await readBody(request)).toString());
  const write = (outcome: string): void =>
    log.write({ kind: 'arm', operation: 'POST token', outcome, tenant, clientId: form.get('client_id') });
  if (form.get('grant_type') !== 'client_credentials') {
    write('AADSTS70003');
    return refuse(response, 400, 'unsupported_grant_type', 70003, 'The app requested an unsupported grant type.');
  }
  if (form.get('client_secret') !== secret()) {
    write('AADSTS7000215');
    return refuse(response, 401, 'invalid_client', 7000215, 'Invalid client secret provided.');
  }
  write('ok');
  sendJson(response, 200, {
    token_type: 'Bearer',
    expires_in: TOKEN_SECONDS,
    ext_expires_in: TOKEN_SECONDS,
    access_token: `simulated.${Date.now() + TOKEN_SECONDS * 1000}.${randomUUID()}`,
  });
}

/** Over plain HTTP Azure's clients send no token, so none is checked there. */
export function acceptsToken(authorization: string | undefined, secure: boolean): boolean {
  if (!secure) return true;
  const expires = /^Bearer simulated\.(\d{1,15})\.[-0-9a-f]{36}$/.exec(authorization ?? '')?.[1];
  return expires !== undefined && Number(expires) > Date.now();
}

function refuse(response: ServerResponse, status: number, error: string, code: number, message: string): void {
  sendJson(response, status, {
    error,
    error_description: `AADSTS${code}: ${message}`,
    error_codes: [code],
    timestamp: new Date().toISOString(),
    trace_id: randomUUID(),
    correlation_id: randomUUID(),
  });
}
