import { beforeAll, describe, expect, test } from '@jest/globals';
import { createLocalJWKSet, UnsecuredJWT } from 'jose';
import fc from 'fast-check';
import { IdentityError, ProviderError } from '../../../../providers/errors.js';
import { verifyToken } from '../../../../providers/google/identity.js';
import {
  googleWorker,
  machineClaims,
  ROOT_URL,
  SERVICE_ACCOUNT,
  tokenClaims,
  tokenSigner,
  type TokenSigner,
} from '../../../support/google-tokens.js';

const NOW_MS = 1_790_000_060_000;
let signer: TokenSigner;
let other: TokenSigner;
beforeAll(async () => {
  [signer, other] = await Promise.all([tokenSigner(), tokenSigner()]);
});

const keysOf = ({ jwks }: TokenSigner) => createLocalJWKSet(jwks);
const verify = (token: unknown, worker = googleWorker(), nowMs = NOW_MS) =>
  verifyToken(worker, { token } as { token: string }, nowMs, {
    audience: ROOT_URL,
    serviceAccountId: SERVICE_ACCOUNT,
    keys: keysOf(signer),
  });
const withMachine = (machine: unknown) => tokenClaims({ google: { compute_engine: machine } });

describe('an identity token', () => {
  test('an identity token holds for the worker of its machine', async () => {
    await expect(verify(await signer.sign(tokenClaims()))).resolves.toBeUndefined();
  });

  test('an identity token holds with the short name of the issuer, and with further claims', async () => {
    const claims = tokenClaims({ iss: 'accounts.google.com', other: { claim: true } });
    await expect(verify(await signer.sign(claims))).resolves.toBeUndefined();
  });

  test.each([
    ['another issuer', tokenClaims({ iss: 'https://accounts.example.com' })],
    ['another audience', tokenClaims({ aud: 'https://other.example.com' })],
    ['an audience with a slash at its end', tokenClaims({ aud: `${ROOT_URL}/` })],
    ['another service account', tokenClaims({ sub: '100000000000000000002' })],
    ['no service account', tokenClaims({ sub: undefined })],
    ['no issuing time', tokenClaims({ iat: undefined })],
    ['no expiry', tokenClaims({ exp: undefined })],
    ['a time that is none', tokenClaims({ iat: 'yesterday' as unknown as number })],
    ['a longer life than Google gives', tokenClaims({ exp: 1_790_004_000 })],
    ['an end before its beginning', tokenClaims({ iat: 1_790_003_700 })],
    ['no machine', tokenClaims({ google: undefined })],
    ['Google’s claims as text', tokenClaims({ google: 'compute_engine' })],
    ['no compute claim', tokenClaims({ google: {} })],
    ['a compute claim that is null', withMachine(null)],
    ['a compute claim that is a list', withMachine([])],
    ['another project', withMachine(machineClaims({ project_id: 'other-project' }))],
    ['another zone', withMachine(machineClaims({ zone: 'us-central1-b' }))],
    ['another machine', withMachine(machineClaims({ instance_id: '1234567890123456780' }))],
    ['its machine’s id as a number', withMachine(machineClaims({ instance_id: Number('1234567890123456789') }))],
    ['another name', withMachine(machineClaims({ instance_name: 'other-vm' }))],
    ['another creation', withMachine(machineClaims({ instance_creation_timestamp: 1_789_999_301 }))],
    ['no creation', withMachine(machineClaims({ instance_creation_timestamp: undefined }))],
    ['a creation that is text', withMachine(machineClaims({ instance_creation_timestamp: '1789999000' }))],
  ])('an identity token with %s is rejected', async (_what, claims) => {
    await expect(verify(await signer.sign(claims))).rejects.toThrow(IdentityError);
  });

  test('an identity token is rejected before and after its time, with five minutes for clocks', async () => {
    const token = await signer.sign(tokenClaims());
    await expect(verify(token, googleWorker(), 1_790_003_899_000)).resolves.toBeUndefined();
    await expect(verify(token, googleWorker(), 1_790_003_901_000)).rejects.toThrow(IdentityError);
    const early = await signer.sign(tokenClaims({ iat: 1_790_000_361 + 60, nbf: 1_790_000_361 + 60 }));
    await expect(verify(early)).rejects.toThrow(IdentityError);
  });

  test('an identity token is rejected for a row without the facts', async () => {
    const token = await signer.sign(tokenClaims());
    await expect(verify(token, googleWorker({ identityAttributes: {} }))).rejects.toThrow(IdentityError);
  });

  test('an identity token is rejected under another key, and without a signature', async () => {
    await expect(verify(await other.sign(tokenClaims()))).rejects.toThrow(IdentityError);
    await expect(verify(await signer.sign(tokenClaims(), { kid: 'unheard-of' }))).rejects.toThrow(IdentityError);
    await expect(verify(new UnsecuredJWT(tokenClaims()).encode())).rejects.toThrow(IdentityError);
  });

  test('an identity token is rejected with any byte of it changed', async () => {
    const token = await signer.sign(tokenClaims());
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 1),
        fc.constantFrom('A', 'a', '0', '.', '-', '_', '=', '\u0000', 'é'),
        async (at, char) => {
          fc.pre(token[at] !== char && !isLastOfPart(token, at));
          await expect(verify(token.slice(0, at) + char + token.slice(at + 1))).rejects.toThrow(IdentityError);
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });

  test('a malformed identity token is rejected, whatever it is', async () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('a.b.c', '..', '.', '{}', 'x'.repeat(9_000)),
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(text, fc.anything()), async (token) => {
        await expect(verify(token)).rejects.toThrow(IdentityError);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test('an identity token cannot be judged while the keys cannot be had', async () => {
    const outage = new ProviderError({ code: 'Unavailable', message: 'no keys' });
    const token = await signer.sign(tokenClaims());
    const options = { audience: ROOT_URL, serviceAccountId: SERVICE_ACCOUNT, keys: () => Promise.reject(outage) };
    await expect(verifyToken(googleWorker(), { token }, NOW_MS, options)).rejects.toBe(outage);
  });
});

/** Base64 leaves bits of a part's last character unused. */
const isLastOfPart = (token: string, at: number): boolean => at === token.length - 1 || token[at + 1] === '.';
