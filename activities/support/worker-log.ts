import type { Worker } from '../../domain/worker.js';
import { lifecycleId } from '../../temporal/ids.js';

/** What the lines of a worker's life say of it. */
export const loggedWorker = (worker: Worker) => ({
  workerPoolId: worker.workerPoolId,
  workerGroup: worker.workerGroup,
  workerId: worker.workerId,
  workflowId: lifecycleId(worker),
  providerId: worker.providerId,
  launchConfigId: worker.launchConfigId,
  launchToken: worker.launchToken,
});

export const loggedDeadline = ({ terminateAfter }: Worker) => ({
  terminateAfter: terminateAfter === null ? null : new Date(terminateAfter).toISOString(),
});

/** Seconds, under Taskcluster's names. `runningDuration` is null for a worker that never registered. */
export const loggedEnd = ({ created, registeredAt, stopReason }: Worker, nowMs: number) => ({
  reason: stopReason,
  workerAge: seconds(nowMs - created),
  runningDuration: registeredAt === null ? null : seconds(nowMs - registeredAt),
});

export const seconds = (milliseconds: number): number => Math.round(milliseconds) / 1000;
