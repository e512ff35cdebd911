import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { Worker } from '../../domain/worker.js';
import { workerOf } from './workers.js';

/** Identity tokens of made-up machines, signed with a key of the test's own. */
export interface TokenSigner {
  /** As Google publishes it. */
  readonly jwks: { keys: object[] };
  sign(claims: JWTPayload, header?: object): Promise<string>;
}

export async function tokenSigner(kid = 'key-1'): Promise<TokenSigner> {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' };
  return {
    jwks: { keys: [jwk] },
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT', ...header }).sign(privateKey),
  };
}

export const SERVICE_ACCOUNT = '100000000000000000001';
export const ROOT_URL = 'https://tc.example.com';

export const googleWorker = (changes: Partial<Worker> = {}): Worker =>
  workerOf({
    workerGroup: 'us-central1-a',
    workerId: '1234567890123456789',
    location: { account: 'example-project', region: 'us-central1', group: 'us-central1-a' },
    identityAttributes: { name: 'example-vm', creationTimestamp: new Date(1_789_999_000_000).toISOString() },
    ...changes,
  });

export const machineClaims = (changes: object = {}) => ({
  instance_creation_timestamp: 1_789_999_000,
  instance_id: '1234567890123456789',
  instance_name: 'example-vm',
  project_id: 'example-project',
  project_number: 123_456_789_012,
  zone: 'us-central1-a',
  ...changes,
});

export const tokenClaims = (changes: JWTPayload = {}): JWTPayload => ({
  aud: ROOT_URL,
  azp: SERVICE_ACCOUNT,
  email: 'worker@example-project.iam.gserviceaccount.com',
  email_verified: true,
  iat: 1_790_000_000,
  exp: 1_790_003_600,
  iss: 'https://accounts.google.com',
  sub: SERVICE_ACCOUNT,
  google: { compute_engine: machineClaims() },
  ...changes,
});
