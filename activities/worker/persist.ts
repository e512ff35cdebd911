import type { Logger } from 'pino';
import type { WorkerKey } from '../../domain/ids.js';
import { lifecycleId } from '../../temporal/ids.js';
import { logEvent } from '../../observability/log-events.js';
import { loggedDeadline, loggedEnd, loggedWorker, seconds } from '../support/worker-log.js';
import {
  insertStaticWorker,
  recordCredentials,
  recordQuarantine,
  recordRunning,
  recordStopped,
  recordStopping,
  updateStaticWorker,
} from '../../database/worker-changes.js';
import { isRefusedForGood } from '../../database/client/failures.js';
import type { MachineLocation, WorkerState } from '../../domain/worker.js';
import type { LifecycleInput, StaticWorker, StopReason } from '../../temporal/messages.js';
import type { ActivityDeps } from '../support/deps.js';
import { DeletionsAtOnce, type DeletionsAtOnceActivities } from './deletions-at-once.js';
import { logPoolError, backoffAfter, workerError } from '../support/pool-errors.js';
import { DAY_MS } from '../../domain/durations.js';

/**
 * What a lifecycle records in the database. Each is idempotent and one statement, so that it can run as a local
 * activity: the cheapest way to write a row (one event). Instants are the workflow's.
 */
export interface PersistActivities {
  recordStatic(worker: LifecycleInput, first: StaticWorker, nowMs: number): Promise<void>;
  recordRunning(
    change: WorkerKey &
      RegistrationChange & {
        readonly registeredAt: number;
        /** How long the queue may see no activity of it. */
        readonly queueInactivityMs: number;
        /** When the machine's system booted, as it says; null or left out where it says nothing. */
        readonly systemBootTime?: number | null;
      },
  ): Promise<void>;
  recordCredentials(change: WorkerKey & RegistrationChange): Promise<void>;
  recordStaticChange(worker: WorkerKey, next: StaticWorker, nowMs: number): Promise<void>;
  /**
   * With `deletion`, sends that too, and does not wait for the cloud: whether it is under way
   * (`DeletionsAtOnceActivities` says what became of it).
   */
  recordStopping(
    worker: WorkerKey & {
      readonly providerId: string;
      readonly launchConfigId: string | null;
      readonly deletion?: { readonly step: string; readonly location: MachineLocation };
    },
    stop: StopReason,
    nowMs: number,
  ): Promise<boolean>;
  recordStopped(worker: WorkerKey, nowMs: number): Promise<void>;
  /** What the queue says: null, or an instant until which it gives the worker no work. */
  recordQuarantine(worker: WorkerKey, quarantineUntil: number | null): Promise<void>;
}

interface RegistrationChange {
  /** Null for static workers: their `expires` is their user's. */
  readonly terminateAfter: number | null;
  readonly secretGeneration: number;
  readonly nowMs: number;
}

/**
 * A living worker's row outlives its deadline by this much: the lifecycle ends it, never the row's age
 * (docs/taskcluster-compatibility.md#deadlines).
 */
const ROW_OUTLIVES_DEADLINE_MS = 7 * DAY_MS;

