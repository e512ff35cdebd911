import { describe, expect, jest, test } from '@jest/globals';
import { awsPool } from '../../dev/testing/api-client.js';
import { SYSTEM_TIMEOUT_MS } from '../../dev/testing/patience.js';
import { countsOfPool } from '../../dev/testing/pool-counts.js';
import { startSystem } from '../../dev/testing/system.js';
import { proofSize } from '../support/long.js';

const WORKERS = 500;
/** At most, between two calls that remove machines of one region while some are to be removed. */
const MAX_REMOVAL_INTERVAL_MS = 5_000;

jest.setTimeout(SYSTEM_TIMEOUT_MS);

describe('500 workers of one pool', () => {
  test.each(proofSize({ short: ['ec2'], long: ['off', 'ec2'] } as const))(
    'a pool of 500 workers costs few EC2 calls and short histories, and strands none, with EC2 limits %s',
    async (limits) => {
      const counts = await countsOfPool({ workers: WORKERS, limits });
      expect(counts.workers).toBe(WORKERS);
      for (const count of [counts.launch, counts.scan, counts.remove]) expect(count).toBeGreaterThan(0);
      expect(counts.launch).toBeLessThanOrEqual(0.01);
      expect(counts.scan).toBeLessThanOrEqual(0.002);
      // Removals that come one by one, because the machine is busy, share a call each 5 s, and soon after the first a
      // few more.
      const calls = 4 + counts.removalMs / MAX_REMOVAL_INTERVAL_MS;
      expect(counts.remove).toBeLessThanOrEqual(Math.max(0.02, calls / WORKERS));
      expect(counts.eventsToRunning).toBeLessThanOrEqual(16);
      expect(counts.eventsPerLifecycle).toBeLessThanOrEqual(45);
      expect(counts.stranded).toBe(0);
      expect(counts.unfinished).toBe(0);
      expect(counts.throttled).toBe(0);
    },
  );
});

describe('a region with room for fewer machines than are wanted', () => {
  test('a region with too little room gives the machines that it has in the first round, and the database agrees', async () => {
    const pool = 'counts/short';
    const system = await startSystem({
      simulator: { latencyMs: 60, bootMs: 500, idleMs: 3_600_000 },
      config: { limits: { launchesPerMinute: 10_000 } },
    });
    let failed = true;
    try {
      const { api, simulator } = system;
      await simulator.setCapacity('us-east-1', 60);
      await simulator.addTasks(pool, 100, 3_600);
      await api.createPool(pool, awsPool({ maxCapacity: 300 }));
      await system.waitFor(async () => (await api.workers(pool, 'running')).length === 60, '60 running');

      const launches = simulator.log().filter(({ operation }) => operation === 'RunInstances');
      const first = launches.find(({ created }) => created && created.length > 0);
      expect(first?.created).toHaveLength(60);
      const decision = (await api.decisions(pool)).at(-1)?.decision;
      const launched = decision.launches.reduce(
        (sum: number, launch: { launched: number }) => sum + launch.launched,
        0,
      );
      expect(launched).toBe(60);
      const machines = await simulator.machines();
      expect(machines).toHaveLength(60);
      const workers = await api.workers(pool);
      expect(workers.map(({ workerId }) => workerId).toSorted()).toEqual(
        machines.map(({ instanceId }) => instanceId).toSorted(),
      );
      await system.waitFor(async () => (await system.openLifecycles()) === 60, '60 in the list');
      failed = false;
    } finally {
      await system.stop({ keepLogs: failed });
    }
  });
});
