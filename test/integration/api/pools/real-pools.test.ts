import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../../../support/api.js';
import { proofSize } from '../../../support/long.js';
import { providerOf, realProviders } from '../../../support/real-providers.js';
import { describeRealData, realPools, type RealPool } from '../../../support/shared-data.js';

/** Of so many one: the pools of one provider that follow each other differ little. */
const ONE_OF = proofSize({ short: 3, long: 1 });

/** Each under its own id; some are there more than once, of different times. */
function definitions(): [string, RealPool][] {
  const times = new Map<string, number>();
  return realPools().map((pool) => {
    const time = (times.get(pool.workerPoolId) ?? 0) + 1;
    times.set(pool.workerPoolId, time);
    return [time === 1 ? pool.workerPoolId : `${pool.workerPoolId}-${time}`, pool];
  });
}

describeRealData('real pools through the API', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi({}, { providers: await realProviders() });
  });
  afterAll(() => api.close());

  type Config = RealPool['config'];
  const bodyOf = ({ workerPoolId: _, ...pool }: RealPool, config: Config) => ({
    emailOnError: false,
    description: '',
    ...pool,
    providerId: providerOf({ workerPoolId: '', ...pool }),
    config,
  });
  const idOf = (launchConfig: Record<string, unknown>) =>
    (launchConfig['workerManager'] as { launchConfigId?: string } | undefined)?.launchConfigId;

  /**
   * What a client gets for what it sent: an id where it gave none, defaults where it gave a `lifecycle`, and nothing
   * else.
   */
  function expectGivenBack(answered: Config, sent: Config): void {
    const { launchConfigs = [], lifecycle, ...rest } = answered;
    const { launchConfigs: sentConfigs = [], lifecycle: sentLifecycle, ...sentRest } = sent;
    expect(rest).toEqual(sentRest);
    const defaults = { queueInactivityTimeout: 7_200, reregistrationTimeout: 345_600 };
    expect(lifecycle).toEqual(sentLifecycle && { ...(launchConfigs.length > 0 ? defaults : {}), ...sentLifecycle });
    expect(launchConfigs.map(idOf)).toEqual(sentConfigs.map((each) => idOf(each) ?? expect.stringMatching(/^lc-/)));
    const withIds = sentConfigs.map((each, position) => ({
      ...each,
      workerManager: { ...(each['workerManager'] as object), launchConfigId: idOf(launchConfigs[position]!) },
    }));
    expect(launchConfigs).toEqual(withIds);
  }

  test('real pools are created, created again, changed and deleted, and each time what comes back is what was sent', async () => {
    const pools = definitions();
    expect(pools.length).toBeGreaterThanOrEqual(92);
    for (const [workerPoolId, pool] of pools.filter((_, position) => position % ONE_OF === 0)) {
      const path = `/worker-pool/${encodeURIComponent(workerPoolId)}`;
      const sent = bodyOf(pool, pool.config);
      const created = await api.call('PUT', path, sent);
      expect([workerPoolId, created.status, created.body.message]).toEqual([workerPoolId, 200, undefined]);
      expectGivenBack(created.body.config, pool.config);
      expect(created.body).toMatchObject({ workerPoolId, providerId: sent.providerId, owner: sent.owner });

      api.clock.ms += 1_000;
      const again = await api.call('PUT', path, sent);
      expect([workerPoolId, again.status, again.body]).toEqual([workerPoolId, 200, created.body]);

      // What it read is what a tool sends back, in another order.
      const changed = { ...created.body.config, ...('launchConfigs' in pool.config && { maxCapacity: 977 }) } as Config;
      if (changed.launchConfigs) changed.launchConfigs = changed.launchConfigs.toReversed();
      const updated = await api.call('POST', path, { ...bodyOf(pool, changed), description: 'changed' });
      expect([workerPoolId, updated.status, updated.body.message]).toEqual([workerPoolId, 200, undefined]);
      expect([updated.body.config, updated.body.description]).toEqual([changed, 'changed']);
      expect((await api.call('GET', path)).body).toEqual(updated.body);

      const deleted = await api.call('DELETE', path);
      expect(deleted.body).toMatchObject({ providerId: 'null-provider', description: 'changed', owner: sent.owner });
      expect(deleted.body.config.launchConfigs).toBeUndefined();
    }
  });
});
