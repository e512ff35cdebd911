import hawk from 'hawk';
import { isObject } from '../../domain/values.js';
import { judgeCertificate } from './certificate.js';
import { type Authenticated, AuthenticationError, type Caller, type Clients } from './client.js';
import { type HawkExt, parseExt } from './hawk-ext.js';
import { missingScopes } from '../../domain/scopes.js';
import type { Presented, PresentedSignature } from './signature.js';

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export interface SignedRequest extends Presented {
  readonly method: string;
  readonly signature: PresentedSignature;
  /** Where the client may have thought that it sent the request; the signature covers one of them. */
  readonly hosts: readonly HostAndPort[];
}

/**
 * How far a client's clock may be from ours (docs/taskcluster-compatibility.md#authentication). A machine that is
 * refused for its clock ends itself.
 */
export const TIMESTAMP_SKEW_SECONDS = 15 * 60;
/**
 * As hawk's own limit, of headers and of URLs with a bewit; what is longer is refused before a byte of it is decoded.
 */
const MAX_LENGTH = 4096;

/** Verifies a Hawk header or a bewit of permanent or temporary credentials. Throws AuthenticationError. */
export async function authenticateHawk(
  request: SignedRequest,
  clients: Clients,
  nowMs: number,
): Promise<Authenticated> {
  const { url, authorization, signature } = request;
  if ((authorization ?? url).length > MAX_LENGTH) throw new AuthenticationError('The Hawk signature is too long.');
  // hawk looks credentials up by id alone, but temporary ones need `ext` too, which is not authenticated until the MAC
  // is: everything read from it here counts only because the MAC, which covers it, is made with the key derived from
  // it.
  const ext = parseExt(signature.ext);
  const verify = signature.scheme === 'hawk' ? verifyHeader : verifyBewit;
  let refusal: AuthenticationError | null = null;
  for (const host of request.hosts) {
    try {
      return await verify(request, host, (id) => findClient(id, ext, clients, nowMs), nowMs - Date.now());
    } catch (error) {
      const refused = toRefusal(error, nowMs);
      // One that knows the time has found the right host.
      if (!refusal || refused.challenge.includes('tsm')) refusal = refused;
    }
  }
  throw refusal ?? new AuthenticationError('The request has no valid Host header.');
}

interface FoundClient {
  readonly key: string;
  readonly algorithm: 'sha256';
  readonly caller: Caller;
}

type Verify = (
  request: SignedRequest,
  host: HostAndPort,
  find: (clientId: string) => FoundClient | null,
  localtimeOffsetMsec: number,
) => Promise<Authenticated>;

const verifyHeader: Verify = async ({ method, url, authorization = '' }, { host, port }, find, localtimeOffsetMsec) => {
  const sent = { method, url, host, port, authorization };
  const options = { timestampSkewSec: TIMESTAMP_SKEW_SECONDS, localtimeOffsetMsec };
  const { credentials, artifacts } = await hawk.server.authenticate(sent, find, options);
  return { ...restrict(credentials.caller, artifacts.ext), payloadHash: artifacts.hash };
};

/** A URL that whoever has it may read until the instant in it: so of GET only. */
const verifyBewit: Verify = async ({ method, url }, { host, port }, find, localtimeOffsetMsec) => {
  const sent = { method, url, host, port };
  const { credentials, attributes } = await hawk.server.authenticateBewit(sent, find, { localtimeOffsetMsec });
  return restrict(credentials.caller, attributes.ext);
};

function findClient(clientId: string, ext: HawkExt, clients: Clients, nowMs: number): FoundClient | null {
  if (ext.certificate) {
    const { accessToken, caller } = judgeCertificate(clientId, ext.certificate, clients, nowMs);
    return { key: accessToken, algorithm: 'sha256', caller };
  }
  const client = clients.find(clientId, nowMs);
  if (!client) return null;
  return { key: client.accessToken, algorithm: 'sha256', caller: { clientId, scopes: client.scopes } };
}

function restrict(caller: Caller, ext: string | undefined): Caller {
  const { authorizedScopes } = parseExt(ext);
  if (!authorizedScopes) return caller;
  if (missingScopes(caller.scopes, authorizedScopes).length > 0) {
    throw new AuthenticationError('authorizedScopes holds scopes that the client does not have.');
  }
  return { ...caller, scopes: authorizedScopes };
}

/**
 * hawk answers a caller whose MAC holds and whose clock is off with our time, under a MAC that the caller can verify.
 */
function toRefusal(error: unknown, nowMs: number): AuthenticationError {
  if (error instanceof AuthenticationError) return error;
  const challenge = challengeOf(error);
  if (challenge?.includes('tsm=')) {
    const now = new Date(nowMs).toISOString();
    const text = `The caller's clock is more than ${TIMESTAMP_SKEW_SECONDS / 60} minutes from ours, which says ${now}.`;
    return new AuthenticationError(text, challenge);
  }
  return new AuthenticationError(error instanceof Error ? error.message : 'The Hawk signature is not valid.');
}

function challengeOf(error: unknown): string | undefined {
  if (!isObject(error) || !isObject(error.output) || !isObject(error.output.headers)) return undefined;
  const challenge = error.output.headers['WWW-Authenticate'];
  return typeof challenge === 'string' ? challenge : undefined;
}
