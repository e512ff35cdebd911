import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { WorkflowNotFoundError } from '@temporalio/client';
import { awsPool } from '../../dev/testing/api-client.js';
import { amidCrashes } from '../support/crashes.js';
import { checkEvidence } from '../support/evidence.js';
import { proofSize } from '../support/long.js';
import { SYSTEM_TIMEOUT_MS } from '../../dev/testing/patience.js';
import { expectAllStopped, removeAll, restart, terminateReconciliation } from '../support/pool-steps.js';
import { seededRandom } from '../../dev/testing/seeded-random.js';
import { startSystem, type System } from '../../dev/testing/system.js';

/** The seed is in the test's name, and `CRASH_SEED` repeats it. */
const { crashes, bursts, tasks, withinMs } = proofSize({
  short: { crashes: 4, bursts: 4, tasks: 20, withinMs: 720_000 },
  long: { crashes: 20, bursts: 20, tasks: 50, withinMs: 1_500_000 },
});
const seed = Number(process.env['CRASH_SEED'] ?? 20_261_124);
/** Between two crashes, at least and at most. */
const PAUSE_MS = [500, 6_000] as const;
const POOLS = ['random/one', 'random/two'];

/** No reconciliation runs just now. */
function unlessOver(error: unknown): void {
  if (!(error instanceof WorkflowNotFoundError)) throw error;
}

let system: System;
beforeAll(async () => {
  system = await startSystem({ simulator: { idleMs: 2_000, taskMs: 300, bootMs: 500, claimTimeoutMs: 2_000 } });
}, SYSTEM_TIMEOUT_MS);
afterAll(async () => await system?.stop());

const completed = async () => {
  const { pools } = await system.simulator.state();
  return POOLS.reduce((sum, pool) => sum + (pools[pool]?.completedTasks ?? 0), 0);
};

test(
  `${crashes} random crashes during ${bursts} bursts of ${tasks} tasks lose and double nothing (seed ${seed})`,
  async () => {
    const random = seededRandom(seed);
    for (const pool of POOLS) {
      await system.api.createPool(pool, awsPool({ maxCapacity: tasks, regions: ['us-east-1', 'us-west-2'] }));
    }
    const crash = async () => {
      const draw = random();
      if (draw < 0.2) for (const pool of POOLS) await terminateReconciliation(system, pool).catch(unlessOver);
      else await restart(system, draw < 0.8 ? 'worker' : 'api');
    };
    await amidCrashes({ count: crashes, pauseMs: PAUSE_MS, random, crash }, async () => {
      for (let burst = 1; burst <= bursts; burst += 1) {
        await system.simulator.addTasks(POOLS[burst % POOLS.length]!, tasks);
        await system.waitFor(
          async () => (await completed()) >= burst * tasks,
          `the end of burst ${burst}`,
          withinMs / bursts,
        );
      }
    });
    expect(await completed()).toBe(bursts * tasks);

    for (const pool of POOLS) await system.api.updatePool(pool, awsPool({ maxCapacity: 0 }));
    for (const pool of POOLS) await removeAll(system, pool);
    for (const pool of POOLS) await expectAllStopped(system, pool);
    expect(await checkEvidence(system, { ended: true })).toMatch(/^machines not gone +0$/m);
  },
  withinMs * 1.5,
);
