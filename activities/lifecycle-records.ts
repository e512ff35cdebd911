import type { WorkerKey } from '../domain/ids.js';
import {
  insertStaticWorker,
  recordCredentials,
  recordRunning,
  recordStopped,
  recordStopping,
  updateStaticWorker,
} from '../records/worker-changes.js';
import type { LifecycleInput, StaticWorker, StopReason } from '../temporal/messages.js';
import type { ActivityDeps } from './deps.js';

/**
 * What a lifecycle writes in the books. Each is idempotent and one statement, so that it can run as a local activity:
 * the cheapest way to write a row (one event). Instants are the workflow's.
 */
export interface LifecycleRecords {
  recordStatic(worker: LifecycleInput, first: StaticWorker, nowMs: number): Promise<void>;
  recordRunning(change: WorkerKey & RegistrationChange & { readonly registeredAt: number }): Promise<void>;
  recordCredentials(change: WorkerKey & RegistrationChange): Promise<void>;
  recordStaticChange(worker: WorkerKey, next: StaticWorker, nowMs: number): Promise<void>;
  recordStopping(
    worker: WorkerKey & { readonly providerId: string; readonly launchConfigId: string | null },
    stop: StopReason,
    nowMs: number,
  ): Promise<void>;
  recordStopped(worker: WorkerKey, nowMs: number): Promise<void>;
}

interface RegistrationChange {
  /** Null for static workers: their `expires` is their user's. */
  readonly terminateAfter: number | null;
  readonly secretGeneration: number;
  readonly nowMs: number;
}

const DAY_MS = 24 * 60 * 60_000;
/** A living worker's row outlives its deadline by this much: the lifecycle ends it, never the row's age (W15). */
const ROW_OUTLIVES_DEADLINE_MS = 7 * DAY_MS;

export function lifecycleRecords({ records, config, asks }: ActivityDeps): LifecycleRecords {
  const { db } = records;
  /** Null leaves a static worker's `expires` as its user set it. */
  const expires = (terminateAfter: number | null) =>
    terminateAfter === null ? null : terminateAfter + ROW_OUTLIVES_DEADLINE_MS;
  return {
    async recordStatic(worker, first, nowMs) {
      await insertStaticWorker(db, { ...worker, ...first, nowMs });
    },

    async recordRunning({ workerPoolId, workerGroup, workerId, ...change }) {
      const key = { workerPoolId, workerGroup, workerId };
      await recordRunning(db, key, { ...change, expires: expires(change.terminateAfter) });
    },

    async recordCredentials({ workerPoolId, workerGroup, workerId, ...change }) {
      const key = { workerPoolId, workerGroup, workerId };
      await recordCredentials(db, key, { ...change, expires: expires(change.terminateAfter) });
    },

    async recordStaticChange(worker, next, nowMs) {
      await updateStaticWorker(db, worker, { ...next, nowMs });
    },

    async recordStopping({ providerId, launchConfigId, ...key }, stop, nowMs) {
      const { workerPoolId, workerGroup, workerId } = key;
      const failure = stop.failure && {
        ...stop.failure,
        workerPoolId,
        launchConfigId,
        extra: { workerGroup, workerId },
      };
      await recordStopping(db, key, { reason: stop.reason, failure: failure ?? undefined, nowMs });
      asks.hintFollowScan(providerId);
    },

    async recordStopped(key, nowMs) {
      await recordStopped(db, key, { nowMs, expires: nowMs + config.retention.stoppedWorkersDays * DAY_MS });
      // The pool may want another one in its place.
      asks.hintLook(key.workerPoolId);
    },
  };
}
