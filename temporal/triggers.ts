import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { WorkflowIdConflictPolicy } from '@temporalio/common';
import type { Logger } from 'pino';
import type { TriggerCause } from '../domain/evidence.js';
import { NULL_PROVIDER } from '../domain/ids.js';
import { fastScanId, provisionId } from './ids.js';
import { logEvent } from '../observability/log-events.js';
import { mainTaskQueue, RECONCILE_SIGNAL, workflowTypes } from './names.js';
import type { PoolInput, ScanInput } from './messages.js';

export interface TriggerActivities {
  requestReconcile(workerPoolId: string, cause: TriggerCause): Promise<void>;
}

/** No reconciliation lasts this long; one that does is stuck, and affects no other pool. */
const RECONCILIATION_TIMEOUT = '10 minutes';
/** Requests for one pool within this long become one: 500 workers that stop at once need one reconciliation. */
const GATHER_MS = 500;

/**
 * Requests reconciliations of pools and scans of providers. Requests are best effort: the poll of the queue and the
 * Schedules find within seconds what a lost one would have triggered.
 */
export class ReconcileTriggers implements TriggerActivities {
  private readonly client: Client;
  private readonly taskQueue: string;
  private readonly log: Logger;
  private readonly timers = new Map<string, NodeJS.Timeout>();

  constructor(client: Client, taskQueuePrefix: string, log: Logger) {
    this.client = client;
    this.taskQueue = mainTaskQueue(taskQueuePrefix);
    this.log = log;
  }

  /** One signal on the fixed id: starts the pool's reconciliation, or has the running workflow reconcile once more. */
  requestReconcile = async (workerPoolId: string, cause: TriggerCause): Promise<void> => {
    await this.client.workflow.signalWithStart(workflowTypes.provisionPool, {
      workflowId: provisionId(workerPoolId),
      taskQueue: this.taskQueue,
      args: [{ workerPoolId } satisfies PoolInput],
      signal: RECONCILE_SIGNAL,
      signalArgs: [cause],
      // Of each run: a pool that is triggered all the time continues as new, and one limit for all its runs would cut a
      // reconciliation off.
      workflowRunTimeout: RECONCILIATION_TIMEOUT,
      staticSummary: `Provisioning of ${workerPoolId}`,
    });
  };

  /** Requests a reconciliation soon, one for all requests for the same pool; failures are only logged. */
  requestReconcileSoon(workerPoolId: string, cause: TriggerCause): void {
    this.soon(`reconcile ${workerPoolId}`, () => this.requestReconcile(workerPoolId, cause));
  }

  /**
   * Has the provider's machines scanned every few seconds until no removal, and no building step by step, is under way.
   */
  requestFastScan(providerId: string): void {
    if (providerId === NULL_PROVIDER) return;
    this.soon(`scan ${providerId}`, async () => {
      try {
        await this.client.workflow.start(workflowTypes.scanProvider, {
          workflowId: fastScanId(providerId),
          taskQueue: this.taskQueue,
          args: [{ providerId, follow: true } satisfies ScanInput],
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
          workflowExecutionTimeout: RECONCILIATION_TIMEOUT,
          staticSummary: `Follows removals and building on ${providerId}`,
        });
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    });
  }

  private soon(key: string, request: () => Promise<void>): void {
    if (this.timers.has(key)) return;
    const timer = setTimeout(() => {
      this.timers.delete(key);
      request().catch((error: unknown) => logEvent(this.log, 'reconcile-request-failed', { request: key, err: error }));
    }, GATHER_MS);
    timer.unref();
    this.timers.set(key, timer);
  }
}
