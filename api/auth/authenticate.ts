import { type Authenticated, AuthenticationError, type Clients } from './client.js';
import { authenticateHawk } from './hawk.js';
import { type NamedHosts, possibleHosts } from './hosts.js';

export interface AuthSettings {
  readonly type: 'open' | 'static';
  /** rootUrl, and the public URL where there is one. */
  readonly ownUrls: readonly string[];
}

export interface IncomingRequest {
  readonly method: string;
  /** As it was sent: path and query. */
  readonly url: string;
  readonly authorization: string | undefined;
  readonly hosts: NamedHosts;
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
): Promise<Authenticated> {
  const header = request.authorization;
  if (header === undefined) return { clientId: null, scopes: settings.type === 'open' ? ['*'] : [] };

  const [scheme = '', token = ''] = header.split(/ +(.*)/s);
  switch (scheme.toLowerCase()) {
    case 'hawk': {
      const hosts = possibleHosts(request.hosts, settings.ownUrls);
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
