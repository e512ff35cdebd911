import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/common';
import { lifecycleStart } from './lifecycle-start-options.js';
import type { LifecycleInput } from './messages.js';
import { mainTaskQueue, workflowTypes } from './names.js';

const START_TIMEOUT_MS = 10_000;

/**
 * Idempotent. False when the worker has an open lifecycle, or one that has ended. With `replacesOpen` it takes the
 * place of an open one in one step of the engine: the machine is never without an owner, and never has two. With
 * `followsEnded` it follows one that has come to its end, which a row that is alive contradicts.
 */
export async function startLifecycle(
  client: Client,
  input: LifecycleInput,
  {
    startedBy,
    taskQueuePrefix,
    replacesOpen = false,
    followsEnded = false,
  }: {
    readonly startedBy: string;
    readonly taskQueuePrefix: string;
    readonly replacesOpen?: boolean;
    readonly followsEnded?: boolean;
  },
): Promise<boolean> {
  try {
    await client.withDeadline(Date.now() + START_TIMEOUT_MS, () =>
      client.workflow.start(workflowTypes.workerLifecycle, {
        ...lifecycleStart(input, startedBy),
        taskQueue: mainTaskQueue(taskQueuePrefix),
        ...(replacesOpen && { workflowIdConflictPolicy: WorkflowIdConflictPolicy.TERMINATE_EXISTING }),
        ...(followsEnded && { workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE }),
      }),
    );
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return false;
  }
}
