import type { DemandCounts } from './demand.js';
import type { QueueWorker, WorkerName } from './inactivity.js';
import type { PendingTask } from './queue-waits.js';

/**
 * What a deployment asks of its queue. Every question may fail, and then nobody guesses. A signal that is aborted ends
 * the wait for an answer.
 */
export interface DemandSource {
  /** Counts of one pool's task queue now. */
  counts(workerPoolId: string, signal?: AbortSignal): Promise<DemandCounts>;
  /** Tasks that wait for a pool, the oldest first; of very many, those. */
  pending(workerPoolId: string, signal: AbortSignal): Promise<QueueList<PendingTask>>;
  /** The workers of a pool that the queue knows. */
  workers(workerPoolId: string, signal: AbortSignal): Promise<QueueList<QueueWorker>>;
  /** Who works on the tasks of a pool's queue: an entry for each claimed task. */
  claimants(workerPoolId: string, signal: AbortSignal): Promise<QueueList<WorkerName>>;
  /** One worker; null when the queue does not know it. */
  worker(workerPoolId: string, worker: WorkerName, signal: AbortSignal): Promise<QueueWorkerDetails | null>;
  /** A part of the workers of a pool, by group and id, as people read them. */
  workersPage(workerPoolId: string, query: WorkersQuery, signal: AbortSignal): Promise<WorkersPage>;
}

export interface WorkersQuery {
  readonly limit: number;
  /** Of the page before; null: the first. */
  readonly continuationToken: string | null;
  /** Only those that are in quarantine. */
  readonly quarantined: boolean;
}

export interface WorkersPage {
  readonly entries: readonly ListedQueueWorker[];
  /** Null: nothing follows. */
  readonly continuationToken: string | null;
}

export interface TaskRun {
  readonly taskId: string;
  readonly runId: number;
}

export interface ListedQueueWorker extends QueueWorker {
  /** Null: the queue does not say. */
  readonly latestTask: TaskRun | null;
}

export interface QueueWorkerDetails extends QueueWorker {
  /** Until when the queue keeps the worker; null: it does not say. */
  readonly expiresAt: number | null;
  /** The latest tasks that it claimed. */
  readonly recentTasks: readonly TaskRun[];
  readonly quarantines: readonly QuarantineDetail[];
}

/** Who put a worker into quarantine, and why, in the queue's own words. */
export interface QuarantineDetail {
  readonly clientId: string;
  readonly quarantineUntil: string;
  readonly updatedAt: string;
  readonly quarantineInfo: string;
}

/** An incomplete list says nothing about what is not in it. */
export interface QueueList<T> {
  readonly complete: boolean;
  readonly entries: readonly T[];
}

/** A page of workers is the question of all of them. */
export type Question = Exclude<keyof DemandSource, 'workersPage'>;

/** The queue will not answer this question until somebody grants a scope or upgrades it. */
export class QueueRefusedError extends Error {
  readonly question: Question;
  /** What the credentials need for it. */
  readonly scopes: readonly string[];

  constructor(question: Question, scopes: readonly string[], message: string) {
    super(message);
    this.name = 'QueueRefusedError';
    this.question = question;
    this.scopes = scopes;
  }
}
