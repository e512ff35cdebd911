import { capacityBounds } from '../../domain/capacity.js';
import { capacityOf } from '../../domain/estimator.js';
import { isPoolPaused } from '../../temporal/schedules.js';
import { isOverdue } from '../../domain/launch.js';
import { poolSnapshot, type UnfinishedLaunch as RecordedLaunch } from '../../database/pool-snapshot.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import type { PoolAssessment, UnfinishedLaunch } from './types.js';
import { providerBlock } from './provider-block.js';

/**
 * A workflow of the engine's own answers, which may be behind on a busy server. The next attempt asks anew, where a
 * wait of half a minute would use this one up.
 */
const DESCRIBE_TIMEOUT_MS = 10_000;

export function assessPool(
  deps: ActivityDeps,
  describeTimeoutMs = DESCRIBE_TIMEOUT_MS,
): (workerPoolId: string) => Promise<PoolAssessment | null> {
  const { config, database, providers, demand, client } = deps;

  return async (workerPoolId) => {
    const nowMs = engineNow();
    const [snapshot, counts, isPaused] = await Promise.all([
      poolSnapshot(database.db, workerPoolId, nowMs),
      // The decision says that they could not be read; the poll of all pools logs it once.
      demand.counts(workerPoolId).catch(() => null),
      isPoolPaused(client, workerPoolId, describeTimeoutMs),
    ]);
    if (!snapshot) return null;
    const { providerId, config: poolConfig } = snapshot.pool;
    const knownToPolls = [snapshot.hold && `held: ${snapshot.hold.reason}`, providerBlock(providers, providerId)];
    return {
      workerPoolId,
      estimator: config.provisioning.estimator,
      inputs: {
        providerId,
        pendingTasks: counts?.pendingTasks ?? null,
        claimedTasks: counts?.claimedTasks ?? null,
        ...capacityOf(snapshot),
        ...capacityBounds(providerId, poolConfig),
        scalingRatio: poolConfig.scalingRatio ?? 1,
      },
      options: snapshot.options,
      lastAdoption: snapshot.lastAdoption,
      unfinished: snapshot.unfinished.map((launch) => unfinishedLaunch(launch, nowMs)),
      blockedBy: [...knownToPolls, isPaused ? 'held: its cron Schedule is paused' : null].filter(
        (reason) => reason !== null,
      ),
      blockedForPolls: knownToPolls.some((reason) => reason !== null),
      providers: providers.list().map((each) => each.providerId),
      ...(poolConfig.forcedRemoval && { forcedRemoval: true }),
    };
  };
}

const unfinishedLaunch = (launch: RecordedLaunch, nowMs: number): UnfinishedLaunch => ({
  token: launch.token,
  providerId: launch.providerId,
  launchConfigId: launch.launchConfigId,
  count: launch.count,
  neverSent: launch.status === 'open' && launch.inDoubtAttempts === 0,
  isArchived: launch.archived,
  // One whose machines have their rows only waits for their lifecycles.
  nextAttemptAt: launch.status === 'open' ? launch.nextAttemptAt : null,
  isUnreported: launch.status === 'open' && launch.reportedAt === null && isOverdue(launch, nowMs),
});
