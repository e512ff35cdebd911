import { createHmac } from 'node:crypto';
import { sameText } from './secrets.js';
import { AuthenticationError, type Client, type Clients } from './client.js';
import { missingScopes, satisfies } from '../../domain/scopes.js';
import type { VerifiedCertificate } from './verified-certificates.js';

/** What a holder of temporary credentials sends along: who let them do what, from when to when. */
export interface Certificate {
  readonly version: 1;
  readonly scopes: readonly string[];
  readonly start: number;
  readonly expiry: number;
  readonly seed: string;
  readonly signature: string;
  /** Of named credentials; for unnamed ones the client itself is the issuer, and browsers' client says null. */
  readonly issuer?: string | null;
}

const MAX_SPAN_MS = 31 * 24 * 3600_000;
/** Clocks of issuers and ours may differ by this much. */
const CLOCK_SKEW_MS = 5 * 60_000;

/**
 * Judges a certificate presented for `clientId`, and gives the access token that its holder must have, with the scopes
 * it carries. Throws AuthenticationError.
 */
export function judgeCertificate(
  clientId: string,
  certificate: Certificate,
  clients: Clients,
  nowMs: number,
): VerifiedCertificate {
  const { start, expiry, scopes } = certificate;
  const issuerId = certificate.issuer ?? null;
  if (issuerId === clientId) throw new AuthenticationError('The certificate names its own client as issuer.');
  if (expiry - start > MAX_SPAN_MS) throw new AuthenticationError('The certificate spans more than 31 days.');
  if (start > nowMs + CLOCK_SKEW_MS) throw new AuthenticationError('The certificate is not valid yet.');
  if (expiry <= nowMs) throw new AuthenticationError('The certificate has expired.');

  const issuer = clients.find(issuerId ?? clientId, nowMs);
  if (!issuer || !sameText(signatureOf(certificate, clientId, issuer), certificate.signature)) {
    throw new AuthenticationError('The certificate is not signed by a known client.');
  }
  if (issuerId !== null && !satisfies(issuer.scopes, `auth:create-client:${clientId}`)) {
    throw new AuthenticationError(`The issuer may not name a client ${clientId}.`);
  }
  if (missingScopes(issuer.scopes, scopes).length > 0) {
    throw new AuthenticationError('The certificate holds scopes that its issuer does not have.');
  }
  const accessToken = createHmac('sha256', issuer.accessToken).update(certificate.seed).digest('base64url');
  const until = Math.min(expiry, issuer.expires ?? Infinity);
  return { accessToken, caller: { clientId, scopes }, issuerId, from: start - CLOCK_SKEW_MS, until };
}

function signatureOf(certificate: Certificate, clientId: string, issuer: Client): string {
  const names = certificate.issuer == null ? [] : [`clientId:${clientId}`, `issuer:${certificate.issuer}`];
  const lines = [
    `version:${certificate.version}`,
    ...names,
    `seed:${certificate.seed}`,
    `start:${certificate.start}`,
    `expiry:${certificate.expiry}`,
    'scopes:',
    certificate.scopes.join('\n'),
  ];
  return createHmac('sha256', issuer.accessToken).update(lines.join('\n')).digest('base64');
}
