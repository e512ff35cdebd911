import { AuthService, AuthServiceUnavailableError } from '../api/auth/auth-service.js';
import { AuthenticationError } from '../api/auth/client.js';
import { issuerScopes } from '../api/auth/credentials.js';
import { likelyHosts } from '../api/auth/hosts.js';
import { signedBy } from '../api/auth/sign.js';
import { missingScopes } from '../domain/scopes.js';
import { API_PREFIX } from '../api/http/paths.js';
import type { Config } from '../config/schema.js';
import { firstLineOf } from '../domain/values.js';
import { EXIT, ExitError } from './exit.js';

/** A client of the deployment, as the configuration names it. */
export interface AuthClient {
  readonly clientId: string;
  readonly accessToken: string;
}

/** What `serve` needs of the auth service: an answer, and an issuer whose credentials for workers hold. Only reads. */
export function authQuestions({ auth, rootUrl, issuer }: Config): { name: string; check: () => Promise<unknown> }[] {
  if (auth.type !== 'taskcluster' || !issuer) return [];
  return [
    { name: 'auth', check: () => scopesOf(rootUrl) },
    { name: 'auth, issuer', check: async () => assertIssuer(await scopesOf(rootUrl, issuer)) },
  ];
}

const PING_PATH = `${API_PREFIX}/ping`;

/** What the auth service says that the client may do, roles expanded; without one what anybody may. */
export async function scopesOf(rootUrl: string, client?: AuthClient): Promise<readonly string[]> {
  const authorization = client && signedBy(client, { method: 'GET', url: new URL(PING_PATH, rootUrl).href });
  const service = new AuthService(rootUrl, () => {});
  const hosts = likelyHosts({ host: undefined, forwardedHost: undefined }, [rootUrl]);
  const question = { method: 'GET', url: PING_PATH, authorization, address: '', hosts };
  try {
    return (await service.authenticate(question)).scopes;
  } catch (error) {
    if (error instanceof AuthServiceUnavailableError) {
      const line = `the auth service at ${rootUrl} does not answer as it should: ${error.message}; is rootUrl right?`;
      throw new ExitError(EXIT.unreachable, line);
    }
    if (!(error instanceof AuthenticationError)) throw error;
    throw new ExitError(EXIT.bad, `the auth service refuses these credentials: ${firstLineOf(error)}`);
  }
}

function assertIssuer(scopes: readonly string[]): void {
  const missing = missingScopes(scopes, issuerScopes);
  if (missing.length === 0) return;
  throw new ExitError(EXIT.bad, `workers’ credentials would not hold; its client lacks ${missing.join(', ')}`);
}
