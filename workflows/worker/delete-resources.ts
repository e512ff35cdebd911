import {
  ActivityCancellationType,
  ActivityFailure,
  condition,
  proxyActivities,
  proxyLocalActivities,
  TemporalFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { CreationActivities } from '../../activities/worker/create-resources.js';
import type { DeletionsAtOnceActivities } from '../../activities/worker/deletions-at-once.js';
import type { DeletionActivities } from '../../activities/worker/delete-resources.js';
import { cloudTaskQueue } from '../../temporal/names.js';
import { labelOf } from './details.js';
import type { WorkerLifecycle } from './lifecycle.js';
import type { Resources } from './resources.js';
import { retriesOf, unless } from './retries.js';

/** A call that the cloud takes is over by then; one that is still repeated has been refused, or had no answer. */
const REFUSED_AFTER_MS = 30_000;
/** A deletion that was sent at once has an answer by then, or is not sent that way any more. */
const ANSWERED_WITHIN_MS = 10_000;
/** How long a removal may stay unconfirmed before it is requested again; doubles up to the cap, for ever. */
const FIRST_WAIT_MS = 60_000;
const MAX_WAIT_MS = 5 * 60_000;

/**
 * Deletes what the machine consists of, in the provider's order: each step begins when a scan has confirmed that the
 * one before is gone. Never gives up (ARCHITECTURE.md#clean-up). True when nothing is left; false when this is the next
 * run's to go on with.
 */
export async function deleteResources(lifecycle: WorkerLifecycle): Promise<boolean> {
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
  const { deleteResource } = proxyActivities<DeletionActivities>({
    ...options(lifecycle),
    summary: labelOf(lifecycle.input, step),
  });
  const deletion = new Deletion(resources, step, lifecycle.input.removalRepeatMs ?? FIRST_WAIT_MS);
  // What a list had left out for a while is back: it goes first, or this step waits for it for ever.
  // guard(what-goes-first-overtakes-a-removal): false
  const isOvertaken = () => resources.mustRecordResources() || resources.nextRemoval() !== step;
  let requestedAt = Date.now();
  // What scans go on showing as gone needs no call that the cloud keeps refusing.
  // guard(what-is-gone-is-not-deleted-again): false
  const isRefused = () => Date.now() - requestedAt >= REFUSED_AFTER_MS && deletion.isConfirmed();
  const isPointless = () => isOvertaken() || isRefused() || lifecycle.shouldContinueAsNew();
  while (!deletion.isConfirmed()) {
    // guard(a-removal-is-continued-as-new): false
    if (lifecycle.shouldContinueAsNew()) return 'unfinished';
    if (deletion.isDue) {
      requestedAt = Date.now();
      const isOver = () => deletion.isConfirmed() || isPointless();
      const accepted =
        (await isAcceptedAtOnce(lifecycle, step, isOver)) ||
        (await succeeds(isPointless, () => deleteResource(machineOf(lifecycle), step)));
      if (accepted !== null) deletion.requested(accepted);
    }
    await condition(() => deletion.isAnswered() || isPointless(), deletion.waitMs);
    if (isOvertaken()) return 'overtaken';
    deletion.unconfirmed();
  }
  return 'gone';
}

const { isDeletionAccepted } = proxyLocalActivities<DeletionsAtOnceActivities>({
  startToCloseTimeout: '3 seconds',
  retry: { maximumAttempts: 1 },
});

/**
 * What became of the deletion that was sent when the row said stopping; most are over before anybody has to ask. False
 * when the cloud has not accepted it, the process that sent it has ended, or none was sent: the activity goes on.
 */
async function isAcceptedAtOnce(lifecycle: WorkerLifecycle, step: string, isOver: () => boolean): Promise<boolean> {
  if (lifecycle.takeSentDeletion() !== step) return false;
  if (await condition(isOver, ANSWERED_WITHIN_MS)) return true;
  try {
    return await isDeletionAccepted(lifecycle.worker, step);
  } catch (error) {
    // A local activity's failure comes as it is, not inside an ActivityFailure.
    if (!(error instanceof TemporalFailure)) throw error;
    return false;
  }
}

/**
 * How far the deletion of one step's resource is: it is requested unless it goes by itself, then confirmed by what a
 * scan shows, or requested again ever more rarely.
 */
class Deletion {
  /** Whether it is to be requested (again). */
  isDue: boolean;
  waitMs: number;
  /** Whether the cloud has accepted the latest request. */
  private accepted = false;
  private readonly resources: Resources;
  private readonly step: string;

  constructor(resources: Resources, step: string, firstWaitMs: number) {
    this.resources = resources;
    this.step = step;
    this.waitMs = firstWaitMs;
    this.isDue = resources.mustBeDeleted(step);
  }

  isConfirmed(): boolean {
    return this.resources.isGone(this.step, this.accepted);
  }

  /**
   * Whether there is nothing more to wait for: it is confirmed, or still there with nobody having been asked to delete
   * it.
   */
  isAnswered(): boolean {
    return this.isConfirmed() || (!this.isDue && !this.accepted && this.resources.stillExists(this.step));
  }

  /** The request has been sent, and accepted or not. */
  requested(accepted: boolean): void {
    this.accepted = accepted;
  }

  /** It has not been confirmed in time: it is to be requested again. */
  unconfirmed(): void {
    this.isDue = true;
    // guard(deletions-are-repeated-ever-more-rarely): false
    if (this.accepted) this.waitMs = Math.min(this.waitMs * 2, MAX_WAIT_MS);
  }
}

/**
 * Whether the cloud has accepted it; null when there was no point in it any more. Nothing that a removal meets is
 * final: whatever it is, it is requested again.
 */
async function succeeds(isPointless: () => boolean, remove: () => Promise<void>): Promise<boolean | null> {
  try {
    return (await unless(isPointless, remove)) === null ? null : true;
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return false;
  }
}

/**
 * What is under way is cancelled, and what came of it written down, or a part would be left behind. False when the run
 * is to be continued as new first.
 */
async function recordResources(lifecycle: WorkerLifecycle): Promise<boolean> {
  const isPointless = () => lifecycle.shouldContinueAsNew();
  lifecycle.describe('finding out what it consists of');
  const { recordResources: recordAll } = proxyActivities<CreationActivities>(options(lifecycle));
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

/** Never gives up. The wait is about a fifth of the time that the cloud has been away: a minute after five. */
const options = ({ input }: WorkerLifecycle) =>
  ({
    taskQueue: cloudTaskQueue(workflowInfo().taskQueue, input.providerId, 'delete'),
    startToCloseTimeout: '2 minutes',
    heartbeatTimeout: '15 seconds',
    retry: retriesOf({ firstMs: 1_500, coefficient: 1.2, maxMs: 5 * 60_000 }),
    // guard(a-removal-under-way-is-waited-for): use ActivityCancellationType.TRY_CANCEL
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  }) as const;

const machineOf = ({ input, worker }: WorkerLifecycle) => ({
  ...worker,
  providerId: input.providerId,
  launchConfigId: input.launchConfigId,
  location: input.location,
});
