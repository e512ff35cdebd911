import type { AuthService } from './auth-service.js';
import { type Authenticated, AuthenticationError, type Clients } from './client.js';
import { parseWorkerClientId } from './credentials.js';
import { authenticateHawk, type KnownSigners } from './hawk.js';
import { issuerOf } from './hawk-ext.js';
import { likelyHosts, type NamedHosts, possibleHosts } from './hosts.js';
import { signedBy, type TaskclusterCredentials } from './sign.js';
import { hasBewit, isHawk, type Presented, type PresentedSignature, presentedSignature } from './signature.js';

export interface AuthSettings {
  readonly type: 'open' | 'static' | 'taskcluster';
  /** rootUrl, and the public URL where there is one. */
  readonly ownUrls: readonly string[];
  /** Who signs workers' credentials. */
  readonly issuerId: string;
}

export interface IncomingRequest extends Presented {
  readonly method: string;
  readonly hosts: NamedHosts;
  readonly address: string;
}

/**
 * Who sent this request. Credentials that are given are always checked, in `open` mode too: that is how machines are
 * known by theirs. Without any, the caller has all scopes in `open` mode, in `static` none, and in `taskcluster` what
 * the deployment gives to everybody. Throws AuthenticationError, and AuthServiceUnavailableError where another service
 * has to say it.
 */
export async function authenticate(
  request: IncomingRequest,
  settings: AuthSettings,
  by: KnownSigners & { readonly authService: AuthService | null },
  nowMs: number,
): Promise<Authenticated> {
  const { authorization, hosts: named } = request;
  const signature = presentedSignature(request);
  assertReadable(request, signature);
  if (by.authService && !isOurWorker(signature, settings.issuerId, by, nowMs)) {
    if (authorization !== undefined && !isHawk(authorization)) {
      throw new AuthenticationError('The Authorization header must be of the scheme Hawk.');
    }
    return await by.authService.authenticate({ ...request, hosts: likelyHosts(named, settings.ownUrls) });
  }
  if (signature) {
    const hosts = possibleHosts(named, settings.ownUrls);
    return await authenticateHawk({ ...request, signature, hosts }, by, nowMs);
  }
  if (authorization === undefined) return { clientId: null, scopes: settings.type === 'open' ? ['*'] : [] };
  return authenticateBearer(authorization, by.clients, nowMs);
}

/** hawk takes an instant that is no number for one that is never over. */
function assertReadable(request: Presented, signature: PresentedSignature | null): void {
  if (request.authorization !== undefined && hasBewit(request)) {
    throw new AuthenticationError('The request has both an Authorization header and a bewit; send one of them.');
  }
  if (signature && !/^\d{1,11}(\.\d{1,9})?$/.test(signature.instant)) {
    throw new AuthenticationError('The Hawk signature has no time in seconds.');
  }
}

/** The same for one who gives credentials and cannot sign. Throws the same. */
export async function authenticateAs(
  credentials: TaskclusterCredentials,
  request: IncomingRequest,
  settings: AuthSettings,
  by: KnownSigners & { readonly authService: AuthService | null },
  nowMs: number,
): Promise<Authenticated> {
  const { method, url, hosts } = request;
  const [host] = likelyHosts(hosts, settings.ownUrls);
  if (!host) throw new AuthenticationError('The request has no valid Host header.');
  const address = `http://${host.host}:${host.port}${url}`;
  const authorization = signedBy(credentials, { method, url: address }, nowMs);
  return await authenticate({ ...request, authorization }, settings, by, nowMs);
}

/** Credentials that we made and can judge ourselves, so that machines need no other service than this one. */
function isOurWorker(
  signature: PresentedSignature | null,
  issuerId: string,
  { certificates }: KnownSigners,
  nowMs: number,
): boolean {
  if (signature === null || parseWorkerClientId(signature.clientId) === null) return false;
  return (certificates.find(signature, nowMs)?.issuerId ?? issuerOf(signature.ext)) === issuerId;
}

function authenticateBearer(authorization: string, clients: Clients, nowMs: number): Authenticated {
  const [scheme = '', token = ''] = authorization.split(/ +(.*)/s);
  if (scheme.toLowerCase() !== 'bearer') {
    throw new AuthenticationError('The Authorization header must be of the scheme Hawk or Bearer.');
  }
  const client = clients.findByToken(token.trim(), nowMs);
  if (!client) throw new AuthenticationError('The access token is not valid.');
  return { clientId: client.clientId, scopes: client.scopes };
}
