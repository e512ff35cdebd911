import type { TriggerCause } from '../domain/evidence.js';
import type { WorkerKey } from '../domain/ids.js';
import type { WorkerPool } from '../domain/worker-pool.js';
import type {
  OrphanSweepRequest,
  RegisterRequest,
  Registration,
  RemoveRequest,
  ReregisterRequest,
  StaticWorker,
} from './messages.js';

/**
 * What the API requests of lifecycles and pools. A worker's lifecycle judges and counts; the API does everything else.
 * Each call throws LifecycleRejectedError when the lifecycle refuses (a retry cannot cure it), and
 * LifecycleUnavailableError when there is no answer within 10 s: the request may still be applied later, so repeating
 * it is safe. The two calls about a pool wait no longer either.
 */
export interface LifecycleClient {
  /** Requests a reconciliation of the pool, soon. Best effort: the pool's own Schedule makes up for a lost request. */
  requestReconcile(workerPoolId: string, cause: TriggerCause): Promise<void>;
  /** Creates the pool's schedule if it is missing. Idempotent; a start-up run does the same for all pools. */
  ensurePoolSchedule(workerPoolId: string): Promise<void>;

  /**
   * Update `register`; starts the lifecycle when the row is there and it is not. The same `updateId` gives the same
   * answer, so it must hold everything that the caller proved.
   */
  register(worker: WorkerKey, request: WithUpdateId<RegisterRequest>): Promise<Registration>;
  reregister(worker: WorkerKey, request: WithUpdateId<ReregisterRequest>): Promise<Registration>;
  /**
   * Resolves when the lifecycle has accepted the request, not when the machine is gone. A closed lifecycle is no error.
   */
  remove(worker: WorkerKey, request: RemoveRequest): Promise<void>;

  /**
   * Starts a sweep of orphans and gives its run's id; its outcome is in the database. Rejected while one is under way.
   */
  sweepOrphans(request: OrphanSweepRequest): Promise<string>;

  /**
   * Starts a static worker's lifecycle, also where former ones have ended; resolves when its row is written. Throws
   * WorkerExistsError when one is open.
   */
  createStatic(worker: WorkerKey, pool: WorkerPool, first: StaticWorker): Promise<void>;
  /** Resolves when the row is written. */
  updateStatic(worker: WorkerKey, next: StaticWorker): Promise<void>;
}

export type WithUpdateId<T> = T & { readonly updateId: string };

/** The lifecycle refuses. `message` is for the caller of the API. */
export class LifecycleRejectedError extends Error {
  override readonly name = 'LifecycleRejectedError';
}

/** No answer in time, or the engine cannot be reached. */
export class LifecycleUnavailableError extends Error {
  override readonly name = 'LifecycleUnavailableError';
}

/** A lifecycle of this name is open. */
export class WorkerExistsError extends Error {
  override readonly name = 'WorkerExistsError';
}
