import type { DemandCounts } from './demand.js';
import type { QueueWorker, WorkerName } from './inactivity.js';

/**
 * What a deployment asks of its queue. Every question may fail, and then nobody guesses. A signal that is aborted ends the
 * wait for an answer.
 */
export interface DemandSource {
  /** Counts of one pool's task queue now. */
  counts(workerPoolId: string, signal?: AbortSignal): Promise<DemandCounts>;
  /** The workers of a pool that the queue knows. */
  workers(workerPoolId: string, signal: AbortSignal): Promise<QueueList<QueueWorker>>;
  /** Who works on the tasks of a pool's queue: an entry for each claimed task. */
  claimants(workerPoolId: string, signal: AbortSignal): Promise<QueueList<WorkerName>>;
  /** One worker; null when the queue does not know it. */
  worker(workerPoolId: string, worker: WorkerName, signal: AbortSignal): Promise<QueueWorker | null>;
}

/** An incomplete list says nothing about what is not in it. */
export interface QueueList<T> {
  readonly complete: boolean;
  readonly entries: readonly T[];
}

export type Question = keyof DemandSource;

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
