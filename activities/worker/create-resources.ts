import { failureClassOf } from '../../domain/backoff.js';
import type { WorkerKey } from '../../domain/ids.js';
import { ProviderError } from '../../providers/errors.js';
import { aboutCalls, type CallSubject } from '../../providers/shared/attempts.js';
import type { LaunchedMachine } from '../../providers/provider.js';
import { getLaunch } from '../../database/launches.js';
import { recordResourceIds } from '../../database/worker-changes.js';
import { getWorker } from '../../database/workers.js';
import type { WorkerFailure } from '../../temporal/messages.js';
import type { ActivityDeps } from '../support/deps.js';
import { toApplicationFailure } from '../support/application-failures.js';
import { withHeartbeat } from '../support/heartbeat.js';
import { reportLastingRefusal } from './lasting-refusal.js';

export interface CreationActivities {
  /**
   * Begins one resource of a stepwise machine; the operation's token, or null when the resource is there. Idempotent.
   */
  submitResource(machine: StepwiseMachine, step: string): Promise<string | null>;
  /** Why an operation failed, in the cloud's words: the worker's failure. */
  explainFailure(machine: StepwiseMachine, step: string, operation: string): Promise<WorkerFailure>;
  /**
   * Writes down what the machine consists of, where only the cloud's record of its building tells, and takes that
   * record away. With `stopping`, what is still being built is cancelled. Idempotent; retried until nothing more can
   * come.
   */
  recordResources(machine: StepwiseMachine, stopping: boolean): Promise<void>;
}

/** Histories keep it; a template's operations may have much to say. */
const MAX_DESCRIPTION_LENGTH = 1_000;

export interface StepwiseMachine extends WorkerKey {
  readonly providerId: string;
  readonly launchToken: string;
}

const subjectOf = ({ launchToken, workerPoolId, workerId }: StepwiseMachine): CallSubject => ({
  ...{ launchToken, workerPoolId, subjects: [workerId] },
});

export function creationActivities({ database, providers, triggers, log }: ActivityDeps): CreationActivities {
  async function resolve(machine: StepwiseMachine) {
    const launching = providers.get(machine.providerId)?.launching;
    if (launching?.kind !== 'stepwise') throw new Error(`Provider ${machine.providerId} does not build machines here`);
    const launch = await getLaunch(database.db, machine.launchToken);
    const row = await getWorker(database.db, machine);
    if (!launch || !row) throw new Error(`No launch ${machine.launchToken} on record`);
    const { workerGroup, workerId, location, identityAttributes, resourceIds, launchConfigId } = row;
    const launched: LaunchedMachine = { workerGroup, workerId, location, identityAttributes };
    return { launching, launch, launched, resourceIds, launchConfigId };
  }

  return {
    async submitResource(machine, step) {
      const { launching, launch, launched, resourceIds, launchConfigId } = await resolve(machine);
      // It was built once; the record that would tell so is gone.
      if (resourceIds.length > 0 && launching.tracking?.appliesTo(launch)) return null;
      try {
        const operation = await withHeartbeat(() =>
          aboutCalls(subjectOf(machine), () => launching.submit(launch, launched, step)),
        );
        if (operation !== null) triggers.requestFastScan(machine.providerId);
        return operation;
      } catch (error) {
        await reportLastingRefusal({ database, log }, { ...machine, launchConfigId }, 'creation-error', error);
        throw toApplicationFailure(error);
      }
    },

    async explainFailure(machine, step, operation) {
      const { launching, launched } = await resolve(machine);
      const { message, cloudCode, code, kind, title } = await withHeartbeat(() =>
        launching.explain(launched, step, operation),
      ).catch((error: unknown) => {
        throw toApplicationFailure(error);
      });
      return {
        kind: kind ?? 'operation-error',
        title: title ?? 'Operation Error',
        description: (cloudCode ? `${cloudCode}: ${message}` : message).slice(0, MAX_DESCRIPTION_LENGTH),
        code: cloudCode,
        failureClass: failureClassOf(code),
      };
    },

    async recordResources(machine, stopping) {
      const { launching, launch, launched, resourceIds } = await resolve(machine);
      const { tracking } = launching;
      if (!tracking?.appliesTo(launch)) return;
      try {
        const track = async () => {
          const { resources, hasRecord } = await tracking.discover(launch, { ...launched, resourceIds }, stopping);
          if (resources.length > 0) await recordResourceIds(database.db, machine, resources);
          // A record that nothing is known of tells that the machine was built: it stays until the machine goes.
          if (hasRecord && (stopping || resources.length > 0)) await tracking.forget(launch, launched);
        };
        await withHeartbeat(() => aboutCalls(subjectOf(machine), track));
      } catch (error) {
        // Nothing that a removal meets is final.
        if (stopping && error instanceof ProviderError && !error.retryable) throw new Error(error.message);
        throw toApplicationFailure(error);
      }
    },
  };
}
