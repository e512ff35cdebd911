import { setTimeout as delay } from 'node:timers/promises';
import { awsPool } from '../testing/api-client.js';
import { startSystem } from '../testing/system.js';
import { withEngine } from './engine.js';
import { residentBytes } from './process-use.js';
import type { Figure } from './report.js';

const POOL = 'bench/idle';
const GIB = 1024 ** 3;
const LIMIT_GIB = 1.5;
/** A day: none of them may come to its registration deadline. */
const REGISTRATION_SECONDS = 86_400;
const QUIET_MS = 15_000;

/**
 * Memory of the product with many lifecycles that wait. Nothing runs in their machines, so each waits for its
 * registration; a running worker's lifecycle waits in the same way, with one more timer.
 */
export async function measureIdle({ database, lifecycles }: IdleOptions): Promise<Figure[]> {
  return await withEngine(async (address) => {
    const system = await startSystem({
      database,
      roles: database === 'postgres' ? 'split' : 'all',
      temporal: address,
      simulator: { machines: 'off' },
      config: {
        limits: { launchesPerMinute: 20_000, machines: 20_000 },
        intervals: { demandSeconds: 2, provisionSeconds: 300, scanSeconds: 30, sweepSeconds: 300 },
        defaults: { registrationSeconds: REGISTRATION_SECONDS },
      },
    });
    try {
      const begun = Date.now();
      await system.api.createPool(POOL, awsPool({ minCapacity: lifecycles, maxCapacity: lifecycles }));
      while ((await system.openLifecycles()) < lifecycles) {
        if (Date.now() - begun > 20 * 60_000)
          throw new Error(`only ${await system.openLifecycles()} lifecycles after 20 minutes`);
        await delay(2_000);
      }
      const startedMs = Date.now() - begun;
      // Scans go on, as they do in life.
      await delay(QUIET_MS);
      const scenario = `${lifecycles} idle lifecycles, ${database}`;
      return [
        { scenario, name: 'all started', value: startedMs / 1000, unit: 's' as const },
        ...system.roles.map((role): Figure => ({
          scenario,
          name: role === 'all' ? 'memory of the process' : `memory of the ${role} process`,
          value: residentBytes(system.process(role).pid) / GIB,
          unit: 'GB',
          limit: LIMIT_GIB,
          ...(role === 'all' && { note: 'workers, API and database' }),
        })),
      ];
    } finally {
      await system.stop();
    }
  });
}

export interface IdleOptions {
  readonly database: 'pglite' | 'postgres';
  readonly lifecycles: number;
}
