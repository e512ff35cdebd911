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
import type { WorkerLifecycle } from './lifecycle.js';
import { retriesOf, unless } from './retries.js';

/** How long a removal may stay unconfirmed before it is requested again; doubles up to the cap, for ever. */
const FIRST_WAIT_MS = 60_000;
const MAX_WAIT_MS = 5 * 60_000;

/**
 * Takes away what the machine consists of, in the provider's order: each step begins when a scan has confirmed that the
 * one before is gone. Never gives up (ARCHITECTURE.md#clean-up). True when nothing is left; false when this is the next
 * run's to go on with.
 */
export async function deprovision(lifecycle: WorkerLifecycle): Promise<boolean> {
  if (!lifecycle.stop) return false;
  await lifecycle.enterStopping();
  const { resources } = lifecycle;
  for (;;) {
    if (resources.mustRecordResources() && !(await recordResources(lifecycle))) return false;
    const step = resources.nextRemoval();
    if (step === undefined) return true;
    lifecycle.describe(`removing ${step}`);
    const end = await removeStep(lifecycle, step);
    if (end === 'unfinished') return false;
    if (end === 'gone') resources.removed.push(step);
  }
}

/** `overtaken`: another step goes first. `unfinished`: the run is to be continued as new. */
async function removeStep(lifecycle: WorkerLifecycle, step: string): Promise<'gone' | 'overtaken' | 'unfinished'> {
  const { resources } = lifecycle;
  const { removeResource } = proxyActivities<RemovalActivities>({ ...options(lifecycle), summary: nameOf(step) });
  // What a list had left out for a while is back: it goes first, or this step waits for it for ever.
  // guard(what-goes-first-overtakes-a-removal): false
  const isOvertaken = () => resources.mustRecordResources() || resources.nextRemoval() !== step;
  const isPointless = () => isOvertaken() || lifecycle.shouldContinueAsNew();
  let wait = FIRST_WAIT_MS;
  let requested = false;
  // What is being deleted already, or was never created, only has to be observed.
  // guard(what-goes-by-itself-is-only-watched): true
  let mustRequest = !resources.isDeleting(step) && !resources.wasNeverCreated(step);
  while (!resources.isGone(step, requested)) {
    // guard(a-removal-is-continued-as-new): false
    if (lifecycle.shouldContinueAsNew()) return 'unfinished';
    if (mustRequest) requested = await succeeds(isPointless, () => removeResource(machineOf(lifecycle), step));
    const isSettled = () =>
      resources.isGone(step, requested) || (!requested && resources.stillExists(step)) || isPointless();
    await condition(isSettled, wait);
    if (isOvertaken()) return 'overtaken';
    mustRequest = true;
    // guard(a-removal-is-asked-for-ever-more-rarely): false
    if (requested) wait = Math.min(wait * 2, MAX_WAIT_MS);
  }
  return 'gone';
}

/** Whether the cloud has accepted it. Nothing that a removal meets is final: whatever it is, it is requested again. */
async function succeeds(isPointless: () => boolean, remove: () => Promise<void>): Promise<boolean> {
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
async function recordResources(lifecycle: WorkerLifecycle): Promise<boolean> {
  const isPointless = () => lifecycle.shouldContinueAsNew();
  lifecycle.describe('finding out what it consists of');
  const { recordResources: recordAll } = proxyActivities<ProvisioningActivities>(options(lifecycle));
  while (!isPointless()) {
    const isDone = await succeeds(isPointless, () =>
      recordAll({ ...machineOf(lifecycle), launchToken: lifecycle.input.launchToken ?? '' }, true),
    );
    if (isDone) {
      lifecycle.resources.noteRecorded();
      return true;
    }
    await condition(isPointless, FIRST_WAIT_MS);
  }
  return false;
}

/** Never gives up. */
const options = ({ input }: WorkerLifecycle) =>
  ({
    taskQueue: cloudTaskQueue(workflowInfo().taskQueue, input.providerId, 'delete'),
    startToCloseTimeout: '2 minutes',
    heartbeatTimeout: '15 seconds',
    retry: retriesOf({ firstMs: 1_500, coefficient: 2, maxMs: 5 * 60_000 }),
    // guard(a-removal-under-way-is-waited-for): use ActivityCancellationType.TRY_CANCEL
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  }) as const;

const machineOf = ({ input, worker }: WorkerLifecycle) => ({
  ...worker,
  providerId: input.providerId,
  launchConfigId: input.launchConfigId,
  location: input.location,
});
