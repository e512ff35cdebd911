import { expect, test } from '@jest/globals';
import { IdentityError } from '../../../providers/errors.js';
import type { IdentityProof } from '../../../providers/provider.js';
import { workerOf } from '../workers.js';
import type { Ability, ProviderHarness } from './harness.js';

const nowhere = { account: null, region: null, group: null };
const anybody = workerOf({ workerGroup: 'group', workerId: 'worker', location: nowhere, identityAttributes: {} });

/** What every provider promises, whatever is behind it. */
export function commonPromises(harness: () => ProviderHarness, can: (ability: Ability) => boolean): void {
  test('setup succeeds, however often', async () => {
    await expect(harness().provider.setup()).resolves.toEqual([]);
    await expect(harness().provider.setup()).resolves.toEqual([]);
  });

  test('a valid definition is accepted, and not changed in place', () => {
    const { provider, pool } = harness();
    const before = JSON.stringify(pool);
    expect(provider.validatePool(pool)).toMatchObject({ ok: true });
    expect(JSON.stringify(pool)).toBe(before);
  });

  test.each([undefined, null, 7, 'text', [], { unheardOf: true }])('the definition %j is rejected in words', (pool) => {
    const validation = harness().provider.validatePool(pool);
    expect(validation.ok ? 'taken' : validation.reason).toMatch(/^config/);
  });

  test('a malformed proof is an IdentityError, and no other error', async () => {
    const long = 'x'.repeat(20_000);
    const proofs: object[] = [
      {},
      { document: '', signature: '', token: '', staticSecret: '' },
      { document: 7, signature: {}, token: [], staticSecret: true },
      { document: '{}', signature: 'AAAA', token: 'a.b.c', staticSecret: 'x' },
      { document: long, signature: long, token: long, staticSecret: long },
      { document: '\u0000\ud800', signature: '====', token: '\u0000', staticSecret: '\ud800' },
    ];
    for (const proof of proofs) {
      await expect(harness().provider.verifyIdentity(anybody, proof as IdentityProof, Date.now())).rejects.toThrow(
        IdentityError,
      );
    }
  });

  if (can('identity proofs')) {
    test('a proof holds for its worker and for no other', async () => {
      const { worker, proof, other: another } = await harness().proven!();
      const { provider } = harness();
      await expect(provider.verifyIdentity(worker, proof, Date.now())).resolves.toBeUndefined();
      const other = another ?? {
        ...worker,
        workerId: `${worker.workerId.slice(0, -1)}z`,
        identityAttributes: { ...worker.identityAttributes },
      };
      await expect(provider.verifyIdentity(other, proof, Date.now())).rejects.toThrow(IdentityError);
    });
  }
}
