import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, proxyActivities, startChild, workflowInfo } from '@temporalio/workflow';
import type { PoolActivities } from '../../activities/pool.js';
import { lifecycleStart } from '../../temporal/lifecycle-start.js';
import type { LaunchedGroup } from '../../temporal/messages.js';
import { workflowTypes } from '../../temporal/names.js';

/**
 * More than these are started by an activity through the client: a parent's child starts are taken one after another
 * (measured: 500 children 19 to 43 s, 500 client starts 4 to 6 s). Few are children, so that the Temporal UI shows the tree.
 */
const MOST_CHILDREN = 25;

const pool = proxyActivities<PoolActivities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '10 seconds' },
});

/** Starts one lifecycle for each machine of these launches; one that has been started already stays as it is. */
export async function startLifecycles(
  launches: readonly { readonly token: string; readonly made: number; readonly group: LaunchedGroup | null }[],
): Promise<void> {
  const total = launches.reduce((sum, { made }) => sum + made, 0);
  if (total === 0) return;
  const groups = launches.map(({ group }) => group);
  if (total > MOST_CHILDREN || groups.includes(null)) {
    await pool.startLifecycles(
      launches.map(({ token }) => token),
      workflowInfo().workflowId,
    );
    return;
  }
  await Promise.all(groups.flatMap((group) => (group ? group.workers.map((worker) => startOne(group, worker)) : [])));
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
