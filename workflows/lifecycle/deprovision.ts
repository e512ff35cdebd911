import { ActivityCancellationType, condition, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { ProvisioningActivities } from '../../activities/provisioning.js';
import type { RemovalActivities } from '../../activities/removal.js';
import { cloudTaskQueue } from '../../temporal/names.js';
import { nameOf } from './details.js';
import type { Life } from './life.js';

/** Among the removed: the cloud's record of the building. */
const REMEMBERED = 'record';

/** How long a removal may stay unconfirmed before it is asked for again; doubles up to the cap, for ever. */
const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 5 * 60_000;

/**
 * Takes away what the machine consists of, in the provider's order: each step begins when a scan has confirmed that the
 * one before is gone. Never gives up.
 */
export async function deprovision(life: Life): Promise<void> {
  if (!life.stop) return;
  await life.enterStopping();
  const { providerId, removalSteps } = life.input;
  const removals = {
    taskQueue: cloudTaskQueue(workflowInfo().taskQueue, providerId, 'delete'),
    startToCloseTimeout: '2 minutes',
    heartbeatTimeout: '15 seconds',
    retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '5 minutes' },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  } as const;

  await rememberResources(life);
  for (;;) {
    const step = removalSteps.find((each) => !life.removed.includes(each));
    if (step === undefined) return;
    life.describe(`removing ${step}`);
    const { removeResource } = proxyActivities<RemovalActivities>({ ...removals, summary: nameOf(step) });
    let wait = FIRST_WAIT_MS;
    let asked = false;
    // What is already going away by itself, or was never begun, only has to be watched.
    let mustAsk = !life.isGoing(step) && !life.neverBegun(step);
    while (!life.isGone(step, asked)) {
      if (life.handOver()) return;
      if (mustAsk) {
        await removeResource(machineOf(life), step);
        asked = true;
      }
      const isSettled = () => life.isGone(step, asked) || (!asked && life.isLeft(step));
      if ((await condition(isSettled, wait)) && life.isGone(step, asked)) break;
      mustAsk = true;
      if (asked) wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
    life.removed.push(step);
  }
}

/** What is under way is cancelled, and what came of it written down, or a part would be left behind. */
async function rememberResources(life: Life): Promise<void> {
  const { remembersResources, providerId, launchToken } = life.input;
  if (!remembersResources || launchToken === null || life.removed.includes(REMEMBERED)) return;
  life.describe('finding out what it consists of');
  const { rememberResources: remember } = proxyActivities<ProvisioningActivities>({
    taskQueue: cloudTaskQueue(workflowInfo().taskQueue, providerId, 'delete'),
    startToCloseTimeout: '2 minutes',
    heartbeatTimeout: '15 seconds',
    retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '5 minutes' },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
  await remember({ ...machineOf(life), launchToken }, true);
  life.removed.push(REMEMBERED);
}

const machineOf = ({ input }: Life) => ({
  workerPoolId: input.workerPoolId,
  workerGroup: input.workerGroup,
  workerId: input.workerId,
  providerId: input.providerId,
  launchConfigId: input.launchConfigId,
  location: input.location,
});
