import {
  ActivityCancellationType,
  ActivityFailure,
  condition,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { ProvisioningActivities } from '../../activities/worker/create-resources.js';
import type { RemovalActivities } from '../../activities/worker/delete-resources.js';
import { cloudTaskQueue } from '../../temporal/names.js';
import { nameOf } from './details.js';
import type { Life } from './lifecycle.js';
import { retriesOf, unless } from './retries.js';

/** How long a removal may stay unconfirmed before it is asked for again; doubles up to the cap, for ever. */
const FIRST_WAIT_MS = 60_000;
const MAX_WAIT_MS = 5 * 60_000;

/**
 * Takes away what the machine consists of, in the provider's order: each step begins when a scan has confirmed that the
 * one before is gone. Never gives up (ARCHITECTURE.md#clean-up). True when nothing is left; false when this is the next
 * run's to go on with.
 */
export async function deprovision(life: Life): Promise<boolean> {
  if (!life.stop) return false;
  await life.enterStopping();
  const { resources } = life;
  for (;;) {
    if (resources.mustRemember() && !(await rememberResources(life))) return false;
    const step = resources.nextRemoval();
    if (step === undefined) return true;
    life.describe(`removing ${step}`);
    const end = await removeStep(life, step);
    if (end === 'unfinished') return false;
    if (end === 'gone') resources.removed.push(step);
  }
}

/** `overtaken`: another step goes first. `unfinished`: the run is to be continued as new. */
async function removeStep(life: Life, step: string): Promise<'gone' | 'overtaken' | 'unfinished'> {
  const { resources } = life;
  const { removeResource } = proxyActivities<RemovalActivities>({ ...options(life), summary: nameOf(step) });
  // What a list had left out for a while is back: it goes first, or this step waits for it for ever.
  // guard(what-goes-first-overtakes-a-removal): false
  const isOvertaken = () => resources.mustRemember() || resources.nextRemoval() !== step;
  const isPointless = () => isOvertaken() || life.shouldContinueAsNew();
  let wait = FIRST_WAIT_MS;
  let asked = false;
  // What is already going away by itself, or was never begun, only has to be watched.
  // guard(what-goes-by-itself-is-only-watched): true
  let mustAsk = !resources.isGoing(step) && !resources.neverBegun(step);
  while (!resources.isGone(step, asked)) {
    // guard(a-removal-is-continued-as-new): false
    if (life.shouldContinueAsNew()) return 'unfinished';
    if (mustAsk) asked = await ask(isPointless, () => removeResource(machineOf(life), step));
    const isSettled = () => resources.isGone(step, asked) || (!asked && resources.isLeft(step)) || isPointless();
    await condition(isSettled, wait);
    if (isOvertaken()) return 'overtaken';
    mustAsk = true;
    // guard(a-removal-is-asked-for-ever-more-rarely): false
    if (asked) wait = Math.min(wait * 2, MAX_WAIT_MS);
  }
  return 'gone';
}

/** Whether the cloud has accepted it. Nothing that a removal meets is final: whatever it is, it is asked for again. */
async function ask(isPointless: () => boolean, remove: () => Promise<void>): Promise<boolean> {
  try {
    return (await unless(isPointless, remove)) !== null;
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return false;
  }
}

/**
 * What is under way is cancelled, and what came of it written down, or a part would be left behind. False when the run is
 * to be continued as new first.
 */
async function rememberResources(life: Life): Promise<boolean> {
  const isPointless = () => life.shouldContinueAsNew();
  life.describe('finding out what it consists of');
  const { rememberResources: remember } = proxyActivities<ProvisioningActivities>(options(life));
  while (!isPointless()) {
    const isDone = await ask(isPointless, () =>
      remember({ ...machineOf(life), launchToken: life.input.launchToken ?? '' }, true),
    );
    if (isDone) {
      life.resources.noteRemembered();
      return true;
    }
    await condition(isPointless, FIRST_WAIT_MS);
  }
  return false;
}

/** Never gives up. */
const options = ({ input }: Life) =>
  ({
    taskQueue: cloudTaskQueue(workflowInfo().taskQueue, input.providerId, 'delete'),
    startToCloseTimeout: '2 minutes',
    heartbeatTimeout: '15 seconds',
    retry: retriesOf({ firstMs: 1_500, coefficient: 2, maxMs: 5 * 60_000 }),
    // guard(a-removal-under-way-is-waited-for): use ActivityCancellationType.TRY_CANCEL
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  }) as const;

const machineOf = ({ input, worker }: Life) => ({
  ...worker,
  providerId: input.providerId,
  launchConfigId: input.launchConfigId,
  location: input.location,
});
