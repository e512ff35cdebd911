import { beforeEach, describe, expect, test } from '@jest/globals';
import { jwtVerify } from 'jose';
import { IdentityKeys } from '../../../../providers/google/identity-keys.js';
import { tokenClaims, tokenSigner, type TokenSigner } from '../../../support/google-tokens.js';

/** An address that answers by a script, and counts. */
class KeyAddress {
  fetches = 0;
  nowMs = 1_000_000;
  answer: () => Response | Promise<Response> = () => new Response(null, { status: 500 });

  readonly fetch = async (): Promise<Response> => {
    this.fetches += 1;
    return await this.answer();
  };
  readonly now = (): number => this.nowMs;

  publish(
    signers: readonly TokenSigner[],
    cacheControl: string | null = 'public, max-age=3600, must-revalidate',
  ): void {
    const body = JSON.stringify({ keys: signers.flatMap(({ jwks }) => jwks.keys) });
    this.answer = () => new Response(body, { headers: cacheControl === null ? {} : { 'cache-control': cacheControl } });
  }
}

let address: KeyAddress;
let keys: IdentityKeys;
let signer: TokenSigner;
beforeEach(async () => {
  address = new KeyAddress();
  keys = new IdentityKeys('https://keys.example.com', address);
  signer = await tokenSigner('key-1');
  address.publish([signer]);
});
const verify = async (by: TokenSigner) => {
  await jwtVerify(await by.sign(tokenClaims()), keys.get, { currentDate: new Date(1_790_000_060_000) });
};

describe('Google’s keys', () => {
  test('Google’s keys are fetched at the first token, once for all that wait', async () => {
    expect(address.fetches).toBe(0);
    await Promise.all([verify(signer), verify(signer), verify(signer)]);
    expect(address.fetches).toBe(1);
  });

  test('Google’s keys are fetched anew when their Cache-Control has ended, and not before', async () => {
    await verify(signer);
    address.nowMs += 3_599_000;
    await verify(signer);
    expect(address.fetches).toBe(1);
    address.nowMs += 1_000;
    await verify(signer);
    expect(address.fetches).toBe(2);
  });

  test('Google’s keys are kept for ten minutes without a Cache-Control', async () => {
    address.publish([signer], null);
    await verify(signer);
    address.nowMs += 599_000;
    await verify(signer);
    expect(address.fetches).toBe(1);
    address.nowMs += 1_000;
    await verify(signer);
    expect(address.fetches).toBe(2);
  });

  test('Google’s keys hold through an outage of the address', async () => {
    await verify(signer);
    const outages = [
      () => new Response('down', { status: 503 }),
      () => new Response('not JSON'),
      () => new Response('{"keys":7}'),
      () => Promise.reject(new Error('no route')),
    ];
    for (const outage of outages) {
      address.answer = outage;
      address.nowMs += 86_400_000;
      await verify(signer);
    }
    expect(address.fetches).toBe(1 + outages.length);
  });

  test('Google’s keys are fetched again for an unknown key, not more often than every half minute', async () => {
    await verify(signer);
    const rotated = await tokenSigner('key-2');
    address.publish([signer, rotated]);
    address.nowMs += 60_000;
    await verify(rotated);
    expect(address.fetches).toBe(2);
    const unknown = await tokenSigner('key-3');
    await expect(verify(unknown)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
    await expect(verify(unknown)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
    expect(address.fetches).toBe(2);
    address.nowMs += 30_000;
    await expect(verify(unknown)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
    expect(address.fetches).toBe(3);
  });

  test('Google’s keys that cannot be had are an outage, and no bad proof', async () => {
    address.answer = () => new Response('down', { status: 503 });
    await expect(verify(signer)).rejects.toMatchObject({ code: 'Unavailable' });
    address.publish([signer]);
    address.nowMs += 30_000;
    await verify(signer);
    address.answer = () => new Response('down', { status: 503 });
    address.nowMs += 30_000;
    await expect(verify(await tokenSigner('key-2'))).rejects.toMatchObject({ code: 'Unavailable' });
  });
});
