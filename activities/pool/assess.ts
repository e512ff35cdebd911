import { type Client, ScheduleNotFoundError } from '@temporalio/client';
import { capacityBounds } from '../../domain/capacity.js';
import { cronScheduleId } from '../../temporal/ids.js';
import { isOverdue } from '../../domain/launch.js';
import { poolFacts, type UnfinishedLaunch as RecordedLaunch } from '../../database/pool-snapshot.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import type { PoolFacts, UnfinishedLaunch } from './activities.js';
import { providerBlock } from './provider-block.js';

/**
 * A workflow of the engine's own answers, which may be behind on a busy server. The next attempt asks anew, where a wait of half
 * a minute would use this one up.
 */
const DESCRIBE_TIMEOUT_MS = 10_000;

export function assessPool(
  deps: ActivityDeps,
  describeTimeoutMs = DESCRIBE_TIMEOUT_MS,
): (workerPoolId: string) => Promise<PoolFacts | null> {
  const { config, records, providers, demand, client } = deps;

  return async (workerPoolId) => {
    const nowMs = engineNow();
    const [facts, counts, isPaused] = await Promise.all([
      poolFacts(records.db, workerPoolId, nowMs),
      // The decision says that they could not be read; the poll of all pools logs it once.
      demand.counts(workerPoolId).catch(() => null),
      isSchedulePaused(client, workerPoolId, describeTimeoutMs),
    ]);
    if (!facts) return null;
    const { providerId, config: poolConfig } = facts.pool;
    const knownToPolls = [facts.hold && `held: ${facts.hold.reason}`, providerBlock(providers, providerId)];
    return {
      workerPoolId,
      estimator: config.provisioning.estimator,
      inputs: {
        providerId,
        pendingTasks: counts?.pendingTasks ?? null,
        claimedTasks: counts?.claimedTasks ?? null,
        requestedCapacity: facts.requestedCapacity,
        runningCapacity: facts.runningCapacity,
        stoppingCapacity: facts.stoppingCapacity,
        quarantinedCapacity: facts.quarantinedCapacity,
        inDoubtCapacity: facts.inDoubtCapacity,
        currentCapacity: facts.currentCapacity,
        ...capacityBounds(providerId, poolConfig),
        scalingRatio: poolConfig.scalingRatio ?? 1,
      },
      options: facts.options,
      unfinished: facts.unfinished.map((launch) => unfinishedLaunch(launch, nowMs)),
      blockedBy: [...knownToPolls, isPaused ? 'held: its cron Schedule is paused' : null].filter(
        (reason) => reason !== null,
      ),
      blockedForPolls: knownToPolls.some((reason) => reason !== null),
      providers: providers.list().map((each) => each.providerId),
    };
  };
}

const unfinishedLaunch = (launch: RecordedLaunch, nowMs: number): UnfinishedLaunch => ({
  token: launch.token,
  providerId: launch.providerId,
  launchConfigId: launch.launchConfigId,
  count: launch.count,
  neverSent: launch.status === 'open' && launch.doubtfulAttempts === 0,
  // One whose machines have their rows only waits for their lifecycles.
  nextAttemptAt: launch.status === 'open' ? launch.nextAttemptAt : null,
  isUnreported: launch.status === 'open' && launch.reportedAt === null && isOverdue(launch, nowMs),
});

/** Operators pause a pool's cron in the Temporal UI to hold it. */
async function isSchedulePaused(client: Client, workerPoolId: string, timeoutMs: number): Promise<boolean> {
  const schedule = client.schedule.getHandle(cronScheduleId(workerPoolId));
  try {
    return (await client.withDeadline(Date.now() + timeoutMs, () => schedule.describe())).state.paused;
  } catch (error) {
    // guard(missing-schedule-blocks-nothing): false
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}
