import { estimate } from '../domain/estimator.js';
import { targetCapacity } from '../domain/termination.js';
import { logEvent } from '../observability/log-events.js';
import { allPoolsCapacity, type PoolCapacity } from '../records/facts.js';
import type { DemandCounts } from '../domain/demand.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';
import { inParallel } from './in-parallel.js';

export interface DemandActivities {
  /** One look at all pools; asks those that have something to do. */
  lookAtDemand(): Promise<DemandLook>;
}

/** Counts only: a history keeps them. */
export interface DemandLook {
  readonly pools: number;
  readonly asked: number;
  /** Pools whose demand could not be read; each is held until it can. */
  readonly unreadable: number;
}

const MOST_CALLS_AT_ONCE = 20;

export function demandActivities({ config, records, demand, asks, log }: ActivityDeps): DemandActivities {
  return {
    lookAtDemand: () =>
      withHeartbeat(async () => {
        const pools = await allPoolsCapacity(records.db, Date.now());
        let asked = 0;
        let unreadable = 0;
        await inParallel(pools, MOST_CALLS_AT_ONCE, async (pool) => {
          try {
            const counts = await demand.counts(pool.workerPoolId);
            if (!hasWork(pool, counts)) return;
            asked += 1;
            await asks.askForLook(pool.workerPoolId);
          } catch (error) {
            unreadable += 1;
            logEvent(log, 'demand-unreadable', { workerPoolId: pool.workerPoolId, err: error });
          }
        });
        return { pools: pools.length, asked, unreadable };
      }),
  };

  function hasWork(pool: PoolCapacity, counts: DemandCounts): boolean {
    if (pool.oldestUnfinishedLaunch !== null) return true;
    const input = { ...pool, ...counts };
    const launchable = pool.launchable && !pool.held;
    if (launchable && estimate(config.provisioning.estimator, input).spawnCapacity > 0) return true;
    // Whether running workers are too many has changed since the last pass told them.
    const target = targetCapacity({ ...pool, ...counts });
    const tooMany = pool.launchedRunningCapacity > 0 && pool.spareAbove >= target;
    return tooMany !== pool.toldToTerminate > 0;
  }
}
