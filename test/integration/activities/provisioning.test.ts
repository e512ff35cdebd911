import { expect, test } from '@jest/globals';
import { provisioningActivities } from '../../../activities/provisioning.js';
import { ProviderError } from '../../../providers/errors.js';
import { activityDeps, asActivity } from '../../support/activities.js';
import { recordedContext } from '../../support/provider-context.js';
import { RecordingCloud } from '../../support/recording-cloud.js';
import { recordingProvider } from '../../support/recording-provider.js';
import { launched, machines, makePool, poolId } from '../../support/records.js';
import { recordsFor } from '../../support/records-suite.js';

const records = recordsFor('PGlite');

test('a throttled question why an operation failed is asked again as late as the cloud says', async () => {
  await makePool(records.db);
  await launched(records.db, 'launch', 1);
  const cloud = new RecordingCloud();
  const provider = recordingProvider(recordedContext(), cloud, 'stepwise');
  cloud.fail({
    operation: 'explain',
    error: new ProviderError({ code: 'Throttled', message: 'later', retryAfterMs: 42_000 }),
  });
  const activities = provisioningActivities(activityDeps({ records, providers: { get: () => provider } }));
  const { workerGroup, workerId } = machines(1, 'launch')[0]!;
  const machine = { workerPoolId: poolId, workerGroup, workerId, providerId: 'aws', launchToken: 'launch' };
  const asked = asActivity(() => activities.explainFailure(machine, 'vm', 'operation'));
  await expect(asked).rejects.toMatchObject({ type: 'Throttled', nonRetryable: false, nextRetryDelay: 42_000 });
});
