import { proxyLocalActivities, setWorkflowOptions } from '@temporalio/workflow';
import type { AskActivities } from '../../temporal/triggers.js';
import type { PoolInput } from '../../temporal/messages.js';

const { askForLook } = proxyLocalActivities<AskActivities>({
  startToCloseTimeout: '5 seconds',
  retry: { maximumAttempts: 3, initialInterval: '500 milliseconds', maximumInterval: '2 seconds' },
});

/** A pool's cron: asks it for a look. Operators see and pause its Schedule in the Temporal UI. */
export async function poolCron({ workerPoolId }: PoolInput): Promise<void> {
  await askForLook(workerPoolId);
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, poolCron);
