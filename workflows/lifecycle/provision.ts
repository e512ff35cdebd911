import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { FailureDetails } from '../../activities/failures.js';
import type { ProvisioningActivities } from '../../activities/provisioning.js';
import { failureClassOf } from '../../domain/backoff.js';
import type { WorkerFailure } from '../../temporal/messages.js';
import { cloudTaskQueue } from '../../temporal/names.js';
import { nameOf } from './details.js';
import type { Life } from './life.js';

/** A worker that has registered works; how often more its building is looked at before its life goes on all the same. */
const LOOKS_AFTER_REGISTRATION = 10;

/** An operation that no scan has reported on for this long is looked at again: submitting looks by name first. */
const UNREPORTED_MS = 60_000;

/**
 * Builds a machine whose launch could only write down its names: one resource after another, exactly one operation in
 * flight. Submitting is an activity; the waiting is a signal from the provider's scan. Nothing to do where the launch
 * itself made the machine.
 */
export async function provision(life: Life): Promise<void> {
  const { input, resources } = life;
  if (life.state !== 'requested' || input.provisioningSteps.length === 0) return;
  const taskQueue = cloudTaskQueue(workflowInfo().taskQueue, input.providerId, 'create');
  const submissions = {
    taskQueue,
    startToCloseTimeout: '2 minutes',
    heartbeatTimeout: '15 seconds',
    retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '1 minute' },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  } as const;
  const { explainFailure } = proxyActivities<ProvisioningActivities>({
    taskQueue,
    startToCloseTimeout: '1 minute',
    heartbeatTimeout: '15 seconds',
    retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '30 seconds', maximumAttempts: 5 },
  });
  const machine = { ...life.worker, providerId: input.providerId, launchToken: input.launchToken ?? '' };

  let looksAfterRegistration = 0;
  for (const step of input.provisioningSteps) {
    if (resources.provisioned.includes(step)) continue;
    resources.creating = step;
    life.describe(`creating ${step}`);
    // What makes the Temporal UI's timeline read as public IP → network interface → VM.
    const { submitResource } = proxyActivities<ProvisioningActivities>({ ...submissions, summary: nameOf(step) });
    const seen = () => resources.stateOf(step);
    while (!life.stop && seen() !== 'running') {
      let operation: string | null;
      try {
        operation = await unlessStopped(life, () => submitResource(machine, step));
        resources.noteSubmitted();
      } catch (error) {
        if (life.stop && isCancellation(error)) return;
        if (!(error instanceof ActivityFailure)) throw error;
        life.requestStop(`creating ${step} failed`, refusal(step, error));
        return;
      }
      if (operation === null) break;
      // Scans tell nothing more of the building of a worker that has registered: then submitting looks.
      const { state } = life;
      if (state !== 'requested' && (looksAfterRegistration += 1) > LOOKS_AFTER_REGISTRATION) break;
      const settled = () => life.stop !== null || seen() === 'running' || seen() === 'failed' || life.state !== state;
      await condition(settled, UNREPORTED_MS);
      if (seen() !== 'failed') continue;
      const failure = await explain(() => explainFailure(machine, step, operation));
      life.requestStop(`creating ${step} failed`, failure);
    }
    if (life.stop) return;
    resources.provisioned.push(step);
  }
  resources.creating = null;
  if (life.state === 'requested') life.describe('awaiting registration');
  // What is not done by now is found out, and written down, when it is removed.
  if (!input.remembersResources || looksAfterRegistration > LOOKS_AFTER_REGISTRATION) return;
  const { rememberResources } = proxyActivities<ProvisioningActivities>({
    ...submissions,
    startToCloseTimeout: '1 minute',
    // The removal asks again, for as long as it takes.
    retry: { ...submissions.retry, maximumAttempts: 10 },
  });
  try {
    await unlessStopped(life, () => rememberResources(machine, false));
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
  }
}

/** A removal does not wait for a cloud that takes no orders: retries end. An attempt that is under way is waited for. */
async function unlessStopped<T>(life: Life, submit: () => Promise<T>): Promise<T> {
  const scope = new CancellationScope();
  void life.stopRequested.then(() => scope.cancel());
  return await scope.run(submit);
}

/** Only what no retry cures comes here: throttled and lost calls are no failures of a worker's. */
function refusal(step: string, error: ActivityFailure): WorkerFailure {
  const { cause } = error;
  const { type, details } = cause instanceof ApplicationFailure ? cause : { type: null, details: null };
  const { title, cloudCode } = (details?.[0] ?? {}) as Partial<FailureDetails>;
  return {
    kind: 'creation-error',
    title: title ?? `${step} could not be created`,
    description: cause?.message ?? error.message,
    code: cloudCode ?? null,
    failureClass: failureClassOf(type),
  };
}

/** Nor does it wait for an explanation that cannot be had. */
async function explain(ask: () => Promise<WorkerFailure>): Promise<WorkerFailure> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const description = `The operation failed; why could not be read: ${error.cause?.message ?? error.message}`;
    return { kind: 'operation-error', title: 'Operation Error', description, failureClass: 'other' };
  }
}
