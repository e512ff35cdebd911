import { beforeEach, describe, expect, test } from '@jest/globals';
import { LASTING_REFUSAL_MS } from '../../../../activities/worker/lasting-refusal.js';
import { deletionActivities } from '../../../../activities/worker/delete-resources.js';
import { ProviderError } from '../../../../providers/errors.js';
import { activityDeps, activityEnvironment, asActivity } from '../../../support/activities.js';
import { recordedContext } from '../../../support/provider-context.js';
import { RecordingCloud } from '../../../support/recording-cloud.js';
import { recordingProvider } from '../../../support/recording-provider.js';
import { engines, launched, machines, makePool, poolId } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';

describe.each(engines)('the removal of a resource on %s', (engine) => {
  const database = databaseFor(engine);
  const [{ workerGroup, workerId, location }] = machines(1, 'launch') as [ReturnType<typeof machines>[number]];
  const machine = { workerPoolId: poolId, workerGroup, workerId, location, providerId: 'aws', launchConfigId: 'lc-a' };
  let cloud: RecordingCloud;
  let followed: string[];
  beforeEach(async () => {
    await makePool(database.db);
    await launched(database.db, 'launch', 1);
    cloud = new RecordingCloud();
    followed = [];
  });

  const remove = (isConfigured = true, info: Parameters<typeof activityEnvironment>[0] = {}) => {
    const provider = isConfigured ? recordingProvider(recordedContext(), cloud, 'bulk') : undefined;
    const providers = { get: () => provider };
    const triggers = { requestFastScan: (providerId: string) => void followed.push(providerId) };
    const activities = deletionActivities(activityDeps({ database, providers, triggers }));
    return asActivity(() => activities.deleteResource(machine, 'machine'), activityEnvironment(info));
  };
  const errors = () => database.db.selectFrom('workerPoolErrors').selectAll().execute();
  const refuse = (code: 'PermissionDenied' | 'Throttled' | 'Unavailable', retryAfterMs?: number) =>
    cloud.fail({
      operation: 'remove',
      error: new ProviderError({ code, message: 'no', ...(retryAfterMs !== undefined && { retryAfterMs }) }),
    });

  test('a removal requests the scan that follows removals once the cloud has accepted it', async () => {
    await remove();
    expect(cloud.calls).toEqual([{ operation: 'remove', workerId, step: 'machine' }]);
    expect(followed).toEqual(['aws']);
    expect(await errors()).toEqual([]);
  });

  test('a removal is retried for ever after a refusal, of which the owner gets an error', async () => {
    refuse('PermissionDenied');
    const failure = await remove().then(
      () => null,
      (error: Error) => error,
    );
    // Only an ApplicationFailure can say that it must not be retried.
    expect(failure?.constructor).toBe(Error);
    expect(await errors()).toMatchObject([
      { kind: 'termination-error', launchConfigId: 'lc-a', description: 'no', extra: { workerId, workerGroup } },
    ]);
    expect(followed).toEqual([]);
    await remove();
    expect(followed).toEqual(['aws']);
  });

  test('a removal stores one error however often the cloud refuses it', async () => {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      refuse('PermissionDenied');
      await expect(remove()).rejects.toThrow('no');
    }
    expect(await errors()).toMatchObject([{ occurrences: 3 }]);
  });

  test('a removal is retried as late as the cloud says when it is throttled, without an error', async () => {
    refuse('Throttled', 42_000);
    const failure = await remove().catch((error: unknown) => error);
    expect(failure).toMatchObject({ type: 'Throttled', nonRetryable: false });
    // Spread over a quarter more.
    expect(Number((failure as { nextRetryDelay?: unknown }).nextRetryDelay)).toBeGreaterThanOrEqual(42_000);
    expect(Number((failure as { nextRetryDelay?: unknown }).nextRetryDelay)).toBeLessThanOrEqual(52_500);
    expect(await errors()).toEqual([]);
  });

  test('a removal is retried when the cloud gives no answer, without an error', async () => {
    refuse('Unavailable');
    await expect(remove()).rejects.toMatchObject({ type: 'Unavailable', nonRetryable: false });
    expect(await errors()).toEqual([]);
    expect(followed).toEqual([]);
  });

  test('a removal is retried, with one error of the pool, when the cloud puts it off for minutes', async () => {
    const first = Date.now();
    const times = { scheduledTimestampMs: first, currentAttemptScheduledTimestampMs: first + LASTING_REFUSAL_MS };
    for (let attempt = 0; attempt < 3; attempt += 1) {
      refuse('Unavailable');
      await expect(remove(true, times)).rejects.toMatchObject({ type: 'Unavailable', nonRetryable: false });
    }
    expect(await errors()).toMatchObject([
      { kind: 'termination-error', launchConfigId: 'lc-a', description: 'no', occurrences: 1 },
    ]);
  });

  test('a removal is retried for ever while its provider is not configured', async () => {
    await expect(remove(false)).rejects.toThrow('its machines wait for it');
    expect(await errors()).toEqual([]);
  });
});
