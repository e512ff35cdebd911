import { describe, expect, jest, test } from '@jest/globals';
import { SYSTEM_TIMEOUT_MS } from '../../dev/testing/patience.js';
import { countsOfPool } from '../../dev/testing/pool-counts.js';
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
