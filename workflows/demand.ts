import { proxyActivities, setWorkflowOptions } from '@temporalio/workflow';
import type { DemandActivities, DemandPollResult } from '../activities/demand/poll-demand.js';
import type { WorkerPollActivities, WorkerPollResult } from '../activities/demand/poll-workers.js';

const { pollDemand } = proxyActivities<DemandActivities>({
  // A poll ends by itself after 45 seconds, and says what it left out. The Schedule starts none while one runs.
  startToCloseTimeout: '50 seconds',
  scheduleToCloseTimeout: '1 minute',
  // The next poll waits for this one: a killed process must not hold all pools up for a minute.
  heartbeatTimeout: '8 seconds',
  retry: { maximumAttempts: 2, initialInterval: '1 second', maximumInterval: '2 seconds' },
});

const { pollWorkers } = proxyActivities<WorkerPollActivities>({
  // A poll ends by itself after 45 seconds. What it did not reach is the next one's, a minute later.
  startToCloseTimeout: '55 seconds',
  heartbeatTimeout: '8 seconds',
  retry: { maximumAttempts: 2, initialInterval: '2 seconds', maximumInterval: '2 seconds' },
});

/** Compares the waiting work of all pools with their capacity and triggers those that have something to do. */
export async function watchDemand(): Promise<DemandPollResult> {
  return await pollDemand();
}

/**
 * Compares what the queue says of running workers with their rows. Apart from the demand: neither waits for the other.
 */
export async function watchWorkers(): Promise<WorkerPollResult> {
  return await pollWorkers();
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, watchDemand);
setWorkflowOptions({ failureExceptionTypes: [Error] }, watchWorkers);
