import { beforeEach } from '@jest/globals';
import type { PoolActivities, PoolFacts } from '../../activities/pool/activities.js';
import { bookLaunch } from '../../database/launches.js';
import { recordRunning } from '../../database/worker-changes.js';
import { PoolSurroundings } from './pool-activities.js';
import { DAY, type EngineName, machines, makePool, NOW, order, poolId, reserve, times } from './records.js';
import { recordsFor } from './records-suite.js';

/** A pool of each test's own and the activities that decide about it; `around` and `activities` are there inside tests. */
export function poolActivitiesSuite(engine: EngineName) {
  const records = recordsFor(engine);
  const key = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });

  const suite = {
    records,
    key,
    around: new PoolSurroundings(),
    activities: {} as PoolActivities,

    assess: async (): Promise<PoolFacts> => (await suite.activities.assessPool(poolId))!,

    /** A launch of so many machines, which have all registered. */
    run: async (token: string, count: number): Promise<void> => {
      await reserve(records.db, [order(token, count)]);
      await bookLaunch(records.db, token, machines(count, token), times);
      for (let number = 0; number < count; number += 1) await suite.register(`${token}-${number}`);
    },

    register: async (workerId: string): Promise<void> => {
      const deadlines = { terminateAfter: NOW + DAY, expires: NOW + DAY };
      await recordRunning(records.db, key(workerId), {
        ...{ registeredAt: NOW, secretGeneration: 1, nowMs: NOW },
        ...deadlines,
      });
    },
  };

  beforeEach(async () => {
    suite.around = new PoolSurroundings();
    suite.around.clock = NOW;
    suite.activities = suite.around.activities(records.db);
    await makePool(records.db, { config: { minCapacity: 1, maxCapacity: 50, scalingRatio: 0.5 } });
  });
  return suite;
}
