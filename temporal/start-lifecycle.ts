import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { lifecycleStart } from './lifecycle-start-options.js';
import type { LifecycleInput } from './messages.js';
import { mainTaskQueue, workflowTypes } from './names.js';

const START_TIMEOUT_MS = 10_000;

/** Idempotent. False when the worker has an open lifecycle, or one that has ended. */
export async function startLifecycle(
  client: Client,
  input: LifecycleInput,
  { startedBy, taskQueuePrefix }: { readonly startedBy: string; readonly taskQueuePrefix: string },
): Promise<boolean> {
  try {
    await client.withDeadline(Date.now() + START_TIMEOUT_MS, () =>
      client.workflow.start(workflowTypes.workerLifecycle, {
        ...lifecycleStart(input, startedBy),
        taskQueue: mainTaskQueue(taskQueuePrefix),
      }),
    );
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return false;
  }
}
