import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from '../errors.js';
import { readBody, sendJson, sendText } from '../http/exchange.js';
import { managerAccount, workerAccount, uniqueIdOf } from './accounts.js';
import { attend, type Surroundings } from './attend.js';
import { sendError } from './endpoint.js';
import type { GoogleKeys } from './keys.js';
import { projectNumber } from './places.js';
import { newAccessToken, verifyAssertion } from './tokens.js';

export interface GoogleIdentityContext extends Surroundings {
  readonly keys: GoogleKeys;
  readonly projects: readonly string[];
  /** How long a copy of the keys may be used. */
  readonly certsMaxAgeSeconds: number;
}

/** `/oauth2/v3/certs`: a set of keys; `/oauth2/v1/certs`: certificates by key id. */
export async function handleCerts(
  context: GoogleIdentityContext,
  version: string,
  response: ServerResponse,
): Promise<void> {
  const { keys, certsMaxAgeSeconds } = context;
  try {
    const value = await attend(context, { operation: 'certs' }, { version }, async () => ({
      value: version === 'v3' ? await keys.keySet() : await keys.certificates(),
    }));
    response.setHeader('cache-control', `public, max-age=${certsMaxAgeSeconds}, must-revalidate, no-transform`);
    sendJson(response, 200, value);
  } catch (error) {
    sendError(error, response);
  }
}

/**
 * The token endpoint: for an assertion signed with a key file, or, as Google's security token service, for any subject
 * token.
 */
export async function handleToken(
  context: GoogleIdentityContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const form = new URLSearchParams((await readBody(request)).toString());
  const grant = form.get('grant_type') ?? '';
  try {
    const value = await attend(context, { operation: 'token' }, { grant }, () => ({
      value: exchangeToken(context, form),
    }));
    sendJson(response, 200, value);
  } catch (error) {
    if (!(error instanceof Refusal)) return sendError(error, response);
    sendJson(response, error.status, { error: error.code, error_description: error.message });
  }
}

function exchangeToken({ keys, projects }: GoogleIdentityContext, form: URLSearchParams): object {
  switch (form.get('grant_type')) {
    case 'urn:ietf:params:oauth:grant-type:jwt-bearer': {
      const email = verifyAssertion(form.get('assertion') ?? '', keys.accounts);
      if (email === null) throw new Refusal('invalid_grant', 'Invalid JWT Signature.', 400);
      return newAccessToken(email);
    }
    case 'urn:ietf:params:oauth:grant-type:token-exchange':
      return {
        ...newAccessToken(managerAccount(projects[0] ?? '')),
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      };
    default:
      throw new Refusal('unsupported_grant_type', 'Invalid grant_type', 400);
  }
}

/** Refuses a request that a browser or a proxy might have been tricked into. */
export function assertFlavor(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('metadata-flavor', 'Google');
  if (request.headers['metadata-flavor'] === 'Google') return;
  throw new Refusal('Forbidden', 'Missing required header "Metadata-Flavor": "Google"', 403);
}

/** The metadata server of a machine in which a worker manager itself runs; `item` follows `/computeMetadata/v1/`. */
export async function handleOwnMetadata(
  context: GoogleIdentityContext,
  item: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  assertFlavor(request, response);
  const project = context.projects[0] ?? '';
  const account = managerAccount(project);
  switch (item.replace(/\/$/, '').replace(account, 'default')) {
    case '':
    case 'instance':
      return sendText(response, 'attributes/\n');
    case 'project/project-id':
      return sendText(response, project);
    case 'project/numeric-project-id':
      return sendText(response, projectNumber(project));
    case 'universe/universe-domain':
      return sendText(response, 'googleapis.com');
    case 'instance/service-accounts':
      return sendJson(response, 200, { default: { email: account, aliases: ['default'], scopes: [] } });
    case 'instance/service-accounts/default/email':
      return sendText(response, account);
    case 'instance/service-accounts/default/token':
      try {
        const value = newAccessToken(account);
        return sendJson(response, 200, await attend(context, { operation: 'metadata.token' }, {}, () => ({ value })));
      } catch (error) {
        return sendError(error, response);
      }
    default:
      throw new Refusal('NotFound', `no metadata ${item}`, 404);
  }
}

/** For tests: the machines' service account, by e-mail and number. */
export const workerIdentity = (project: string): { email: string; uniqueId: string } => {
  const email = workerAccount(project);
  return { email, uniqueId: uniqueIdOf(email) };
};
