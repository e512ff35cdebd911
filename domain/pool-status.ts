import type { FailureClass } from './backoff.js';
import type { Explanation, PoolCause } from './explain/explanation.js';
import { failureCauses } from './explain/failure-causes.js';

/** What lists of pools say of each in a word: of its last decision, without reading its evidence. */

export interface PoolStatus {
  readonly workerPoolId: string;
  /** Whoever holds it; null: nobody. */
  readonly hold: object | null;
  readonly pendingTasks: number | null;
  readonly claimedTasks?: number | null;
  readonly requested: number;
  readonly running: number;
  readonly stopping: number;
  readonly maxCapacity: number | null;
  readonly wantedCapacity: number | null;
  readonly limitedBy: readonly string[];
  /** Null: nothing has been decided yet. */
  readonly decidedAt: string | null;
  readonly errorsLastHour: number;
  /** Of the launch config that is tried next, where all back off. */
  readonly backoff?: { readonly failureClass: FailureClass } | null;
}

/** `bad`: tasks wait and get nothing; `warn`: the same as soon as tasks wait; `busy`: machines are on their way. */
export interface Why {
  /** A cause of explanations. */
  readonly word: Explanation['cause'];
  readonly level: 'bad' | 'warn' | 'busy' | 'fine';
}

/** In the words of explanations, as far as the last decision tells; an explanation has read more. */
export function whyOf(pool: PoolStatus): Why & { readonly word: PoolCause } {
  const waits = (pool.pendingTasks ?? 0) > 0;
  const level = waits ? 'bad' : 'warn';
  if (pool.hold) return { word: 'held', level };
  const [limit] = pool.limitedBy.filter((each) => !isForGood(each) || lacksMachines(pool));
  if (limit !== undefined) return { word: causeOfLimit(limit), level };
  if (pool.requested > 0) return { word: 'still-booting', level: 'busy' };
  if (pool.decidedAt === null) return { word: 'not-evaluated', level: 'fine' };
  // What is still among the limits keeps nobody waiting.
  const isSatisfied = !waits || (pool.wantedCapacity ?? 0) <= 0 || pool.limitedBy.length > 0;
  if (isSatisfied) return { word: 'nothing-wanted', level: 'fine' };
  const isFull = pool.maxCapacity !== null && pool.running + pool.requested + pool.stopping >= pool.maxCapacity;
  if (isFull) return { word: 'at-maximum', level: 'warn' };
  if (pool.backoff) return { word: failureCauses[pool.backoff.failureClass], level };
  return { word: 'launching', level: 'busy' };
}

/** How decisions end that name a provider whose machines somebody sets up: nothing is wrong with it. */
export const LAUNCHES_NOTHING = 'launches nothing by itself';

const isForGood = (limit: string): boolean => limit.startsWith('provider ') && limit.endsWith(LAUNCHES_NOTHING);

/** Polls trigger no decision of a pool that is never launched for, so what the last one wanted may be long past. */
const lacksMachines = ({ pendingTasks, claimedTasks, running }: PoolStatus): boolean =>
  (pendingTasks ?? 0) > Math.max(0, running - (claimedTasks ?? 0));

/** Why a decision launched less than it wanted, or nothing (`limitedBy`), is there in words. */
function causeOfLimit(limit: string): PoolCause {
  if (limit.startsWith('limits.')) return 'deployment-limit';
  if (limit.startsWith('provider ')) return 'provider-down';
  if (limit === SCHEDULE_PAUSED) return 'schedule-paused';
  if (limit === SCHEDULE_UNREAD) return 'not-evaluated';
  return limit.startsWith('held') ? 'held' : 'launching';
}

/** What a decision says of a pool whose cron Schedule is paused. */
export const SCHEDULE_PAUSED = 'held: its cron Schedule is paused';

/** The same where Temporal did not tell. */
export const SCHEDULE_UNREAD = 'Temporal did not say whether its cron Schedule is paused';

const rank = { bad: 0, warn: 1, busy: 2, fine: 3 } as const;

/** Worst first: what waits without getting anything, then what waits longest in line, then what fails. */
export function worstFirst(a: PoolStatus, b: PoolStatus): number {
  const level = rank[whyOf(a).level] - rank[whyOf(b).level];
  const pending = (b.pendingTasks ?? 0) - (a.pendingTasks ?? 0);
  const errors = b.errorsLastHour - a.errorsLastHour;
  return level || pending || errors || (a.workerPoolId < b.workerPoolId ? -1 : 1);
}
