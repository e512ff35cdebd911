import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { WorkflowIdConflictPolicy } from '@temporalio/common';
import type { Logger } from 'pino';
import { NULL_PROVIDER } from '../domain/ids.js';
import { followScanId, provisionId } from './ids.js';
import { logEvent } from '../observability/log-events.js';
import { mainTaskQueue, LOOK_SIGNAL, workflowTypes } from './names.js';
import type { PoolInput, ScanInput } from './messages.js';

export interface AskActivities {
  askForLook(workerPoolId: string): Promise<void>;
}

/** No tick lasts this long; one that does is stuck, and alone. */
const TICK_TIMEOUT = '10 minutes';
/** Hints for one pool within this long become one ask: 500 workers that stop at once are one piece of news. */
const GATHER_MS = 500;

/**
 * Asks pools for a look and providers for a scan. An ask is never lost work: the demand look and the Schedules find
 * within seconds what a lost one would have told.
 */
export class Asks implements AskActivities {
  private readonly client: Client;
  private readonly taskQueue: string;
  private readonly log: Logger;
  private readonly hinted = new Map<string, NodeJS.Timeout>();

  constructor(client: Client, taskQueuePrefix: string, log: Logger) {
    this.client = client;
    this.taskQueue = mainTaskQueue(taskQueuePrefix);
    this.log = log;
  }

  /** One signal on the fixed id: starts the pool's tick, or gives the running one another pass. */
  askForLook = async (workerPoolId: string): Promise<void> => {
    await this.client.workflow.signalWithStart(workflowTypes.provisionPool, {
      workflowId: provisionId(workerPoolId),
      taskQueue: this.taskQueue,
      args: [{ workerPoolId } satisfies PoolInput],
      signal: LOOK_SIGNAL,
      // Of each run: a pool that is triggered all the time continues as new, and one limit for all its runs would cut a
      // reconciliation off.
      workflowRunTimeout: TICK_TIMEOUT,
      staticSummary: `Provisioning of ${workerPoolId}`,
    });
  };

  /** Asks soon, together with whoever else hints at the same pool; failures are only logged. */
  hintLook(workerPoolId: string): void {
    this.soon(`look ${workerPoolId}`, () => this.askForLook(workerPoolId));
  }

  /** Has the provider's machines looked at every few seconds until no removal, and no building step by step, is under way. */
  hintFollowScan(providerId: string): void {
    if (providerId === NULL_PROVIDER) return;
    this.soon(`scan ${providerId}`, async () => {
      try {
        await this.client.workflow.start(workflowTypes.scanProvider, {
          workflowId: followScanId(providerId),
          taskQueue: this.taskQueue,
          args: [{ providerId, follow: true } satisfies ScanInput],
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
          workflowExecutionTimeout: TICK_TIMEOUT,
          staticSummary: `Follows removals and building on ${providerId}`,
        });
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    });
  }

  private soon(key: string, ask: () => Promise<void>): void {
    if (this.hinted.has(key)) return;
    const timer = setTimeout(() => {
      this.hinted.delete(key);
      ask().catch((error: unknown) => logEvent(this.log, 'ask-failed', { ask: key, err: error }));
    }, GATHER_MS);
    timer.unref();
    this.hinted.set(key, timer);
  }
}
