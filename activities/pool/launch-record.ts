import { lifecycleTiming, registrationDeadline } from '../../domain/lifecycle.js';
import { provisionId } from '../../temporal/ids.js';
import type { LaunchOutcome } from '../../domain/decision-record.js';
import { logEvent } from '../../observability/log-events.js';
import { loggedDeadline, loggedWorker } from '../support/worker-log.js';
import type { LaunchedMachines, ProviderErrorReason } from '../../providers/provider.js';
import type { Proof } from '../../database/launch-attempts.js';
import { noteShortage } from '../../database/launch-failures.js';
import { recordLaunchedWorkers, workersOfLaunch } from '../../database/launches.js';
import { inTransaction } from '../../database/client/sql.js';
import { getPool } from '../../database/pools.js';
import type { LaunchRow } from '../../database/client/schema.js';
import type { Worker } from '../../domain/worker.js';
import { lifecycleCommon } from '../../temporal/lifecycle-input.js';
import { creationError, logPoolError, backoffAfter, worstFailureClass } from '../support/pool-errors.js';
import { takenCalls } from '../support/attempt-log.js';
import type { ActivityDeps } from '../support/deps.js';
import type { LaunchResult } from './types.js';
import { DAY_MS } from '../../domain/durations.js';

/** Launches up to this many machines give their names to the reconciliation, which starts them as children. */
const MAX_NAMED = 25;

export interface NewMachines extends LaunchedMachines {
  /** The workflow's instant of the launch. */
  readonly nowMs: number;
  /** Why there are no other machines; only for a part that a list showed. */
  readonly proof?: Proof;
}

/**
 * Gives a launch's machines their rows, and writes why there are no others: both or neither, because the cloud is asked
 * nothing more of a launch with rows. Null when it must not: the proof does not hold any more, or the pool has gone.
 */
export const recordLaunch =
  (deps: ActivityDeps) =>
  async (launch: LaunchRow, { machines, shortfall, nowMs, proof }: NewMachines): Promise<LaunchResult | null> => {
    const { database, config, log } = deps;
    const { db } = database;
    const pool = await getPool(db, launch.workerPoolId);
    const terminateAfter = registrationDeadline(nowMs, lifecycleTiming(pool?.pool.config.lifecycle, config.defaults));
    const isShort = machines.length < launch.count;
    const errors = isShort ? shortageErrors(launch, shortfall) : [];
    const recorded = await inTransaction(db, async (trx) => {
      const workers = await recordLaunchedWorkers(trx, launch.token, machines, {
        ...{ nowMs, terminateAfter, expires: terminateAfter + 7 * DAY_MS },
        ...(proof && { proof }),
        calls: takenCalls(),
      });
      if (workers === null) return null;
      const isFirst = isShort && (await noteShortage(trx, launch.token, { ...backoffOf(shortfall, nowMs), errors }));
      return { workers, isFirst };
    });
    if (recorded === null) return null;
    const { workers, isFirst } = recorded;
    // A repeat finds rows of an earlier instant.
    const fresh = workers.filter(({ created }) => created === nowMs);
    for (const row of fresh) logEvent(log, 'worker-requested', { ...loggedWorker(row), ...loggedDeadline(row) });
    if (fresh.length > 0) logLaunchEnd(deps, launch, isShort ? 'short' : 'launched', machines.length);
    if (isFirst) for (const error of errors) logPoolError(log, error);
    return await recordedResult(deps, launch, workers);
  };

/** What a launch is whose machines have their rows. */
export async function recordedResult(
  { database, providers, config }: ActivityDeps,
  launch: LaunchRow,
  workers: readonly Worker[],
): Promise<LaunchResult> {
  const living = workers.filter(({ state }) => state !== 'stopped');
  const launched = workers.length;
  const result = { launched, outcome: launched < launch.count ? 'short' : 'launched', failure: null } as const;
  // One that has registered meanwhile has another deadline.
  const first = living.find(({ state }) => state === 'requested') ?? living[0];
  const pool = await getPool(database.db, launch.workerPoolId);
  const provider = providers.get(launch.providerId);
  // A machine that nobody wanted is stopping from the first: its lifecycle begins from its row.
  const isStopping = living.some(({ state }) => state === 'stopping');
  if (!first || !pool || !provider || isStopping || launched > MAX_NAMED) return { ...result, group: null };
  const common = lifecycleCommon(first, { pool: pool.pool, provider, launch, defaults: config.defaults });
  return {
    ...result,
    group: { common, workers: living.map(({ workerGroup, workerId }) => ({ workerGroup, workerId })) },
  };
}

export const recordedBefore = async (deps: ActivityDeps, launch: LaunchRow): Promise<LaunchResult> =>
  await recordedResult(deps, launch, await workersOfLaunch(deps.database.db, launch.token));

/** Of a cloud that says nothing it is a lack of capacity. */
const NO_WORDS: ProviderErrorReason = {
  code: 'InsufficientCapacity',
  title: 'Insufficient capacity',
  message: 'The cloud created fewer machines than the launch requested',
  cloudCode: null,
};

const orNoWords = (shortfall: readonly ProviderErrorReason[]) => (shortfall.length > 0 ? shortfall : [NO_WORDS]);

const shortageErrors = (launch: LaunchRow, shortfall: readonly ProviderErrorReason[]) =>
  orNoWords(shortfall).map((reason) => creationError({ ...launch, reason }));

const backoffOf = (shortfall: readonly ProviderErrorReason[], nowMs: number) =>
  backoffAfter(worstFailureClass(orNoWords(shortfall)), nowMs);

export function logLaunchEnd(
  { log }: ActivityDeps,
  launch: LaunchRow,
  outcome: LaunchOutcome['outcome'],
  launched: number,
): void {
  const { workerPoolId, providerId, launchConfigId, token: launchToken, count: requested } = launch;
  const workflowId = provisionId(workerPoolId);
  const ids = { workerPoolId, workflowId, providerId, launchConfigId, launchToken };
  logEvent(log, 'launch-ended', { ...ids, outcome, requested, launched });
}
