import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Metrics } from '../../../../observability/metrics.js';
import { AzureCalls } from '../../../../providers/azure/arm/client.js';
import { ProviderError } from '../../../../providers/errors.js';
import type { CallLimit, Limiter } from '../../../../providers/rate-limit.js';
import { bucketStore } from '../../../../database/rate-limits.js';
import { sharedLimiter } from '../../../../providers/shared/rate-limiter.js';
import { azureConfig, GROUP, quickAzure, SUBSCRIPTION } from '../../../support/azure-harness.js';
import { recordedContext } from '../../../support/provider-context.js';
import { engines } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';
import { type LogLine, type SimulatorHandle, startSimulator } from '../../../../dev/testing/simulator.js';
import { nothingRecorded } from '../../../support/recorded-metrics.js';

let simulator: SimulatorHandle;
beforeAll(async () => {
  simulator = await startSimulator(quickAzure);
});
afterAll(() => simulator.stop());
beforeEach(() => simulator.reset());

const THROTTLED = 'SubscriptionRequestsThrottled';

/** The way to Azure of a process of its own. */
function processOf(limiter: Limiter, read: CallLimit) {
  const context = recordedContext({ providerId: 'azure', limiter });
  const calls = new AzureCalls(azureConfig(simulator.azureEndpoint, { rateLimits: { read } }), context);
  return {
    context,
    listAddresses: () =>
      calls.call(SUBSCRIPTION, 'read', 'ListAddresses', ({ network }) =>
        network.publicIPAddresses.list(GROUP).byPage().next(),
      ),
    listMachines: () =>
      calls.call(SUBSCRIPTION, 'read', 'ListMachines', ({ compute }) =>
        compute.virtualMachines.listAll().byPage().next(),
      ),
  };
}

/** As an activity's retries would: again after a refusal or a lost connection. Gives how often Azure refused. */
async function untilAnswered(call: () => Promise<unknown>): Promise<number> {
  for (let refusals = 0; ;) {
    try {
      await call();
      return refusals;
    } catch (error) {
      if (!(error instanceof ProviderError) || !['Throttled', 'Unavailable'].includes(error.code)) throw error;
      if (error.cloudCode !== null) refusals += 1;
      await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? 0));
    }
  }
}

/**
 * Azure tells whole seconds of what is left of its wait when the call comes: `seconds`, or less when the call came
 * late.
 */
async function refusalOf(call: () => Promise<unknown>, seconds: number): Promise<number> {
  const error = await call().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: 'Throttled', cloudCode: expect.any(String) });
  const { retryAfterMs } = error as ProviderError;
  expect(retryAfterMs! % 1_000).toBe(0);
  expect(retryAfterMs).toBeGreaterThan(0);
  expect(retryAfterMs).toBeLessThanOrEqual(seconds * 1_000);
  return retryAfterMs!;
}

const others: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of others.splice(0)) await stop();
});

/**
 * Somebody else with the same principal: a burst, and then so many calls a second until it is stopped or its test ends.
 */
async function otherClient(burst: number, perSecond: number) {
  const url = `${simulator.azureEndpoint}/subscriptions/${SUBSCRIPTION}/resourcegroups?api-version=2024-01-01`;
  const statuses: number[] = [];
  // A connection that is lost says nothing of limits.
  const call = () =>
    fetch(url).then(
      ({ status }) => void statuses.push(status),
      () => undefined,
    );
  const requested = Array.from({ length: burst }, call);
  await Promise.all(requested);
  const timer = setInterval(() => requested.push(call()), 1000 / perSecond);
  const stop = async () => {
    clearInterval(timer);
    await Promise.all(requested);
    return { calls: statuses.length, refused: statuses.filter((status) => status === 429).length };
  };
  others.push(stop);
  return stop;
}

