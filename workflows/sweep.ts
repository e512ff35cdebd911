import { proxyActivities, setWorkflowOptions } from '@temporalio/workflow';
import type { SweepActivities } from '../activities/sweep.js';

const { startMissingLifecycles, reconcileSchedules, expireRows } = proxyActivities<SweepActivities>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '15 seconds',
  retry: { maximumAttempts: 3, initialInterval: '2 seconds', maximumInterval: '10 seconds' },
});

/** Keeps lifecycles, books and Schedules in order. */
export async function sweep(): Promise<void> {
  await expireRows();
  await reconcileSchedules();
  // Last: a row that cannot be helped makes the sweep red, and keeps nothing else from being done.
  await startMissingLifecycles();
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, sweep);
