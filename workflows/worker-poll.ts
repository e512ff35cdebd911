import { proxyActivities, setWorkflowOptions } from '@temporalio/workflow';
import type { WorkerPollActivities, WorkerPollResult } from '../activities/demand/worker-poll.js';

const { pollWorkers } = proxyActivities<WorkerPollActivities>({
  // A poll ends by itself after 45 seconds. What it did not reach is the next one's, a minute later.
  startToCloseTimeout: '55 seconds',
  heartbeatTimeout: '8 seconds',
  retry: { maximumAttempts: 2, initialInterval: '2 seconds', maximumInterval: '2 seconds' },
});

/** Compares what the queue says of running workers with their rows. Apart from the demand: neither waits for the other. */
export async function watchWorkers(): Promise<WorkerPollResult> {
  return await pollWorkers();
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, watchWorkers);