export function persistActivities(
  deps: ActivityDeps,
  deletions = new DeletionsAtOnce(deps),
): PersistActivities & DeletionsAtOnceActivities {
  const { database, triggers, log, metrics } = deps;
  const { db } = database;
  return {
    async recordStatic(worker, first, nowMs) {
      const { outcome } = await insertStaticWorker(db, { ...worker, ...first, nowMs });
      if (outcome !== 'created') return;
      const { workerPoolId, workerGroup, workerId, providerId } = worker;
      const ids = { workerPoolId, workerGroup, workerId, workflowId: lifecycleId(worker), providerId };
      const none = { launchConfigId: null, launchToken: null, terminateAfter: null, registrationDuration: null };
      logEvent(log, 'worker-running', { ...ids, ...none });
    },

    async recordRunning({ workerPoolId, workerGroup, workerId, ...change }) {
      const key = { workerPoolId, workerGroup, workerId };
      const row = await recordRunning(db, key, { ...change, expires: expires(change.terminateAfter) });
      if (!row) return;
      // Its launch config may launch more machines again.
      // guard(registration-triggers-what-waited-for-it): drop
      if (row.endsBackoff) triggers.requestReconcileSoon(workerPoolId, 'registered');
      const fields = { ...loggedWorker(row), ...loggedDeadline(row) };
      if (!row.isFirst) return logEvent(log, 'worker-credentials', fields);
      metrics.onRegistered(row, change.nowMs);
      metrics.onBooted(row);
      logEvent(log, 'worker-running', { ...fields, registrationDuration: seconds(change.nowMs - row.created) });
    },

    async recordCredentials({ workerPoolId, workerGroup, workerId, ...change }) {
      const key = { workerPoolId, workerGroup, workerId };
      const row = await recordCredentials(db, key, { ...change, expires: expires(change.terminateAfter) });
      if (row) logEvent(log, 'worker-credentials', { ...loggedWorker(row), ...loggedDeadline(row) });
    },

    async recordStaticChange(worker, next, nowMs) {
      await updateStaticWorker(db, worker, { ...next, nowMs });
    },

    recordStopping: persistStopping(deps, deletions),
    isDeletionAccepted: deletions.isDeletionAccepted,

    async recordQuarantine(key, quarantineUntil) {
      const row = await recordQuarantine(db, key, quarantineUntil);
      if (!row) return;
      const until = quarantineUntil === null ? null : new Date(quarantineUntil).toISOString();
      logEvent(log, 'worker-quarantine', { ...loggedWorker(row), quarantineUntil: until });
    },

    recordStopped: persistStopped(deps),
  };
}

function persistStopping(
  { database, triggers, log, metrics, providers }: ActivityDeps,
  deletions: DeletionsAtOnce,
): PersistActivities['recordStopping'] {
  return async ({ providerId, launchConfigId, deletion, ...key }, stop, nowMs) => {
    const failure = stop.failure ? workerError(key, launchConfigId, stop.failure) : undefined;
    const { failureClass, unregistered } = stop.failure ?? {};
    const backoff = failureClass && { ...backoffAfter(failureClass, nowMs), unregistered };
    const { reason, clientId = null } = stop;
    const change = { reason, clientId, failure, backoff, nowMs, preempted: stop.preempted === true };
    const row = await recordStopping(database.db, key, change).catch((error: unknown) =>
      reportRefusal(log, key, 'stopping', error),
    );
    if (row) {
      metrics.onStopping(row);
      if (failure) logPoolError(log, failure);
      logEvent(log, 'worker-removed', { ...loggedWorker(row), ...loggedEnd(row, nowMs) });
    }
    // The pool need not wait until nothing is left of the machine.
    // guard(a-preemption-triggers-its-pool): drop
    if (stop.preempted) triggers.requestReconcileSoon(key.workerPoolId, 'stopped');
    if (providers.get(providerId)?.machines) triggers.requestFastScan(providerId);
    if (!deletion) return false;
    return deletions.send({ ...key, providerId, launchConfigId, location: deletion.location }, deletion.step);
  };
}

function persistStopped({
  database,
  config,
  triggers,
  log,
  metrics,
}: ActivityDeps): PersistActivities['recordStopped'] {
  return async (key, nowMs) => {
    const lasts = config.retention.stoppedWorkersDays * DAY_MS;
    const row = await recordStopped(database.db, key, { nowMs, expires: nowMs + lasts }).catch((error: unknown) =>
      reportRefusal(log, key, 'stopped', error),
    );
    if (row) {
      metrics.onStopped(row, nowMs);
      logEvent(log, 'worker-stopped', { ...loggedWorker(row), ...loggedEnd(row, nowMs) });
    }
    // The pool may want another one in its place.
    triggers.requestReconcileSoon(key.workerPoolId, 'stopped');
  };
}

/** A worker that ends goes on without its row for as long as the database refuses it: somebody must hear of that. */
function reportRefusal(log: Logger, key: WorkerKey, state: WorkerState, error: unknown): never {
  if (isRefusedForGood(error)) {
    const { workerPoolId, workerGroup, workerId } = key;
    const ids = { workerPoolId, workerGroup, workerId, workflowId: lifecycleId(key) };
    logEvent(log, 'worker-row-refused', { ...ids, state, err: error });
  }
  throw error;
}

/** Null leaves a static worker's `expires` as its user set it. */
const expires = (terminateAfter: number | null): number | null =>
  terminateAfter === null ? null : terminateAfter + ROW_OUTLIVES_DEADLINE_MS;
