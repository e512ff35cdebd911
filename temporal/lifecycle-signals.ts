import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { WorkerKey } from '../domain/ids.js';
import { lifecycleId } from './ids.js';
import { lifecycleMessages, type Observed, type QueueActivity, type RemoveRequest } from './messages.js';

const OBSERVED_TIMEOUT_MS = 5_000;
const REMOVE_TIMEOUT_MS = 10_000;

/** The worker has no open lifecycle: it has not been started yet, or has ended. */
export class LifecycleNotFoundError extends Error {
  override readonly name = 'LifecycleNotFoundError';
}

/** Messages to lifecycles. A signal resolves when the engine has it; the lifecycle handles it later. */
export class LifecycleSignals {
  private readonly client: Client;

  constructor(client: Client) {
    this.client = client;
  }

  /** A scan saw its machine change. Throws LifecycleNotFoundError when there is no lifecycle to signal. */
  async observed(worker: WorkerKey, observed: Observed): Promise<void> {
    try {
      await this.client.withDeadline(Date.now() + OBSERVED_TIMEOUT_MS, () =>
        this.handleOf(worker).signal(lifecycleMessages.observed, observed),
      );
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      throw new LifecycleNotFoundError(error.message, { cause: error });
    }
  }

  /** Cancels it, as somebody in Temporal's UI would: it removes what there is, and nothing is lost. */
  async end(worker: WorkerKey): Promise<void> {
    await this.client.withDeadline(Date.now() + OBSERVED_TIMEOUT_MS, () => this.handleOf(worker).cancel());
  }

  /** Resolves when its row says stopping. Throws LifecycleNotFoundError when there is no lifecycle to update. */
  async remove(worker: WorkerKey, reason: string): Promise<void> {
    try {
      await this.client.withDeadline(Date.now() + REMOVE_TIMEOUT_MS, () =>
        this.handleOf(worker).executeUpdate<void, [RemoveRequest]>(lifecycleMessages.remove, { args: [{ reason }] }),
      );
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      throw new LifecycleNotFoundError(error.message, { cause: error });
    }
  }

  /** What a poll of the queue found of the worker. */
  queueActivity(worker: WorkerKey, activity: QueueActivity): Promise<void> {
    return this.handleOf(worker).signal(lifecycleMessages.queueActivity, activity);
  }

  private handleOf(worker: WorkerKey) {
    return this.client.workflow.getHandle(lifecycleId(worker));
  }
}
