import { proxyActivities, setWorkflowOptions } from '@temporalio/workflow';
import type { SweepActivities } from '../activities/sweep.js';

const { reconcileSchedules, expireRows } = proxyActivities<SweepActivities>({
  startToCloseTimeout: '5 minutes',
  retry: { maximumAttempts: 3, initialInterval: '2 seconds', maximumInterval: '10 seconds' },
});

/** Keeps the books and the Schedules in order. */
export async function sweep(): Promise<void> {
  await expireRows();
  await reconcileSchedules();
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, sweep);
