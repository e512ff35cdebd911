import { estimate } from '../domain/estimator.js';
import { targetCapacity } from '../domain/termination.js';
import { allPoolsCapacity, type PoolCapacity } from '../records/facts.js';
import type { DemandCounts } from '../domain/demand.js';
import type { ActivityDeps } from './deps.js';
import { PoolPoll, type PollLimits } from '../demand/poll-pools.js';
import { callSignal } from '../providers/call-scope.js';
import { withHeartbeat } from './heartbeat.js';
import { PollReport } from './poll-report.js';

export interface DemandActivities {
  /** One look at all pools; asks those that have something to do. */
  lookAtDemand(): Promise<DemandLook>;
}

/** Counts only: a history keeps them. */
export interface DemandLook {
  readonly pools: number;
  readonly asked: number;
  /** Pools whose demand could not be read, or not in time; each is held until it can. */
  readonly unreadable: number;
}

/** One pool's queue may take so long, and all of them. The next poll waits for this one. */
export const DEMAND_POLL_LIMITS: PollLimits = {
  poolTimeoutMs: 5_000,
  totalTimeoutMs: 45_000,
  slowAfterMs: 2_000,
  lanes: 20,
  slowLanes: 4,
};

export function demandActivities(
  { config, records, demand, asks, log }: ActivityDeps,
  limits: PollLimits = DEMAND_POLL_LIMITS,
): DemandActivities {
  const poll = new PoolPoll(limits);
  const report = new PollReport(log);
  return {
    lookAtDemand: () =>
      withHeartbeat(async () => {
        const pools = new Map(
          (await allPoolsCapacity(records.db, Date.now())).map((pool) => [pool.workerPoolId, pool]),
        );
        let asked = 0;
        const outcome = await poll.run([...pools.keys()], callSignal(), async (workerPoolId, signal) => {
          const counts = await demand.counts(workerPoolId, signal);
          if (signal.aborted || !hasWork(pools.get(workerPoolId)!, counts)) return;
          asked += 1;
          await asks.askForLook(workerPoolId);
        });
        report.say(outcome);
        return { pools: pools.size, asked, unreadable: outcome.failed.size + outcome.leftOut.length };
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
