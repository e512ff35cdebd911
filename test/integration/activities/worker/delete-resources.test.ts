import { beforeEach, describe, expect, test } from '@jest/globals';
import { LASTING_REFUSAL_MS } from '../../../../activities/worker/lasting-refusal.js';
import { deletionActivities } from '../../../../activities/worker/delete-resources.js';
import { ProviderError, type ProviderErrorCode } from '../../../../providers/errors.js';
import { activityDeps, activityEnvironment, asActivity } from '../../../support/activities.js';
import { recordedContext } from '../../../support/provider-context.js';
import { RecordingCloud } from '../../../support/recording-cloud.js';
import { recordingProvider } from '../../../support/recording-provider.js';
import { engines, launched, machines, makePool, MINUTE, poolId, topicsOf } from '../../../support/database.js';
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

  /** What the last attempt has left to the next one. */
  let left: unknown;
  const remove = (isConfigured = true, info: Parameters<typeof activityEnvironment>[0] = {}) => {
    const provider = isConfigured ? recordingProvider(recordedContext(), cloud, 'bulk') : undefined;
    const providers = { get: () => provider };
    const triggers = { requestFastScan: (providerId: string) => void followed.push(providerId) };
    const activities = deletionActivities(activityDeps({ database, providers, triggers }));
    const environment = activityEnvironment(info);
    environment.on('heartbeat', (details: unknown) => (left = details));
    return asActivity(() => activities.deleteResource(machine, 'machine'), environment);
  };
  const errors = () => database.db.selectFrom('workerPoolErrors').selectAll().execute();
  const refuse = (code: ProviderErrorCode, retryAfterMs?: number) =>
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

  test('a removal stores, announces and logs one error in an hour, however often the cloud refuses it', async () => {
    const first = Date.now();
    const attempt = async (afterMs: number) => {
      refuse('PermissionDenied');
      await expect(remove(true, { currentAttemptScheduledTimestampMs: first + afterMs })).rejects.toThrow('no');
    };
    const announced = async () => (await topicsOf(database.db)).filter((topic) => topic === 'worker-pool-error').length;
    for (const minutes of [0, 1, 59]) await attempt(minutes * MINUTE);
    expect([(await errors()).map(({ occurrences }) => occurrences), await announced()]).toEqual([[1], 1]);
    await attempt(61 * MINUTE);
    expect([(await errors()).map(({ occurrences }) => occurrences), await announced()]).toEqual([[2], 2]);
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

  describe('attempts of one removal', () => {
    const first = Date.now();
    /** An attempt this long after the first, which knows what the one before it has left. */
    const refusedAfter = async (afterMs: number, code: ProviderErrorCode) => {
      refuse(code);
      const times = { scheduledTimestampMs: first, currentAttemptScheduledTimestampMs: first + afterMs };
      await expect(remove(true, { ...times, heartbeatDetails: left })).rejects.toThrow('no');
    };
    beforeEach(() => (left = undefined));

    test('a removal is retried, with one error of the pool, when the cloud puts it off for minutes', async () => {
      await refusedAfter(0, 'Unavailable');
      await refusedAfter(LASTING_REFUSAL_MS - 1, 'Unavailable');
      expect(await errors()).toEqual([]);
      for (const more of [0, 1, 2]) await refusedAfter(LASTING_REFUSAL_MS + more, 'Unavailable');
      expect(await errors()).toMatchObject([
        { kind: 'termination-error', launchConfigId: 'lc-a', description: 'no', occurrences: 1 },
      ]);
      // When it was, by the engine's clock.
      const reported = (await errors())[0]!.reported;
      expect(reported).toBeGreaterThanOrEqual(first + LASTING_REFUSAL_MS);
      expect(reported).toBeLessThan(first + 2 * LASTING_REFUSAL_MS);
    });

    test('a removal is retried, with one error of the pool, while for minutes there are no credentials to send it with', async () => {
      await refusedAfter(0, 'GivenUp');
      expect(await errors()).toEqual([]);
      for (const more of [0, 1]) await refusedAfter(LASTING_REFUSAL_MS + more, 'GivenUp');
      expect(await errors()).toMatchObject([{ kind: 'termination-error', description: 'no', occurrences: 1 }]);
    });

    test('a removal reports no answer that was lost once, however long its activity has been going on', async () => {
      await refusedAfter(0, 'Throttled');
      await refusedAfter(10 * LASTING_REFUSAL_MS, 'Unavailable');
      await refusedAfter(11 * LASTING_REFUSAL_MS - 1, 'Unavailable');
      expect(await errors()).toEqual([]);
    });

    test('a removal counts answers that put it off anew after any other', async () => {
      await refusedAfter(0, 'Unavailable');
      await refusedAfter(LASTING_REFUSAL_MS - 1, 'Throttled');
      await refusedAfter(LASTING_REFUSAL_MS, 'Unavailable');
      await refusedAfter(LASTING_REFUSAL_MS + 1, 'PermissionDenied');
      await refusedAfter(2 * LASTING_REFUSAL_MS + 1, 'Unavailable');
      expect((await errors()).map(({ title }) => title)).toEqual(['Instance Termination Error']);
    });

    test('a removal stores its error with the engine’s instant, whatever this host’s clock shows', async () => {
      await refusedAfter(-31 * 60_000, 'PermissionDenied');
      const reported = (await errors())[0]!.reported;
      expect(reported).toBeLessThan(first - 30 * 60_000);
    });
  });

  test('a removal is retried for ever while its provider is not configured', async () => {
    await expect(remove(false)).rejects.toThrow('its machines wait for it');
    expect(await errors()).toEqual([]);
  });
});
