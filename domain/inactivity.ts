import { MINUTE_MS } from './durations.js';
/**
 * Which running workers the queue has seen nothing of for too long, and whose quarantine has changed. The same rule
 * judges in the poll, which sees all workers of a pool, and in the lifecycle, which decides
 * (docs/taskcluster-compatibility.md#inactivity).
 */

export interface WorkerName {
  readonly workerGroup: string;
  readonly workerId: string;
}

/** What the queue knows of a worker. Instants are epoch milliseconds. */
export interface QueueWorker extends WorkerName {
  /** Null: it has never claimed a task. */
  readonly firstClaimAt: number | null;
  /** Null: the queue does not say. */
  readonly lastActiveAt: number | null;
  /** Null: it is not in quarantine. */
  readonly quarantineUntil: number | null;
}

/** A registered worker as its row has it. */
export interface RunningWorker extends WorkerName {
  readonly registeredAt: number;
  readonly queueInactivityMs: number;
  readonly quarantineUntil: number | null;
}

/** The queue's instants are 30 minutes coarse, so nothing shorter than this proves that a worker is idle or gone. */
export const MIN_INACTIVITY_MS = 40 * MINUTE_MS;

export interface Activity {
  readonly registeredAt: number;
  readonly queueInactivityMs: number;
  readonly firstClaimAt: number | null;
  readonly lastActiveAt: number | null;
}

/**
 * Whether registration and last activity are both too long ago; a worker with a claimed task is never asked about. One
 * that has claimed, and of which the queue does not say when it was active, is not silent: nothing is removed on
 * missing data.
 */
export function isSilent({ registeredAt, queueInactivityMs, firstClaimAt, lastActiveAt }: Activity, nowMs: number) {
  if (firstClaimAt !== null && lastActiveAt === null) return false;
  const lastSeen = Math.max(registeredAt, firstClaimAt ?? registeredAt, lastActiveAt ?? registeredAt);
  return nowMs - lastSeen > Math.max(queueInactivityMs, MIN_INACTIVITY_MS);
}

/** A list of the queue; an incomplete one says nothing about who is not in it. */
interface List<T> {
  readonly complete: boolean;
  readonly entries: readonly T[];
}

export interface Comparison<Worker extends RunningWorker> {
  /** Workers whose row says another quarantine than the queue. */
  readonly quarantines: readonly { readonly worker: Worker; readonly quarantineUntil: number | null }[];
  /** Workers that are inactive unless they have a claimed task. */
  readonly silent: readonly Worker[];
  /** Those of them that the queue does not know. */
  readonly unknown: ReadonlySet<Worker>;
}

export function compareWorkers<Worker extends RunningWorker>(
  workers: readonly Worker[],
  list: List<QueueWorker>,
  nowMs: number,
): Comparison<Worker> {
  const known = new Map(list.entries.map((entry) => [nameOf(entry), entry]));
  const quarantines: { worker: Worker; quarantineUntil: number | null }[] = [];
  const silent: Worker[] = [];
  const unknown = new Set<Worker>();
  for (const worker of workers) {
    const entry = known.get(nameOf(worker));
    if (entry && isOtherQuarantine(worker.quarantineUntil, entry.quarantineUntil, nowMs)) {
      quarantines.push({ worker, quarantineUntil: entry.quarantineUntil });
    }
    if (!entry && !list.complete) continue;
    const seen = { firstClaimAt: entry?.firstClaimAt ?? null, lastActiveAt: entry?.lastActiveAt ?? null };
    if (!isSilent({ ...worker, ...seen }, nowMs)) continue;
    silent.push(worker);
    if (!entry) unknown.add(worker);
  }
  return { quarantines, silent, unknown };
}

/**
 * Of the silent workers, those without a claimed task. The list of workers and the list of claims are read one after
 * the other and page by page: when a worker of the pool has a claim and the queue's list lacks it, that list has gaps,
 * and nobody is inactive for being absent from it.
 */
export function inactiveWorkers<Worker extends RunningWorker>(
  workers: readonly Worker[],
  { silent, unknown }: Pick<Comparison<Worker>, 'silent' | 'unknown'>,
  list: List<QueueWorker>,
  claims: List<WorkerName>,
): Worker[] {
  if (!claims.complete) return [];
  const claiming = new Set(claims.entries.map(nameOf));
  const known = new Set(list.entries.map(nameOf));
  const hasGaps = workers.some((worker) => claiming.has(nameOf(worker)) && !known.has(nameOf(worker)));
  return silent.filter((worker) => !claiming.has(nameOf(worker)) && !(hasGaps && unknown.has(worker)));
}

/** Quarantines that have passed are all the same. */
function isOtherQuarantine(ours: number | null, theirs: number | null, nowMs: number): boolean {
  const effective = (until: number | null) => ((until ?? 0) > nowMs ? until : null);
  return effective(ours) !== effective(theirs);
}

/** Of one pool's workers. */
export const nameOf = ({ workerGroup, workerId }: WorkerName): string => `${workerGroup}/${workerId}`;
