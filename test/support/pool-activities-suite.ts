import { beforeEach } from '@jest/globals';
import type { PoolActivities, PoolAssessment } from '../../activities/pool/types.js';
import { recordLaunchedWorkers } from '../../database/launches.js';
import { recordRunning } from '../../database/worker-changes.js';
import { PoolSurroundings } from './pool-activities.js';
import { DAY, type EngineName, machines, makePool, NOW, newIntent, poolId, reserve, times } from './database.js';
import { databaseFor } from './database-suite.js';

/**
 * A pool of each test's own and the activities that decide about it; `around` and `activities` are there inside tests.
 */
export function poolActivitiesSuite(engine: EngineName) {
  const database = databaseFor(engine);
  const key = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });

  const suite = {
    database,
    key,
    around: new PoolSurroundings(),
    activities: {} as PoolActivities,

    assess: async (): Promise<PoolAssessment> => (await suite.activities.assessPool(poolId))!,

    /** A launch of so many machines, which have all registered. */
    run: async (token: string, count: number): Promise<void> => {
      await reserve(database.db, [newIntent(token, count)]);
      await recordLaunchedWorkers(database.db, token, machines(count, token), times);
      for (let number = 0; number < count; number += 1) await suite.register(`${token}-${number}`);
    },

    register: async (workerId: string): Promise<void> => {
      const deadlines = { terminateAfter: NOW + DAY, expires: NOW + DAY };
      await recordRunning(database.db, key(workerId), {
        ...{ registeredAt: NOW, secretGeneration: 1, nowMs: NOW },
        ...deadlines,
      });
    },
  };

  beforeEach(async () => {
    suite.around = new PoolSurroundings();
    suite.around.clock = NOW;
    suite.activities = suite.around.activities(database.db);
    await makePool(database.db, { config: { minCapacity: 1, maxCapacity: 50, scalingRatio: 0.5 } });
  });
  return suite;
}
