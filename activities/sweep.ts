import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { logEvent } from '../observability/log-events.js';
import { listPoolIds } from '../database/pools.js';
import { sumUpDemand } from '../database/demand-history.js';
import { expireRows, removeArchivedLaunchConfigs, removeDeletedPools } from '../database/retention.js';
import { vacuum } from '../database/client/vacuum.js';
import { reconcileSchedules } from '../temporal/reconcile-schedules.js';
import { errorMails } from './mail/mail-errors.js';
import type { ActivityDeps } from './support/deps.js';
import { FirstFailures } from './support/first-failures.js';
import { engineNow } from './support/engine-clock.js';
import { withHeartbeat } from './support/heartbeat.js';
import { scannedProviders } from './scan/scan.js';
import { lifecycleStarts, type MissingLifecycles } from './worker/start-lifecycles.js';
import { timeLimit } from './support/time-limit.js';

/**
 * The sweep's duties. Each does all that it can, and fails at its very end when something of it could not be done: the
 * next sweep tries that again (ARCHITECTURE.md#one-bad-item).
 */
export interface SweepActivities {
  /** Gives every live worker that has lost its lifecycle a new one. */
  startMissingLifecycles(): Promise<Omit<MissingLifecycles, 'impossible'>>;
  /** Makes the Schedules match the database. */
  reconcileSchedules(): Promise<void>;
  /**
   * Sums up the polls of hours that are over, and deletes what has outlived its time: stopped workers, errors,
   * decisions, polls. Says how many rows, and whether all.
   */
  expireRows(): Promise<{ readonly deleted: number; readonly finished: boolean }>;
  /** Removes archived launch configs and deleted pools that nothing uses. Says how many pools. */
  removeDeletedPools(): Promise<number>;
  /**
   * Gives the space of deleted rows back, where the database does not do that by itself. Says of how many tables not.
   */
  vacuumDatabase(): Promise<{ readonly left: number }>;
  /** Writes to owners about errors of their pools that they have not heard of. Says how many mails. */
  mailErrors(): Promise<number>;
}

/**
 * The next sweep goes on with what is left. Together they are far below the time of a sweep: a statement may take more.
 */
const SUMMING_TIMEOUT_MS = 30_000;
const EXPIRY_TIMEOUT_MS = 60_000;
const REMOVAL_TIMEOUT_MS = 60_000;
const VACUUM_TIMEOUT_MS = 2 * 60_000;

export const sweepActivities = (deps: ActivityDeps): SweepActivities => ({
  startMissingLifecycles: restoreLifecycles(deps),
  reconcileSchedules: matchSchedules(deps),
  expireRows: deleteExpired(deps),
  removeDeletedPools: removePools(deps),
  vacuumDatabase: vacuumTables(deps),
  mailErrors: writeToOwners(deps),
});

function restoreLifecycles(deps: ActivityDeps): SweepActivities['startMissingLifecycles'] {
  const starts = lifecycleStarts(deps);
  return async () => {
    const startedBy = Context.current().info.workflowExecution?.workflowId ?? 'sweep';
    const { impossible, ...counts } = await starts.missing(startedBy);
    const some = impossible.slice(0, 10).join(', ');
    if (impossible.length > 0) {
      throw unfinished(`${impossible.length} workers have no lifecycle and no pool or provider: ${some}`);
    }
    if (counts.failed > 0) throw unfinished(`${counts.failed} lifecycles could not be started`);
    return counts;
  };
}

function matchSchedules({
  config,
  database,
  providers,
  client,
  log,
}: ActivityDeps): SweepActivities['reconcileSchedules'] {
  const failing = new FirstFailures();
  return async () => {
    const { taskQueuePrefix } = config.temporal;
    const { deploymentId } = database.deployment;
    const failed = await withHeartbeat(() =>
      reconcileSchedules(
        { client, deploymentId, taskQueuePrefix, intervals: config.intervals },
        { workerPoolIds: () => listPoolIds(database.db), providerIds: scannedProviders(providers) },
      ),
    );
    for (const { scheduleId, failure } of failing.firstOf(failed, (one) => one.scheduleId)) {
      logEvent(log, 'schedule-failed', { scheduleId, err: failure });
    }
    if (failed.length > 0) throw unfinished(`${failed.length} Schedules could not be made`);
  };
}

