import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ActivityFailure,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { PoolActivities } from '../../activities/pool/types.js';
import { lifecycleStart } from '../../temporal/lifecycle-start-options.js';
import type { LaunchedGroup } from '../../temporal/messages.js';
import { workflowTypes } from '../../temporal/names.js';

/**
 * More than these in one run are started by an activity through the client: a parent's child starts are taken one after
 * another (measured: 500 children 19 to 43 s, 500 client starts 4 to 6 s). Few are children, so that the Temporal UI
 * shows the tree.
 */
export const MAX_CHILDREN = 25;

const pool = proxyActivities<PoolActivities>({
  startToCloseTimeout: '2 minutes',
  // What is left is the next reconciliation's: starts are idempotent.
  scheduleToCloseTimeout: '4 minutes',
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '10 seconds' },
});

/**
 * Starts one lifecycle for each machine of a launch: as children, or through the client where there is no `group`. One
 * that has been started already stays as it is. False: not all could be started, and the next reconciliation goes on
 * with them.
 */
export async function startLifecycles(launch: { token: string; group: LaunchedGroup | null }): Promise<boolean> {
  const { token, group } = launch;
  if (group) {
    const starts = await Promise.allSettled(group.workers.map((worker) => startOne(group, worker)));
    const failures = starts.flatMap((start) => (start.status === 'rejected' ? [start.reason as Error] : []));
    const cancelled = failures.find(isCancellation);
    if (cancelled) throw cancelled;
    return failures.length === 0;
  }
  try {
    return await pool.startLifecycles(token, workflowInfo().workflowId);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    return false;
  }
}

async function startOne(group: LaunchedGroup, worker: LaunchedGroup['workers'][number]): Promise<void> {
  try {
    await startChild(workflowTypes.workerLifecycle, {
      ...lifecycleStart({ ...group.common, ...worker }, workflowInfo().workflowId),
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
