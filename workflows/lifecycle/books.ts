import { proxyActivities, proxyLocalActivities, TemporalFailure } from '@temporalio/workflow';
import type { LifecycleRecords } from '../../activities/lifecycle-records.js';

/**
 * A change of the books costs one event as a local activity. When the records do not answer at once it becomes an
 * ordinary activity, which waits for them as long as it takes without keeping a workflow task busy.
 */
const local = proxyLocalActivities<LifecycleRecords>({
  startToCloseTimeout: '4 seconds',
  retry: { maximumAttempts: 1 },
});

const patient = proxyActivities<LifecycleRecords>({
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

export async function write(step: (records: LifecycleRecords) => Promise<void>): Promise<void> {
  try {
    await step(local);
  } catch (error) {
    // A local activity's failure comes as it is, not inside an ActivityFailure.
    if (!(error instanceof TemporalFailure)) throw error;
    await step(patient);
  }
}
