import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { ActivityDeps } from '../../../activities/deps.js';
import { provisioningActivities } from '../../../activities/provisioning.js';
import { ProviderError } from '../../../providers/errors.js';
import type { Records } from '../../../records/open.js';
import { recordedContext } from '../../support/provider-context.js';
import { RecordingCloud } from '../../support/recording-cloud.js';
import { recordingProvider } from '../../support/recording-provider.js';
import { launched, machines, makePool, openTestRecords, poolId } from '../../support/records.js';

let records: Records;
beforeAll(async () => {
  records = await openTestRecords('PGlite');
});
afterAll(() => records.close());

test('a throttled question why an operation failed is asked again as late as the cloud says', async () => {
  await makePool(records.db);
  await launched(records.db, 'launch', 1);
  const cloud = new RecordingCloud();
  const provider = recordingProvider(recordedContext(), cloud, 'stepwise');
  cloud.fail({
    operation: 'explain',
    error: new ProviderError({ code: 'Throttled', message: 'later', retryAfterMs: 42_000 }),
  });
  const deps = { records, providers: { get: () => provider } } as unknown as ActivityDeps;
  const activities = provisioningActivities(deps);
  const { workerGroup, workerId } = machines(1, 'launch')[0]!;
  const machine = { workerPoolId: poolId, workerGroup, workerId, providerId: 'aws', launchToken: 'launch' };
  const asked = new MockActivityEnvironment().run(() => activities.explainFailure(machine, 'vm', 'operation'));
  await expect(asked).rejects.toMatchObject({ type: 'Throttled', nonRetryable: false, nextRetryDelay: 42_000 });
});
