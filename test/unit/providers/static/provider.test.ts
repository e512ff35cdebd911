import { describe, expect, test } from '@jest/globals';
import { IdentityError } from '../../../../providers/errors.js';
import { staticProvider } from '../../../../providers/static/provider.js';
import { recordedContext } from '../../../support/provider-context.js';
import { workerOf } from '../../../support/workers.js';

const context = recordedContext({ providerId: 'hand' });
const provider = staticProvider(context);
const secret = 'A-secret_of44characters'.padEnd(44, 'x');
const key = { workerPoolId: 'proj/hand', workerGroup: 'rack-1', workerId: 'machine-7' };
const worker = workerOf(
  { ...key, location: { account: null, region: null, group: null }, identityAttributes: {} },
  { ...key, identityAttributes: { secretFingerprint: context.fingerprint(key, secret) } },
);

describe('the identity of a static worker', () => {
  test('a static worker proves itself with its secret', async () => {
    await expect(provider.verifyIdentity(worker, { staticSecret: secret }, Date.now())).resolves.toBeUndefined();
  });

  test('a static worker is rejected with another worker’s secret', async () => {
    const other = { ...worker, workerId: 'machine-8' };
    await expect(provider.verifyIdentity(other, { staticSecret: secret }, Date.now())).rejects.toThrow(IdentityError);
  });

  test.each([{}, { staticSecret: '' }, { staticSecret: 'x'.repeat(44) }, { staticSecret: 'x'.repeat(1_000_000) }])(
    'a static worker is rejected with the proof %#',
    async (proof) => {
      await expect(provider.verifyIdentity(worker, proof, Date.now())).rejects.toThrow(IdentityError);
    },
  );

  test('a static worker without a fingerprint in its row never registers', async () => {
    await expect(
      provider.verifyIdentity({ ...worker, identityAttributes: {} }, { staticSecret: secret }, Date.now()),
    ).rejects.toThrow(IdentityError);
  });
});
