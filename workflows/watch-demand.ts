import { proxyActivities, setWorkflowOptions } from '@temporalio/workflow';
import type { DemandActivities, DemandLook } from '../activities/demand.js';

const { lookAtDemand } = proxyActivities<DemandActivities>({
  startToCloseTimeout: '1 minute',
  retry: { maximumAttempts: 2, initialInterval: '1 second', maximumInterval: '2 seconds' },
});

/** Compares all pools' waiting work with their capacity and asks those that have something to do for a look. */
export async function watchDemand(): Promise<DemandLook> {
  return await lookAtDemand();
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, watchDemand);
