/** What lists of pools say of each in a word: of its last decision, without reading its evidence. */

export interface PoolStatus {
  readonly workerPoolId: string;
  /** Whoever holds it; null: nobody. */
  readonly hold: object | null;
  readonly pendingTasks: number | null;
  readonly requested: number;
  readonly running: number;
  readonly stopping: number;
  readonly maxCapacity: number | null;
  readonly wantedCapacity: number | null;
  readonly limitedBy: readonly string[];
  /** Null: nothing has been decided yet. */
  readonly decidedAt: string | null;
  readonly errorsLastHour: number;
}

/** `bad`: tasks wait and get nothing; `warn`: the same as soon as tasks wait; `busy`: machines are on their way. */
export interface Why {
  readonly word: string;
  readonly level: 'bad' | 'warn' | 'busy' | 'fine';
}

export function whyOf(pool: PoolStatus): Why {
  const waits = (pool.pendingTasks ?? 0) > 0;
  if (pool.hold) return { word: 'held', level: waits ? 'bad' : 'warn' };
  const [limit] = pool.limitedBy;
  if (limit !== undefined) return { word: limit, level: waits ? 'bad' : 'warn' };
  if (pool.requested > 0) return { word: 'launching', level: 'busy' };
  if (pool.decidedAt === null) return { word: 'not evaluated yet', level: 'fine' };
  if (waits && (pool.wantedCapacity ?? 0) > 0) {
    const isFull = pool.maxCapacity !== null && pool.running + pool.requested + pool.stopping >= pool.maxCapacity;
    return isFull ? { word: 'at maximum', level: 'warn' } : { word: 'launching', level: 'busy' };
  }
  return { word: waits ? 'idle machines' : 'nothing waits', level: 'fine' };
}

const rank = { bad: 0, warn: 1, busy: 2, fine: 3 } as const;

/** Worst first: what waits without getting anything, then what waits longest in line, then what fails. */
export function worstFirst(a: PoolStatus, b: PoolStatus): number {
  const level = rank[whyOf(a).level] - rank[whyOf(b).level];
  const pending = (b.pendingTasks ?? 0) - (a.pendingTasks ?? 0);
  const errors = b.errorsLastHour - a.errorsLastHour;
  return level || pending || errors || (a.workerPoolId < b.workerPoolId ? -1 : 1);
}
