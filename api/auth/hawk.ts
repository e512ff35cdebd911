import hawk from 'hawk';
import { isObject } from '../../domain/values.js';
import { judgeCertificate } from './certificate.js';
import { type Authenticated, AuthenticationError, type Caller, type Clients } from './client.js';
import { parseExt } from './hawk-ext.js';
import { missingScopes } from '../../domain/scopes.js';
import type { Presented, PresentedSignature } from './signature.js';
import type { VerifiedCertificates } from './verified-certificates.js';

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

/** Whom signatures are judged by. */
export interface KnownSigners {
  readonly clients: Clients;
  readonly certificates: VerifiedCertificates;
}

/** Verifies a Hawk header or a bewit of permanent or temporary credentials. Throws AuthenticationError. */
export async function authenticateHawk(
  request: SignedRequest,
  signers: KnownSigners,
  nowMs: number,
): Promise<Authenticated> {
  const { url, authorization, signature } = request;
  if ((authorization ?? url).length > MAX_LENGTH) throw new AuthenticationError('The Hawk signature is too long.');
  // hawk looks credentials up by id alone, but temporary ones need `ext` too, which is not authenticated until the MAC
  // is: everything read from it here counts only because the MAC, which covers it, is made with the key derived from
  // it.
  const signer = findSigner(signature, signers, nowMs);
  const verify = signature.scheme === 'hawk' ? verifyHeader : verifyBewit;
  let refusal: AuthenticationError | null = null;
  for (const host of request.hosts) {
    try {
      const { payloadHash } = await verify(request, host, signer, nowMs - Date.now());
      return { ...signer.accept(), payloadHash };
    } catch (error) {
      const refused = toRefusal(error, nowMs);
      // One that knows the time has found the right host.
      if (!refusal || refused.challenge.includes('tsm')) refusal = refused;
    }
  }
  throw refusal ?? new AuthenticationError('The request has no valid Host header.');
}

/** Whose key the signature must have been made with. */
interface Signer {
  readonly key: string;
  readonly algorithm: 'sha256';
  /** Once the signature holds: who it is, with the scopes that are left. Throws AuthenticationError. */
  accept(): Caller;
}

/** Throws AuthenticationError. */
function findSigner(signature: PresentedSignature, { clients, certificates }: KnownSigners, nowMs: number): Signer {
  const verified = certificates.find(signature, nowMs);
  if (verified) return signerWith(verified.accessToken, () => verified.caller);
  const { clientId } = signature;
  const { certificate, authorizedScopes } = parseExt(signature.ext);
  if (!certificate) {
    const client = clients.find(clientId, nowMs);
    if (!client) throw new AuthenticationError('Unknown credentials');
    return signerWith(client.accessToken, () => restrict({ clientId, scopes: client.scopes }, authorizedScopes));
  }
  const judged = judgeCertificate(clientId, certificate, clients, nowMs);
  return signerWith(judged.accessToken, () => {
    const caller = restrict(judged.caller, authorizedScopes);
    certificates.add(signature, { ...judged, caller });
    return caller;
  });
}

const signerWith = (key: string, accept: () => Caller): Signer => ({ key, algorithm: 'sha256', accept });

/** Resolves where the signature is the signer's. */
type Verify = (
  request: SignedRequest,
  host: HostAndPort,
  signer: Signer,
  localtimeOffsetMsec: number,
) => Promise<{ readonly payloadHash?: string | undefined }>;

const verifyHeader: Verify = async (request, { host, port }, signer, localtimeOffsetMsec) => {
  const { method, url, authorization = '', signature } = request;
  const sent = { method, url, host, port, authorization };
  const options = { timestampSkewSec: TIMESTAMP_SKEW_SECONDS, localtimeOffsetMsec };
  const { artifacts } = await hawk.server.authenticate(sent, () => signer, options);
  assertSame(artifacts, signature);
  return { payloadHash: artifacts.hash };
};

/** A URL that whoever has it may read until the instant in it: so of GET only. */
const verifyBewit: Verify = async ({ method, url, signature }, { host, port }, signer, localtimeOffsetMsec) => {
  const sent = { method, url, host, port };
  const { attributes } = await hawk.server.authenticateBewit(sent, () => signer, { localtimeOffsetMsec });
  assertSame(attributes, signature);
  return {};
};

/** The signer was found by what we read off the request; hawk reads for itself what the signature covers. */
function assertSame(covered: { readonly id: string; readonly ext?: string }, read: PresentedSignature): void {
  if (covered.id === read.clientId && (covered.ext ?? '') === (read.ext ?? '')) return;
  throw new AuthenticationError('The Hawk signature is not valid.');
}

function restrict(caller: Caller, authorizedScopes: readonly string[] | undefined): Caller {
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
