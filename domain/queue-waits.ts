import { ALL_POOLS } from './demand-history.js';
import { spreadOf } from './charts.js';

/** What the queue says of the pending tasks of a pool; oldest first. */
export interface PendingTask {
  /** When it began to wait. */
  readonly insertedAt: number;
}

export interface QueueWait {
  readonly workerPoolId: string;
  readonly tasks: number;
  /** The queue has no more than these. */
  readonly complete: boolean;
  readonly oldestMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

interface PendingOfPool {
  readonly workerPoolId: string;
  readonly complete: boolean;
  readonly entries: readonly PendingTask[];
}

/** How long tasks have waited by now, of each pool that has any and of all of them together. */
export function queueWaits(pools: readonly PendingOfPool[], nowMs: number): QueueWait[] {
  const waiting = pools
    .filter(({ entries }) => entries.length > 0)
    .map(({ workerPoolId, complete, entries }) => ({
      ...{ workerPoolId, complete },
      // Its clock and ours are two.
      waits: entries.map(({ insertedAt }) => Math.max(0, nowMs - insertedAt)),
    }));
  if (waiting.length === 0) return [];
  const all = {
    workerPoolId: ALL_POOLS,
    complete: waiting.every(({ complete }) => complete),
    waits: waiting.flatMap(({ waits }) => waits),
  };
  return [...waiting, all].map(({ workerPoolId, complete, waits }) => {
    const { p50Ms, p95Ms, maxMs } = spreadOf(waits);
    return { workerPoolId, complete, tasks: waits.length, oldestMs: maxMs, p50Ms, p95Ms };
  });
}
