import hawk from 'hawk';
import { judgeCertificate } from './certificate.js';
import { type Authenticated, AuthenticationError, type Caller, type Clients } from './client.js';
import { type HawkExt, parseExt } from './hawk-ext.js';
import { missingScopes } from './scopes.js';

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export interface SignedRequest {
  readonly method: string;
  /** Path and query as the client sent them. */
  readonly url: string;
  readonly authorization: string;
  /** Where the client may have thought that it sent the request; the signature covers one of them. */
  readonly hosts: readonly HostAndPort[];
}

/**
 * How far a client's clock may be from ours (docs/taskcluster-compatibility.md#authentication). A machine that is
 * refused for its clock ends itself.
 */
const TIMESTAMP_SKEW_SECONDS = 15 * 60;
/** As hawk's own limit; longer ones are refused before a byte of them is decoded. */
const MAX_HEADER_LENGTH = 4096;

/** Verifies a Hawk header with permanent or temporary credentials. Throws AuthenticationError. */
export async function authenticateHawk(
  request: SignedRequest,
  clients: Clients,
  nowMs: number,
): Promise<Authenticated> {
  const { authorization } = request;
  if (authorization.length > MAX_HEADER_LENGTH) throw new AuthenticationError('The Hawk header is too long.');
  // hawk looks credentials up by id alone, but temporary ones need `ext` too, which is not authenticated until the MAC
  // is: everything read from it here counts only because the MAC, which covers it, is made with the key derived from it.
  const ext = parseExt(/\bext="([^"]*)"/.exec(authorization)?.[1]);
  let refusal: AuthenticationError | null = null;
  for (const host of request.hosts) {
    const outcome = await tryHost(request, host, ext, clients, nowMs);
    if (!(outcome instanceof AuthenticationError)) return outcome;
    refusal ??= outcome;
  }
  throw refusal ?? new AuthenticationError('The request has no valid Host header.');
}

async function tryHost(
  { method, url, authorization }: SignedRequest,
  { host, port }: HostAndPort,
  ext: HawkExt,
  clients: Clients,
  nowMs: number,
): Promise<Authenticated | AuthenticationError> {
  try {
    const { credentials, artifacts } = await hawk.server.authenticate(
      { method, url, host, port, authorization },
      (id) => findClient(id, ext, clients, nowMs),
      { timestampSkewSec: TIMESTAMP_SKEW_SECONDS, localtimeOffsetMsec: nowMs - Date.now() },
    );
    const caller = restrict(credentials.caller, parseExt(artifacts.ext).authorizedScopes);
    return { ...caller, payloadHash: artifacts.hash };
  } catch (error) {
    if (error instanceof AuthenticationError) return error;
    return new AuthenticationError(error instanceof Error ? error.message : 'The Hawk header is not valid.');
  }
}

function findClient(clientId: string, ext: HawkExt, clients: Clients, nowMs: number) {
  if (ext.certificate) {
    const { accessToken, caller } = judgeCertificate(clientId, ext.certificate, clients, nowMs);
    return { key: accessToken, algorithm: 'sha256' as const, caller };
  }
  const client = clients.find(clientId, nowMs);
  if (!client) return null;
  return { key: client.accessToken, algorithm: 'sha256' as const, caller: { clientId, scopes: client.scopes } };
}

function restrict(caller: Caller, authorizedScopes: readonly string[] | undefined): Caller {
  if (!authorizedScopes) return caller;
  if (missingScopes(caller.scopes, authorizedScopes).length > 0) {
    throw new AuthenticationError('authorizedScopes holds scopes that the client does not have.');
  }
  return { ...caller, scopes: authorizedScopes };
}
