import type { Client } from '@temporalio/client';

/** A Schedule as another deployment would have it in its namespace; it does nothing. */
export async function scheduleOf(client: Client, deploymentId: string): Promise<void> {
  await client.schedule.create({
    scheduleId: 'demand',
    spec: { intervals: [{ every: '1 day' }] },
    action: { type: 'startWorkflow', workflowType: 'watchDemand', taskQueue: 'theirs' },
    memo: { deploymentId },
    state: { paused: true },
  });
}
