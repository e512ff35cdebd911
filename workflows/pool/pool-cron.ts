import { proxyLocalActivities, setWorkflowOptions } from '@temporalio/workflow';
import type { TriggerActivities } from '../../temporal/triggers.js';
import type { PoolInput } from '../../temporal/messages.js';

const { requestReconcile } = proxyLocalActivities<TriggerActivities>({
  startToCloseTimeout: '5 seconds',
  retry: { maximumAttempts: 3, initialInterval: '500 milliseconds', maximumInterval: '2 seconds' },
});

/** A pool's cron: requests its reconciliation. Operators see and pause its Schedule in the Temporal UI. */
export async function poolCron({ workerPoolId }: PoolInput): Promise<void> {
  await requestReconcile(workerPoolId, 'cron');
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, poolCron);
