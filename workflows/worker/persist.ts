import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  proxyActivities,
  proxyLocalActivities,
  TemporalFailure,
} from '@temporalio/workflow';
import type { PersistActivities } from '../../activities/worker/persist.js';
import { REFUSED, REFUSED_FOR_GOOD } from '../../temporal/messages.js';
import { refused } from './message-guards.js';
import { retriesOf } from './retries.js';

const local = proxyLocalActivities<PersistActivities>({
  startToCloseTimeout: '4 seconds',
  retry: { maximumAttempts: 1 },
});

/**
 * The wait is about a twentieth of the time that the database has been away: 3 s after a minute, 3 minutes after an
 * hour.
 */
const patient = () =>
  proxyActivities<PersistActivities>({
    startToCloseTimeout: '30 seconds',
    retry: retriesOf({ firstMs: 2_000, coefficient: 1.05, maxMs: 5 * 60_000 }),
  });

/**
 * A change of a row costs one event as a local activity. When the database does not answer at once it becomes an
 * ordinary activity, which waits for it as long as it takes without keeping a workflow task busy. Throws what
 * `isRefused` recognizes when the database refuses the row for good: that is not tried again.
 */
export async function persist<T>(step: (activities: PersistActivities) => Promise<T>): Promise<T> {
  try {
    return await step(local);
  } catch (error) {
    // A local activity's failure comes as it is, not inside an ActivityFailure.
    if (!(error instanceof TemporalFailure)) throw error;
    // guard(refused-rows-are-not-retried): false
    if (isRowRefused(error)) throw refused('the database cannot hold this');
    return await persistPatiently(step);
  }
}

async function persistPatiently<T>(step: (activities: PersistActivities) => Promise<T>): Promise<T> {
  try {
    return await step(patient());
  } catch (error) {
    if (!isRowRefused(error)) throw error;
    throw refused('the database cannot hold this');
  }
}

function isRowRefused(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.type === REFUSED_FOR_GOOD;
}

/** Between two tries of a row that the database refuses for good. */
const MIN_REFUSED_WAIT_MS = 60_000;
const MAX_REFUSED_WAIT_MS = 60 * 60_000;

/**
 * As `persist`, for a row that must be written: one that the database refuses for good is tried again, ever more
 * rarely, until somebody has mended the database. False when there is no point in it any more.
 */
export async function persistEventually(
  step: (activities: PersistActivities) => Promise<void>,
  { onRefused, isPointless }: { readonly onRefused: () => void; readonly isPointless: () => boolean },
): Promise<boolean> {
  for (let wait = MIN_REFUSED_WAIT_MS; ; wait = Math.min(wait * 2, MAX_REFUSED_WAIT_MS)) {
    try {
      await persist(step);
      return true;
    } catch (error) {
      unlessRefused(error);
    }
    onRefused();
    if (await condition(isPointless, wait)) return false;
  }
}

/** For a change that goes on without its row when the database refuses that for good. */
export function unlessRefused(error: unknown): void {
  if (!(error instanceof ApplicationFailure) || error.type !== REFUSED) throw error;
}
