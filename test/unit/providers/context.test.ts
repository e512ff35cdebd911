import { expect, test } from '@jest/globals';
import { staticSecretFingerprint } from '../../../providers/static/secret-fingerprint.js';
import { providerContext } from '../../../providers/context.js';

test('a provider computes the same fingerprint of a static worker’s secret as the API wrote into its row', () => {
  const deployment = { deploymentId: 'd', deploymentKey: 'k'.repeat(43) };
  const context = providerContext('hand', {
    rootUrl: 'https://tc.example.com',
    deployment,
    limiter: { acquire: async () => {}, reportQuota: async () => {} },
    onCall: () => {},
  });
  const worker = { workerPoolId: 'lab/phones', workerGroup: 'shelf', workerId: 'one' };
  const secret = 'S'.repeat(44);
  expect(context.fingerprint(worker, secret)).toBe(staticSecretFingerprint(deployment.deploymentKey, worker, secret));
});
