import {
  ActivityCancellationType,
  CancellationScope,
  condition,
  isCancellation,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { ProvisioningActivities } from '../../activities/provisioning.js';
import type { RemovalActivities } from '../../activities/removal.js';
import { cloudTaskQueue } from '../../temporal/names.js';
import { nameOf } from './details.js';
import type { Life } from './life.js';

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
  const { resources } = life;
  removal: for (;;) {
    await rememberResources(life);
    const step = resources.nextRemoval();
    if (step === undefined) return;
    life.describe(`removing ${step}`);
    const { removeResource } = proxyActivities<RemovalActivities>({ ...options(life), summary: nameOf(step) });
    let wait = FIRST_WAIT_MS;
    let asked = false;
    // What is already going away by itself, or was never begun, only has to be watched.
    let mustAsk = !resources.isGoing(step) && !resources.neverBegun(step);
    while (!resources.isGone(step, asked)) {
      if (life.handOver()) return;
      // What a list had left out for a while is back: it goes first, or this step waits for it for ever.
      const isOvertaken = () => resources.mustRemember() || resources.nextRemoval() !== step;
      if (mustAsk) asked = await unlessOvertaken(isOvertaken, () => removeResource(machineOf(life), step));
      const isSettled = () => resources.isGone(step, asked) || (!asked && resources.isLeft(step)) || isOvertaken();
      if (!isOvertaken() && (await condition(isSettled, wait)) && resources.isGone(step, asked)) break;
      if (isOvertaken()) continue removal;
      mustAsk = true;
      if (asked) wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
    resources.removed.push(step);
  }
}

/** Whether it was asked for to the end; its retries end when an earlier step has to be done again. */
async function unlessOvertaken(isOvertaken: () => boolean, ask: () => Promise<void>): Promise<boolean> {
  const scope = new CancellationScope();
  let over = false;
  void condition(() => over || isOvertaken()).then(() => {
    if (!over) scope.cancel();
  });
  try {
    await scope.run(ask);
    return true;
  } catch (error) {
    if (isCancellation(error) && isOvertaken()) return false;
    throw error;
  } finally {
    over = true;
  }
}

/** What is under way is cancelled, and what came of it written down, or a part would be left behind. */
async function rememberResources(life: Life): Promise<void> {
  if (!life.resources.mustRemember()) return;
  life.describe('finding out what it consists of');
  const { rememberResources: remember } = proxyActivities<ProvisioningActivities>(options(life));
  await remember({ ...machineOf(life), launchToken: life.input.launchToken ?? '' }, true);
  life.resources.noteRemembered();
}

/** Never gives up. */
const options = ({ input }: Life) =>
  ({
    taskQueue: cloudTaskQueue(workflowInfo().taskQueue, input.providerId, 'delete'),
    startToCloseTimeout: '2 minutes',
    heartbeatTimeout: '15 seconds',
    retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '5 minutes' },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  }) as const;

const machineOf = ({ input, worker }: Life) => ({
  ...worker,
  providerId: input.providerId,
  launchConfigId: input.launchConfigId,
  location: input.location,
});
