import { proxyActivities, setWorkflowOptions, sleep, workflowInfo } from '@temporalio/workflow';
import type { ScanActivities } from '../activities/scan.js';
import type { ScanInput } from '../temporal/messages.js';
import { cloudTaskQueue } from '../temporal/names.js';

/** How often machines that are being removed, or built step by step, are looked at. */
const FOLLOW_EVERY_MS = 5_000;
/** After this many looks the Schedule's slower scans are enough. */
const MOST_LOOKS = 24;

/**
 * Looks at all machines of a provider in bulk and signals the lifecycles whose machine changed. The Schedule's run looks
 * once; one that follows goes on while lifecycles wait for what it sees.
 */
export async function scanProvider({ providerId, follow }: ScanInput): Promise<void> {
  const { observeProvider } = proxyActivities<ScanActivities>({
    taskQueue: cloudTaskQueue(workflowInfo().taskQueue, providerId, 'read'),
    startToCloseTimeout: '5 minutes',
    scheduleToCloseTimeout: '6 minutes',
    heartbeatTimeout: '15 seconds',
    retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
  });
  for (let looks = 1; ; looks += 1) {
    const { awaited } = await observeProvider(providerId);
    if (!follow || awaited === 0 || looks === MOST_LOOKS) return;
    await sleep(FOLLOW_EVERY_MS);
  }
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, scanProvider);
