import { expect, test } from '@jest/globals';
import { creationActivities } from '../../../../activities/worker/create-resources.js';
import { ProviderError } from '../../../../providers/errors.js';
import { LASTING_REFUSAL_MS } from '../../../../activities/worker/lasting-refusal.js';
import { activityDeps, activityEnvironment, asActivity } from '../../../support/activities.js';
import { recordedContext } from '../../../support/provider-context.js';
import { RecordingCloud } from '../../../support/recording-cloud.js';
import { recordingProvider } from '../../../support/recording-provider.js';
import { launched, machines, makePool, poolId } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';

const database = databaseFor('PGlite');

test('a throttled read of why an operation failed is repeated as late as the cloud says', async () => {
  await makePool(database.db);
  await launched(database.db, 'launch', 1);
  const cloud = new RecordingCloud();
  const provider = recordingProvider(recordedContext(), cloud, 'stepwise');
  cloud.fail({
    operation: 'explain',
    error: new ProviderError({ code: 'Throttled', message: 'later', retryAfterMs: 42_000 }),
  });
  const activities = creationActivities(activityDeps({ database, providers: { get: () => provider } }));
  const { workerGroup, workerId } = machines(1, 'launch')[0]!;
  const machine = { workerPoolId: poolId, workerGroup, workerId, providerId: 'aws', launchToken: 'launch' };
  const requested = asActivity(() => activities.explainFailure(machine, 'vm', 'operation'));
  const failure = await requested.catch((error: unknown) => error);
  expect(failure).toMatchObject({ type: 'Throttled', nonRetryable: false });
  // Spread over a quarter more.
  expect(Number((failure as { nextRetryDelay?: unknown }).nextRetryDelay)).toBeGreaterThanOrEqual(42_000);
  expect(Number((failure as { nextRetryDelay?: unknown }).nextRetryDelay)).toBeLessThanOrEqual(52_500);
});

test('a retryable refusal that lasts minutes becomes one error of the pool for all its workers', async () => {
  await makePool(database.db);
  await launched(database.db, 'launch', 2);
  const cloud = new RecordingCloud();
  const provider = recordingProvider(recordedContext(), cloud, 'stepwise');
  const activities = creationActivities(activityDeps({ database, providers: { get: () => provider } }));
  const first = Date.now();
  /** What the last attempt for each worker has left to the next one. */
  const left = new Map<number, unknown>();
  const submit = (index: number, afterMs: number, code: 'Unavailable' | 'Throttled' = 'Unavailable') => {
    const { workerGroup, workerId } = machines(2, 'launch')[index]!;
    const machine = { workerPoolId: poolId, workerGroup, workerId, providerId: 'aws', launchToken: 'launch' };
    const error = new ProviderError({ code, message: 'Conflict: no', cloudCode: 'Conflict', retryAfterMs: 1_000 });
    cloud.fail({ operation: 'submit', error });
    const times = { scheduledTimestampMs: first, currentAttemptScheduledTimestampMs: first + afterMs };
    const environment = activityEnvironment({ ...times, heartbeatDetails: left.get(index) });
    environment.on('heartbeat', (details: unknown) => left.set(index, details));
    return asActivity(() => activities.submitResource(machine, 'vm'), environment);
  };
  const errors = () => database.db.selectFrom('workerPoolErrors').selectAll().execute();
  await expect(submit(0, LASTING_REFUSAL_MS - 1, 'Throttled')).rejects.toMatchObject({ type: 'Throttled' });
  for (const index of [0, 1]) await expect(submit(index, 0)).rejects.toMatchObject({ nonRetryable: false });
  await expect(submit(0, LASTING_REFUSAL_MS - 1)).rejects.toMatchObject({ type: 'Unavailable', nonRetryable: false });
  expect(await errors()).toEqual([]);
  for (const index of [0, 1, 0]) {
    await expect(submit(index, LASTING_REFUSAL_MS + index)).rejects.toMatchObject({ nonRetryable: false });
  }
  expect(await errors()).toMatchObject([
    { kind: 'creation-error', description: 'Conflict: no', extra: { code: 'Conflict' }, occurrences: 1 },
  ]);
});
