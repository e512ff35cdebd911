import { proxyActivities, setWorkflowOptions } from '@temporalio/workflow';
import type { DemandActivities, DemandLook } from '../activities/demand/poll.js';

const { lookAtDemand } = proxyActivities<DemandActivities>({
  // A poll ends by itself after 45 seconds, and says what it left out. The Schedule starts none while one runs.
  startToCloseTimeout: '50 seconds',
  scheduleToCloseTimeout: '1 minute',
  // The next look waits for this one: a killed process must not hold all pools up for a minute.
  heartbeatTimeout: '8 seconds',
  retry: { maximumAttempts: 2, initialInterval: '1 second', maximumInterval: '2 seconds' },
});

/** Compares all pools' waiting work with their capacity and asks those that have something to do for a look. */
export async function watchDemand(): Promise<DemandLook> {
  return await lookAtDemand();
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, watchDemand);
