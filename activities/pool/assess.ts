import { estimatorInput } from '../../domain/capacity.js';
import type { Block } from '../../domain/evidence.js';
import { firstLineOf } from '../../domain/values.js';
import { excerpt } from '../../database/client/sql.js';
import { isPoolPaused } from '../../temporal/schedules.js';
import { isOverdue } from '../../domain/launch.js';
import { SCHEDULE_PAUSED, SCHEDULE_UNREAD } from '../../domain/pool-status.js';
import { poolSnapshot, type UnfinishedLaunch as RecordedLaunch } from '../../database/pool-snapshot.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import type { PoolAssessment, UnfinishedLaunch } from './types.js';
import { providerBlock } from '../../providers/provider-block.js';

/**
 * A workflow of the engine's own answers, which may be behind on a busy server, or for minutes after it was killed.
 * What else a reconciliation does must not wait for it.
 */
const DESCRIBE_TIMEOUT_MS = 10_000;

const MAX_ERROR_LENGTH = 300;

export function assessPool(
  deps: ActivityDeps,
  describeTimeoutMs = DESCRIBE_TIMEOUT_MS,
): (workerPoolId: string) => Promise<PoolAssessment | null> {
  const { config, database, providers, demand, client } = deps;

  return async (workerPoolId) => {
    const nowMs = engineNow();
    const [snapshot, read, schedule] = await Promise.all([
      poolSnapshot(database.db, workerPoolId, nowMs),
      // The decision says that they could not be read; the poll of all pools logs it once.
      demand.counts(workerPoolId).catch((error: unknown) => excerpt(firstLineOf(error), MAX_ERROR_LENGTH)),
      scheduleBlock(isPoolPaused(client, workerPoolId, describeTimeoutMs)),
    ]);
    if (!snapshot) return null;
    const counts = typeof read === 'string' ? null : read;
    const { providerId, config: poolConfig } = snapshot.pool;
    const knownToPolls = [
      snapshot.hold && blockOf('held', `held: ${snapshot.hold.reason}`),
      blockOf('provider', providerBlock(providers, providerId)),
    ];
    const blocks = [...knownToPolls, schedule].filter((block) => block !== null);
    return {
      workerPoolId,
      estimator: config.provisioning.estimator,
      inputs: { providerId, ...estimatorInput(snapshot.pool, snapshot, counts) },
      options: snapshot.options,
      lastAdoption: snapshot.lastAdoption,
      unfinished: snapshot.unfinished.map((launch) => unfinishedLaunch(launch, nowMs)),
      blockedBy: blocks.map(({ reason }) => reason),
      blocks,
      demandError: typeof read === 'string' ? read : null,
      blockedForPolls: knownToPolls.some((block) => block !== null),
      providers: providers.list().map((each) => each.providerId),
      ...(poolConfig.forcedRemoval && { forcedRemoval: true }),
    };
  };
}

/**
 * A pause that cannot be read may be there: nothing new is launched, and what earlier reconciliations left open goes
 * on.
 */
async function scheduleBlock(isPaused: Promise<boolean>): Promise<Block | null> {
  try {
    return (await isPaused) ? blockOf('schedule-paused', SCHEDULE_PAUSED) : null;
  } catch {
    // guard(a-schedule-that-is-not-read-launches-nothing): use null
    return blockOf('schedule-unread', SCHEDULE_UNREAD);
  }
}

const blockOf = (code: Block['code'], reason: string | null): Block | null =>
  reason === null ? null : { code, reason };

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
