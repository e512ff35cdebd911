import type { Client } from '@temporalio/client';

/** Events that the history of a workflow's one run has by now. */
export async function historyLength(client: Client, workflowId: string): Promise<number> {
  const { historyLength: length } = await client.workflow.getHandle(workflowId).describe();
  return length;
}

/** The greatest of some lifecycles' histories, in events. */
export async function longestHistory(client: Client, workflowIds: readonly string[]): Promise<number> {
  const lengths = await Promise.all(workflowIds.map((workflowId) => historyLength(client, workflowId)));
  return Math.max(...lengths);
}

/** `count` of them, evenly spread. */
export function sample<T>(items: readonly T[], count: number): T[] {
  const step = Math.max(1, items.length / count);
  return Array.from({ length: Math.min(count, items.length) }, (_, number) => items[Math.floor(number * step)]!);
}
