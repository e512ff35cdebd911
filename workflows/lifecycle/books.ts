import {
  ActivityFailure,
  ApplicationFailure,
  proxyActivities,
  proxyLocalActivities,
  TemporalFailure,
} from '@temporalio/workflow';
import type { LifecycleRecords } from '../../activities/lifecycle-records.js';
import { REFUSED, REFUSED_FOR_GOOD } from '../../temporal/messages.js';
import { refused } from './message-guards.js';
import { retriesOf } from './retries.js';

const local = proxyLocalActivities<LifecycleRecords>({
  startToCloseTimeout: '4 seconds',
  retry: { maximumAttempts: 1 },
});

/** The wait is about a twentieth of the time that the database has been away: 3 s after a minute, 3 minutes after an hour. */
const patient = () =>
  proxyActivities<LifecycleRecords>({
    startToCloseTimeout: '30 seconds',
    retry: retriesOf({ firstMs: 2_000, coefficient: 1.05, maxMs: 5 * 60_000 }),
  });

/**
 * A change of a row costs one event as a local activity. When the database does not answer at once it becomes an ordinary
 * activity, which waits for it as long as it takes without keeping a workflow task busy. Throws what `isRefused` recognizes
 * when the database refuses the row for good: that is not tried again.
 */
export async function write(step: (records: LifecycleRecords) => Promise<void>): Promise<void> {
  try {
    await step(local);
  } catch (error) {
    // A local activity's failure comes as it is, not inside an ActivityFailure.
    if (!(error instanceof TemporalFailure)) throw error;
    // guard(refused-rows-are-not-retried): false
    if (isRowRefused(error)) throw refused('the database cannot hold this');
    await writePatiently(step);
  }
}

async function writePatiently(step: (records: LifecycleRecords) => Promise<void>): Promise<void> {
  try {
    await step(patient());
  } catch (error) {
    if (!isRowRefused(error)) throw error;
    throw refused('the database cannot hold this');
  }
}

function isRowRefused(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.type === REFUSED_FOR_GOOD;
}

/** For a change that goes on without its row when the database refuses that for good. */
export function unlessRefused(error: unknown): void {
  if (!(error instanceof ApplicationFailure) || error.type !== REFUSED) throw error;
}
