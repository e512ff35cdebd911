import {
  ActivityFailure,
  ApplicationFailure,
  proxyActivities,
  setWorkflowOptions,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { ScanActivities } from '../activities/scan/scan.js';
import { MACHINES_AWAITED, type ScanInput } from '../temporal/messages.js';
import { cloudTaskQueue } from '../temporal/names.js';

/** After this long the Schedule's slower scans are enough: whoever still waits asks again. */
const FOLLOW_FOR = '2 minutes';

/**
 * Scans all machines of a provider in bulk and signals the lifecycles whose machine changed. The Schedule's run scans
 * once; one that follows goes on while lifecycles wait for what it sees.
 *
 * A scan that follows is an activity that asks to be retried, after as long as its kind of provider needs: that costs
 * three state transitions and no event, where a timer and an activity for each scan would cost eleven events. Between
 * two scans nothing is held, so a process may end at any moment.
 */
export async function scanProvider({ providerId, follow }: ScanInput): Promise<void> {
  const options = {
    taskQueue: cloudTaskQueue(workflowInfo().taskQueue, providerId, 'read'),
    startToCloseTimeout: '5 minutes',
    heartbeatTimeout: '15 seconds',
  } as const;
  if (!follow) {
    const { observeProvider } = proxyActivities<ScanActivities>({
      ...options,
      scheduleToCloseTimeout: '6 minutes',
      retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
    });
    await observeProvider(providerId);
    return;
  }
  const { followProvider } = proxyActivities<ScanActivities>({
    ...options,
    scheduleToCloseTimeout: FOLLOW_FOR,
    retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '5 seconds' },
  });
  try {
    await followProvider(providerId);
  } catch (error) {
    if (!isEndOfTime(error)) throw error;
  }
}

/** Between two scans or in the midst of one. */
const isEndOfTime = (error: unknown): boolean =>
  error instanceof ActivityFailure &&
  (error.cause instanceof TimeoutFailure ||
    (error.cause instanceof ApplicationFailure && error.cause.type === MACHINES_AWAITED));

setWorkflowOptions({ failureExceptionTypes: [Error] }, scanProvider);
