import { proxyActivities, setWorkflowOptions } from '@temporalio/workflow';
import type { DemandActivities, DemandLook } from '../activities/demand.js';

const { lookAtDemand } = proxyActivities<DemandActivities>({
  startToCloseTimeout: '1 minute',
  // The next look waits for this one: a killed process must not hold all pools up for a minute.
  heartbeatTimeout: '8 seconds',
  retry: { maximumAttempts: 2, initialInterval: '1 second', maximumInterval: '2 seconds' },
});

/** Compares all pools' waiting work with their capacity and asks those that have something to do for a look. */
export async function watchDemand(): Promise<DemandLook> {
  return await lookAtDemand();
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, watchDemand);