function deleteExpired({ config, database, log }: ActivityDeps): SweepActivities['expireRows'] {
  const failing = new FirstFailures();
  return async () => {
    const [summed, expired] = await withHeartbeat(async () => [
      // What expires has been summed up before; a failure of that keeps nothing from being deleted.
      ...(await Promise.allSettled([sumUpDemand(database.db, engineNow(), timeLimit(SUMMING_TIMEOUT_MS))])),
      await expireRows(database.db, config.retention, engineNow(), timeLimit(EXPIRY_TIMEOUT_MS)),
    ]);
    for (const { table, result } of expired) {
      const { skipped, failure } = result;
      if (failure === null) failing.worked(table);
      else if (failing.isFirst(table)) logEvent(log, 'rows-not-deleted', { table, skipped, err: failure });
    }
    const dropped = expired.find(({ table }) => table === 'events')?.result.deleted ?? 0;
    if (config.pulse && dropped > 0) logEvent(log, 'messages-dropped', { messages: dropped });
    const bad = expired.filter(({ result }) => result.skipped > 0).map(({ table }) => table);
    if (bad.length > 0) throw unfinished(`Rows that cannot be deleted: ${bad.join(', ')}`);
    if (summed.status === 'rejected') throw summed.reason;
    return {
      deleted: expired.reduce((sum, { result }) => sum + result.deleted, 0),
      finished: expired.every(({ result }) => result.finished),
    };
  };
}

function removePools({ database, log }: ActivityDeps): SweepActivities['removeDeletedPools'] {
  const failing = new FirstFailures();
  return async () => {
    const { removed, failed, archived } = await withHeartbeat(async () => {
      const [removal] = await Promise.allSettled([removeArchivedLaunchConfigs(database.db, engineNow())]);
      return { ...(await removeDeletedPools(database.db, timeLimit(REMOVAL_TIMEOUT_MS))), archived: removal };
    });
    for (const workerPoolId of removed) logEvent(log, 'worker-pool-gone', { workerPoolId });
    for (const { workerPoolId, failure } of failing.firstOf(failed, (one) => one.workerPoolId)) {
      logEvent(log, 'worker-pool-not-removed', { workerPoolId, err: failure });
    }
    if (failed.length > 0) throw unfinished(`${failed.length} deleted pools could not be removed`);
    if (archived.status === 'rejected') throw archived.reason;
    return removed.length;
  };
}

function vacuumTables({ database, log }: ActivityDeps): SweepActivities['vacuumDatabase'] {
  const failing = new FirstFailures();
  return async () => {
    const { failed, left } = await withHeartbeat(() => vacuum(database, timeLimit(VACUUM_TIMEOUT_MS)));
    for (const { table, failure } of failing.firstOf(failed, (one) => one.table)) {
      logEvent(log, 'table-not-vacuumed', { table, err: failure });
    }
    if (failed.length > 0)
      throw unfinished(`Tables that cannot be vacuumed: ${failed.map(({ table }) => table).join(', ')}`);
    return { left };
  };
}

function writeToOwners(deps: ActivityDeps): SweepActivities['mailErrors'] {
  const mails = errorMails(deps);
  return async () => {
    const { sent, failed } = await withHeartbeat(mails);
    if (failed > 0) throw unfinished(`${failed} owners of pools got no mail about their errors`);
    return sent;
  };
}

/** The next sweep is the retry. */
const unfinished = (message: string): ApplicationFailure => ApplicationFailure.nonRetryable(message, 'Unfinished');
