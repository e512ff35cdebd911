/** Work that waits for a pool, and work its workers have claimed; approximate, as queues count. */
export interface DemandCounts {
  readonly pendingTasks: number;
  readonly claimedTasks: number;
}

/** What the last two polls read of one pool. */
export interface DemandReadings {
  readonly latest: DemandCounts;
  /** Null when there was only one. */
  readonly previous: DemandCounts | null;
}

/** Under this name the database says that pending tasks are heard of as they come, for so long after each statement. */
export const PUSH_PRESENCE = 'task-pending';
export const PUSH_PRESENCE_MS = 15_000;
export const PUSH_PRESENCE_INTERVAL_MS = 5_000;
/** How often the queue is read for a quiet pool while its pending tasks are heard of. */
const QUIET_INTERVAL_MS = 60_000;
/** From its creation on until its messages are certainly heard. */
const NEW_POOL_MS = 60_000;
/** Between the clocks of hosts, the database and the engine. */
const CLOCK_TOLERANCE_MS = 5_000;

interface QuietPool {
  readonly created: number;
  /** When the queue was last read for it, and when it is to be read again; null when it never was. */
  readonly reading: { readonly readAt: number; readonly dueAt: number } | null;
}

/** A pool without any work: only a new task can change what it wants, and that is heard of. */
const isQuiet = ({ pendingTasks, claimedTasks }: DemandCounts): boolean => pendingTasks === 0 && claimedTasks === 0;

/** When the queue is to be read again for a pool of which it has said this. */
export function nextReadingAt(
  { created }: Pick<QuietPool, 'created'>,
  counts: DemandCounts,
  { nowMs, intervalMs, heard }: { readonly nowMs: number; readonly intervalMs: number; readonly heard: boolean },
): number {
  const waits = heard && isQuiet(counts) && nowMs - created > NEW_POOL_MS;
  return nowMs + (waits ? Math.max(intervalMs, QUIET_INTERVAL_MS) : intervalMs);
}

/**
 * Whether a poll reads the queue for the pool. `heardMs`: for how long messages have been heard without a gap; null:
 * they are not.
 */
export function isReadingDue(
  { reading }: Pick<QuietPool, 'reading'>,
  {
    nowMs,
    intervalMs,
    heardMs,
  }: { readonly nowMs: number; readonly intervalMs: number; readonly heardMs: number | null },
): boolean {
  if (reading === null || heardMs === null) return true;
  // guard(a-gap-in-the-messages-makes-all-pools-due): false
  if (nowMs - heardMs + CLOCK_TOLERANCE_MS > reading.readAt) return true;
  // Polls do not come at the very instant.
  return reading.dueAt - nowMs < intervalMs / 2;
}
