import { AuthenticationError, type Caller, type Clients } from './client.js';
import { authenticateHawk } from './hawk.js';
import { possibleHosts } from './hosts.js';

export interface AuthSettings {
  readonly type: 'open' | 'static';
  /** rootUrl, and the public URL where there is one. */
  readonly ownUrls: readonly string[];
  readonly trustProxy: boolean;
}

export interface IncomingRequest {
  readonly method: string;
  /** As it was sent: path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * Who sent this request. Credentials that are given are always checked, in `open` mode too: that is how machines are
 * known by theirs. Without any, the caller has all scopes in `open` mode, else none.
 * Throws AuthenticationError.
 */
export async function authenticate(
  request: IncomingRequest,
  settings: AuthSettings,
  clients: Clients,
  nowMs: number,
): Promise<Caller> {
  const { headers } = request;
  const header = one(headers.authorization);
  if (header === undefined) return { clientId: null, scopes: settings.type === 'open' ? ['*'] : [] };

  const [scheme = '', token = ''] = header.split(/ +(.*)/s);
  switch (scheme.toLowerCase()) {
    case 'hawk': {
      const hosts = possibleHosts(headers, settings.ownUrls, settings.trustProxy);
      return authenticateHawk({ ...request, authorization: header, hosts }, clients, nowMs);
    }
    case 'bearer': {
      const client = clients.findByToken(token.trim(), nowMs);
      if (!client) throw new AuthenticationError('The access token is not valid.');
      return { clientId: client.clientId, scopes: client.scopes };
    }
    default:
      throw new AuthenticationError('The Authorization header must be of the scheme Hawk or Bearer.');
  }
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
