import type { Client } from '@temporalio/client';

/** Open lifecycles by their workflow's id, `worker/<pool>/<group>/<id>`. */
export async function openLifecycles(client: Client): Promise<readonly string[]> {
  const query = `WorkflowType = 'workerLifecycle' AND ExecutionStatus = 'Running'`;
  const ids = new Set<string>();
  for await (const { workflowId } of client.workflow.list({ query })) ids.add(workflowId);
  return [...ids];
}

/** The last part of a lifecycle's id is the worker's; a group has no slash in it. */
export const workerIdOf = (lifecycleId: string): string => lifecycleId.slice(lifecycleId.lastIndexOf('/') + 1);
