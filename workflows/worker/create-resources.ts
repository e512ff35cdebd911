import {
  ActivityCancellationType,
  ActivityFailure,
  condition,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { CreationActivities } from '../../activities/worker/create-resources.js';
import type { WorkerFailure } from '../../temporal/messages.js';
import { cloudTaskQueue } from '../../temporal/names.js';
import { labelOf } from './details.js';
import { creationFailure, unexplainedFailure } from './worker-failures.js';
import type { WorkerLifecycle } from './lifecycle.js';
import { retriesOf, unless } from './retries.js';

/** A worker that has registered works; how often more its building is read before its life goes on all the same. */
const MAX_READS_AFTER_REGISTRATION = 10;

/** An operation that no scan has reported on for this long is submitted again: submitting reads by name first. */
const UNREPORTED_MS = 60_000;

/**
 * Builds a machine whose launch could only write down its names: one resource after another, exactly one operation in
 * flight. Submitting is an activity; the waiting is a signal from the provider's scan. Nothing to do where the launch
 * itself created the machine. Ends early when the life stops, or its run is to be continued as new.
 */
export async function createResources(lifecycle: WorkerLifecycle): Promise<void> {
  const { input, resources } = lifecycle;
  if (lifecycle.state !== 'requested' || input.creationSteps.length === 0) return;
  const building = new Building(lifecycle);
  for (const step of input.creationSteps) {
    if (resources.createdSteps.includes(step)) continue;
    resources.creating = step;
    lifecycle.describe(`creating ${step}`);
    await building.create(step);
    // guard(a-stopped-building-goes-no-further): false
    if (building.isOver()) return;
    resources.createdSteps.push(step);
  }
  resources.creating = null;
  if (lifecycle.state === 'requested') lifecycle.describe('awaiting registration');
  // guard(what-was-built-is-recorded-at-once): drop
  await building.recordResources();
}

class Building {
  private readonly lifecycle: WorkerLifecycle;
  private readonly machine;
  private readonly submissions;
  private readsAfterRegistration = 0;

  constructor(lifecycle: WorkerLifecycle) {
    const { input } = lifecycle;
    this.lifecycle = lifecycle;
    this.machine = { ...lifecycle.worker, providerId: input.providerId, launchToken: input.launchToken ?? '' };
    this.submissions = {
      taskQueue: cloudTaskQueue(workflowInfo().taskQueue, input.providerId, 'create'),
      startToCloseTimeout: '2 minutes',
      heartbeatTimeout: '15 seconds',
      retry: retriesOf({ firstMs: 1_500, coefficient: 2, maxMs: 60_000 }),
      // guard(a-submission-under-way-is-waited-for): use ActivityCancellationType.TRY_CANCEL
      cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    } as const;
  }

  readonly isOver = (): boolean => this.lifecycle.stop !== null || this.lifecycle.shouldContinueAsNew();

  /** Ends when the resource is there, or when the building is over. */
  async create(step: string): Promise<void> {
    const { lifecycle, machine } = this;
    const { resources } = lifecycle;
    // What makes the Temporal UI's timeline read as public IP → network interface → VM.
    const { submitResource } = proxyActivities<CreationActivities>({
      ...this.submissions,
      summary: labelOf(lifecycle.input, step),
    });
    const seen = () => resources.stateOf(step);
    while (!this.isOver() && seen() !== 'running') {
      let submitted: { value: string | null } | null;
      try {
        submitted = await unless(this.isOver, () => submitResource(machine, step));
      } catch (error) {
        if (!(error instanceof ActivityFailure)) throw error;
        lifecycle.requestStop(`creating ${step} failed`, creationFailure(step, error));
        return;
      }
      if (!submitted) return;
      resources.noteSubmitted();
      const { value: operation } = submitted;
      if (operation === null) return;
      // Scans tell nothing more of the building of a worker that has registered: then submitting reads.
      const { state } = lifecycle;
      if (state !== 'requested' && (this.readsAfterRegistration += 1) > MAX_READS_AFTER_REGISTRATION) return;
      const isSettled = () => seen() === 'running' || seen() === 'failed' || lifecycle.state !== state;
      await condition(() => this.isOver() || isSettled(), UNREPORTED_MS);
      // guard(a-failed-operation-ends-the-building): true
      if (seen() !== 'failed') continue;
      lifecycle.requestStop(`creating ${step} failed`, await this.explain(step, operation));
    }
  }

  /** What cannot be recorded by now is recorded when the worker is removed: for as long as that takes. */
  async recordResources(): Promise<void> {
    const isLate = this.readsAfterRegistration > MAX_READS_AFTER_REGISTRATION;
    // guard(resources-are-tracked-where-the-launch-says-so): false
    if (!this.lifecycle.input.tracksResources || isLate) return;
    const { recordResources } = proxyActivities<CreationActivities>({
      ...this.submissions,
      startToCloseTimeout: '1 minute',
      retry: { ...this.submissions.retry, maximumAttempts: 10 },
    });
    try {
      await unless(this.isOver, () => recordResources(this.machine, false));
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
    }
  }

  /** A removal does not wait for an explanation that cannot be had. */
  private async explain(step: string, operation: string): Promise<WorkerFailure> {
    const { explainFailure } = proxyActivities<CreationActivities>({
      taskQueue: this.submissions.taskQueue,
      startToCloseTimeout: '1 minute',
      heartbeatTimeout: '15 seconds',
      retry: { ...retriesOf({ firstMs: 1_500, coefficient: 2, maxMs: 30_000 }), maximumAttempts: 5 },
    });
    try {
      return await explainFailure(this.machine, step, operation);
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      return unexplainedFailure(error);
    }
  }
}
