import { createPublicKey, createVerify, randomUUID, sign, type KeyObject } from 'node:crypto';
import { Refusal } from '../errors.js';
import type { Properties } from './resource.js';

const TOKEN_SECONDS = 3600;
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JSON web token, RS256 (RFC 7515, RFC 7518 §3.3). Without a key: unsigned, as only an attacker sends it. */
export function signToken(claims: Properties, kid: string, key: KeyObject | null): string {
  const signed = `${encode({ alg: key ? 'RS256' : 'none', kid, typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${key ? sign('sha256', Buffer.from(signed), key).toString('base64url') : ''}`;
}

export const newAccessToken = (email: string) => ({
  access_token: `ya29.simulated.${Date.now() + TOKEN_SECONDS * 1000}.${Buffer.from(email).toString('base64url')}.${randomUUID()}`,
  expires_in: TOKEN_SECONDS - 1,
  token_type: 'Bearer',
});

/** Public keys of service accounts' key files, PEM by key id. */
export type AccountKeys = Readonly<Record<string, { readonly email: string; readonly publicKey: string }>>;

/**
 * Whose call it is. `anonymous` without the header: over plain HTTP a client may send none. Throws on a token that is
 * neither one of ours nor signed with a key file of ours, or that has expired.
 */
export function callerOf(authorization: string | undefined, keys: AccountKeys): string {
  if (authorization === undefined) return 'anonymous';
  const token = /^Bearer (.+)$/.exec(authorization)?.[1] ?? '';
  const [, expires = '0', email = ''] = /^ya29\.simulated\.(\d{1,15})\.([\w-]+)\.[-0-9a-f]{36}$/.exec(token) ?? [];
  if (Number(expires) > Date.now()) return Buffer.from(email, 'base64url').toString();
  const signedBy = verifyAssertion(token, keys);
  if (signedBy !== null) return signedBy;
  throw new Refusal(
    'authError',
    'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
    401,
  );
}

/** The service account that signed the token with one of its keys; null unless signature and times are good. */
export function verifyAssertion(token: string, keys: AccountKeys): string | null {
  const [header = '', payload = '', signature = ''] = token.split('.');
  let claims: { iss?: string; exp?: number };
  try {
    claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as typeof claims;
  } catch {
    return null;
  }
  if (!(Number(claims.exp) * 1000 > Date.now())) return null;
  // Assertions for the token endpoint name no key.
  const own = Object.values(keys).filter(({ email }) => email === claims.iss);
  const signer = own.find(({ publicKey }) =>
    createVerify('sha256')
      .update(`${header}.${payload}`)
      .verify(createPublicKey(publicKey), Buffer.from(signature, 'base64url')),
  );
  return signer?.email ?? null;
}
