import { expect, test } from '@jest/globals';
import {
  parseWorkerClientId,
  workerClientId,
  workerCredentials,
  workerScopes,
} from '../../../../api/auth/credentials.js';
import { presentedGeneration, workerSecret } from '../../../../api/auth/secrets.js';
import { staticSecretFingerprint } from '../../../../providers/static/secret-fingerprint.js';

const key = { workerPoolId: 'prov/type', workerGroup: 'here', workerId: 'i-1' };
const worker = { ...key, created: 5 };
const KEY = 'deployment key';
const of = (secretGeneration: number) => ({ ...worker, secretGeneration });

test('a secret has 44 characters and differs by worker, lifecycle, generation and deployment', () => {
  const secrets = [
    workerSecret(KEY, worker, 1),
    workerSecret(KEY, worker, 2),
    workerSecret(KEY, { ...worker, workerId: 'i-2' }, 1),
    workerSecret('other', worker, 1),
    workerSecret(KEY, { ...worker, created: 6 }, 1),
  ];
  expect(new Set(secrets).size).toBe(5);
  for (const secret of secrets) expect(secret).toMatch(/^[a-zA-Z0-9_-]{44}$/);
  expect(workerSecret(KEY, worker, 1)).toBe(secrets[0]);
});

test('a secret of the row’s generation or of the one before is told apart from every other', () => {
  expect(presentedGeneration(KEY, of(3), workerSecret(KEY, worker, 3))).toBe(3);
  expect(presentedGeneration(KEY, of(3), workerSecret(KEY, worker, 2))).toBe(2);
  expect(presentedGeneration(KEY, of(3), workerSecret(KEY, worker, 1))).toBeNull();
  expect(presentedGeneration(KEY, of(3), workerSecret(KEY, worker, 4))).toBeNull();
});

test('no secret matches a worker that has never registered', () => {
  for (const generation of [-1, 0, 1]) {
    expect(presentedGeneration(KEY, of(0), workerSecret(KEY, worker, generation))).toBeNull();
  }
  expect(presentedGeneration(KEY, of(1), workerSecret(KEY, worker, 0))).toBeNull();
});

test('the fingerprint of a static secret is bound to its worker', () => {
  const other = { ...worker, workerId: 'i-2' };
  expect(staticSecretFingerprint(KEY, worker, 's')).not.toBe(staticSecretFingerprint(KEY, other, 's'));
});

test('the client id of a worker can be parsed back', () => {
  expect(parseWorkerClientId(workerClientId({ ...key, providerId: 'aws' }))).toEqual({
    ...key,
    providerId: 'aws',
  });
  expect(parseWorkerClientId('worker/aws/prov/type/here')).toBeNull();
  expect(parseWorkerClientId('project/aws/prov/type/here/i-1')).toBeNull();
});

test('credentials start 15 minutes ago, hold the documented scopes in order, and never span more than 31 days', () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const issuer = { clientId: 'issuer', accessToken: 'token' };
  const named = { ...worker, providerId: 'aws' };
  const certificate = JSON.parse(workerCredentials(issuer, named, nowMs + 3600_000, nowMs).certificate);
  expect(certificate).toMatchObject({ version: 1, issuer: 'issuer', start: nowMs - 900_000, expiry: nowMs + 3600_000 });
  expect(certificate.scopes).toEqual(workerScopes(worker));
  expect(certificate.scopes).toHaveLength(10);
  const long = JSON.parse(workerCredentials(issuer, named, nowMs + 40 * 86_400_000, nowMs).certificate);
  expect(long.expiry - long.start).toBe(31 * 86_400_000);
});
