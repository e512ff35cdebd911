import type { ListedQueueWorker, QuarantineDetail, QueueWorkerDetails, TaskRun } from '../../domain/demand-source.js';
import type { QueueWorker, WorkerName } from '../../domain/inactivity.js';
import type { PendingTask } from '../../domain/queue-waits.js';
import { isObject } from '../../domain/values.js';

/**
 * What the queue's answers mean. Decisions rest on instants, so one that is none is an error; what only people read is
 * not.
 */

export interface SentWorker {
  readonly workerGroup: string;
  readonly workerId: string;
  readonly firstClaim?: string;
  readonly lastDateActive?: string;
  readonly quarantineUntil?: string;
}

/** An entry of the queue's list. */
export interface SentListedWorker extends SentWorker {
  readonly latestTask?: unknown;
}

export interface SentWorkerDetails extends SentWorker {
  readonly expires?: string;
  readonly recentTasks?: unknown;
  readonly quarantineDetails?: unknown;
}

export const toName = ({ workerGroup, workerId }: WorkerName): WorkerName => ({ workerGroup, workerId });

/** An entry of the queue's list of pending tasks. */
export function toPendingTask({ inserted }: { readonly inserted: string }): PendingTask {
  const insertedAt = instantOf(inserted);
  if (insertedAt === null) throw new Error('The queue does not say since when a task is pending');
  return { insertedAt };
}

export const toQueueWorker = (sent: SentWorker): QueueWorker => ({
  ...toName(sent),
  firstClaimAt: instantOf(sent.firstClaim),
  lastActiveAt: instantOf(sent.lastDateActive),
  quarantineUntil: instantOf(sent.quarantineUntil),
});

export const toListedWorker = (sent: SentListedWorker): ListedQueueWorker => ({
  ...toQueueWorker(sent),
  latestTask: listOf([sent.latestTask], taskRunOf)[0] ?? null,
});

export const toWorkerDetails = (sent: SentWorkerDetails): QueueWorkerDetails => ({
  ...toQueueWorker(sent),
  expiresAt: instantOf(sent.expires),
  recentTasks: listOf(sent.recentTasks, taskRunOf),
  quarantines: listOf(sent.quarantineDetails, quarantineOf),
});

function instantOf(text: string | undefined): number | null {
  if (text === undefined || text === null) return null;
  const instant = Date.parse(text);
  if (Number.isNaN(instant)) throw new Error(`The queue says an instant that is none: ${String(text).slice(0, 50)}`);
  return instant;
}

/** Of a list that may be missing, the entries that are what they should be. */
const listOf = <T>(sent: unknown, entryOf: (entry: Record<string, unknown>) => T | null): T[] =>
  (Array.isArray(sent) ? sent : []).flatMap((entry: unknown) => {
    const read = isObject(entry) ? entryOf(entry) : null;
    return read === null ? [] : [read];
  });

function taskRunOf({ taskId, runId }: Record<string, unknown>): TaskRun | null {
  return typeof taskId === 'string' && Number.isSafeInteger(runId) ? { taskId, runId: runId as number } : null;
}

function quarantineOf({
  clientId,
  quarantineUntil,
  updatedAt,
  quarantineInfo,
}: Record<string, unknown>): QuarantineDetail {
  return {
    clientId: textOf(clientId),
    quarantineUntil: textOf(quarantineUntil),
    updatedAt: textOf(updatedAt),
    quarantineInfo: textOf(quarantineInfo),
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
