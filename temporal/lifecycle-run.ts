import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { WorkerKey } from '../domain/ids.js';
import type { MachineLocation } from '../domain/worker.js';
import { lifecycleId } from './ids.js';
import { lifecycleMessages, type LifecycleStatus } from './messages.js';
import { searchAttributes } from './search-attributes.js';

const DESCRIBE_TIMEOUT_MS = 10_000;
/** Whoever answers may have to replay it first. */
const STATUS_TIMEOUT_MS = 20_000;

/** The latest run of a worker's lifecycle, as the engine itself knows it: lists lag behind. */
export interface LifecycleRun {
  readonly isOpen: boolean;
  /** When it came to its end, its worker stopped; null: it is open, or was terminated or failed before that. */
  readonly completedAt: number | null;
  readonly startedAt: number;
  readonly providerId: string | null;
}

/** Null when the engine knows none. */
export async function lifecycleRun(client: Client, worker: WorkerKey): Promise<LifecycleRun | null> {
  try {
    const { status, startTime, closeTime, typedSearchAttributes } = await client.withDeadline(
      Date.now() + DESCRIBE_TIMEOUT_MS,
      () => client.workflow.getHandle(lifecycleId(worker)).describe(),
    );
    return {
      isOpen: status.name === 'RUNNING',
      completedAt: status.name === 'COMPLETED' ? (closeTime?.getTime() ?? null) : null,
      startedAt: startTime.getTime(),
      providerId: typedSearchAttributes.get(searchAttributes.providerId) ?? null,
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** The run that is open, and how often its workflow task was tried in vain; null when there is no open one. */
export async function failingTask(
  client: Client,
  worker: WorkerKey,
): Promise<{ readonly runId: string; readonly attempts: number } | null> {
  try {
    const { raw, runId, status } = await client.withDeadline(Date.now() + DESCRIBE_TIMEOUT_MS, () =>
      client.workflow.getHandle(lifecycleId(worker)).describe(),
    );
    return status.name === 'RUNNING' ? { runId, attempts: raw.pendingWorkflowTask?.attempt ?? 0 } : null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** Where its machine is, as the lifecycle itself says. */
export async function locationOfLifecycle(client: Client, worker: WorkerKey): Promise<MachineLocation> {
  const { location } = await client.withDeadline(Date.now() + STATUS_TIMEOUT_MS, () =>
    client.workflow.getHandle(lifecycleId(worker)).query<LifecycleStatus>(lifecycleMessages.status),
  );
  return location;
}