describe.each(engines)('Azure’s own count of what is left, with the database on %s', (engine) => {
  const database = databaseFor(engine);

  /**
   * Two processes make 40 calls while somebody else takes three quarters of the bucket and half of what flows in: so
   * little a second that a slow machine meets the empty bucket too.
   */
  async function share(limiterOf: () => Limiter) {
    await simulator.setAzureLimits({ reads: { burst: 40, perSecond: 6 } });
    const processes = [1, 2].map(() => processOf(limiterOf(), { burst: 38, perSecond: 6 }));
    const stop = await otherClient(30, 3);
    // What each learns from the one call that it happens to make.
    await Promise.all(processes.map(({ listAddresses }) => untilAnswered(listAddresses)));
    const refusals = await Promise.all(
      Array.from({ length: 40 }, (_, n) => untilAnswered(processes[n % 2]!.listAddresses)),
    );
    return { refusals: refusals.reduce((sum, one) => sum + one, 0), other: await stop() };
  }

  test('Azure’s own count slows two processes down to what other callers leave, and hardly a call is refused', async () => {
    const floor = await share(() => ({ acquire: async () => {}, reportQuota: async () => {} }));
    const { refusals, other } = await share(() => sharedLimiter(bucketStore(database.db), (providerId) => providerId));
    expect(other.calls).toBeGreaterThan(40);
    // How many exactly depends on how evenly a busy machine lets both clients call, and so do those of a client that
    // ignores every limit.
    expect(refusals + other.refused).toBeLessThan((floor.refusals + floor.other.refused) / 10);
  });

  test('a refusal makes both of two processes wait for as long as Azure says', async () => {
    await simulator.setAzureLimits({ reads: { burst: 1, perSecond: 0.4 } });
    // Slower than Azure, so that a call that comes late does not bring the next too near.
    const limit = { burst: 10, perSecond: 0.25 };
    const [first, second] = [1, 2].map(() =>
      processOf(
        sharedLimiter(bucketStore(database.db), (providerId) => providerId),
        limit,
      ),
    );
    await (
      await otherClient(1, 0.01)
    )();
    const before = simulator.log().length;
    const retryAfterMs = await refusalOf(first!.listAddresses, 3);
    await Promise.all([first!.listAddresses(), second!.listAddresses()]);
    const lines: readonly LogLine[] = simulator.log().slice(before);
    expect(lines.map(({ outcome }) => outcome)).toEqual([THROTTLED, 'ok', 'ok']);
    const [refused, next] = lines.map(({ time }) => Date.parse(time));
    // A timer may fire a millisecond early, and the log tells whole ones.
    expect(next! - refused!).toBeGreaterThanOrEqual(retryAfterMs - 5);
  });
});

describe('a refusal of Compute', () => {
  const database = databaseFor('PGlite');

  test('a refusal of Compute pauses the class, and the metrics name the bucket that is empty', async () => {
    await simulator.setAzureLimits({ 'Microsoft.Compute/HighCostGet': { burst: 1, perSecond: 0.5 } });
    const { context, listMachines, listAddresses } = processOf(
      sharedLimiter(bucketStore(database.db), (providerId) => providerId),
      {
        burst: 190,
        perSecond: 10,
      },
    );
    await listMachines();
    const retryAfterMs = await refusalOf(listMachines, 2);
    const refusedAt = performance.now();
    const metrics = new Metrics(async () => nothingRecorded);
    for (const outcome of context.outcomes) metrics.onCloudCall(outcome, outcome);
    const page = await metrics.render();
    for (const [bucket, left] of [
      ['reads', 250],
      ['global-reads', 3750],
      ['Microsoft.Compute/HighCostGet', 0],
    ] as const) {
      expect(page).toContain(
        `worker_manager_cloud_calls_remaining{providerId="azure",region="",bucket="${bucket}"} ${left}\n`,
      );
    }
    await listAddresses();
    expect(performance.now() - refusedAt).toBeGreaterThanOrEqual(retryAfterMs - 100);
  });

  test.each([
    { bucket: 'Microsoft.Compute/HighCostGet', whose: 'Compute', longestMs: 30_000, pause: 'half a minute' },
    { bucket: 'reads', whose: 'Resource Manager', longestMs: Infinity, pause: 'as long' },
  ] as const)(
    'a refusal of Compute to come back in minutes pauses the class for $pause, being of $whose',
    async (reported) => {
      await simulator.setAzureLimits({ [reported.bucket]: { burst: 1, perSecond: 0.01 } });
      const update: (number | null)[] = [];
      const limiter: Limiter = {
        acquire: async () => {},
        reportQuota: async (_call, _limit, { retryAfterMs }) => void update.push(retryAfterMs),
      };
      const { listMachines } = processOf(limiter, { burst: 190, perSecond: 10 });
      await listMachines();
      const retryAfterMs = await refusalOf(listMachines, 100);
      // Far above the longest pause, however late the call came.
      expect(retryAfterMs).toBeGreaterThan(60_000);
      expect(update).toEqual([null, Math.min(retryAfterMs, reported.longestMs)]);
    },
  );
});
