import type { WorkerKey } from '../../domain/ids.js';
import type { MachineLocation } from '../../domain/worker.js';
import { ProviderError } from '../../providers/errors.js';
import { aboutCalls, type CallSubject } from '../../providers/shared/attempts.js';
import { insertErrorOnce } from '../../database/errors.js';
import { HOUR_MS } from '../../domain/durations.js';
import { getWorker } from '../../database/workers.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { toApplicationFailure } from '../support/application-failures.js';
import { withHeartbeat } from '../support/heartbeat.js';
import { reportLastingRefusal } from './lasting-refusal.js';
import { logPoolError, workerError } from '../support/pool-errors.js';

export interface DeletionActivities {
  /** Resolves when the cloud has accepted; whether it is gone, a scan will say. Idempotent. */
  deleteResource(machine: DeletableMachine, step: string): Promise<void>;
}

/** A refusal that lasts is reported again after so long, with the same words for each worker. */
const REFUSAL_INTERVAL_MS = HOUR_MS;

export interface DeletableMachine extends WorkerKey {
  readonly providerId: string;
  readonly launchConfigId: string | null;
  readonly location: MachineLocation;
}

/** What the evidence of its deletion is about. */
export const deletionOf = ({ workerPoolId, workerId }: WorkerKey): CallSubject => ({
  ...{ launchToken: null, workerPoolId, subjects: [workerId] },
});

export function deletionActivities({ database, providers, triggers, log }: ActivityDeps): DeletionActivities {
  return {
    async deleteResource(machine, step) {
      const provider = providers.get(machine.providerId);
      const machines = provider?.machines;
      // Clean-up never gives up: the provider may only be missing from this process's configuration.
      if (!machines) throw new Error(`Provider ${machine.providerId} is not configured here; its machines wait for it`);
      try {
        const isTracked = provider?.launching?.kind === 'stepwise' && provider.launching.tracking !== undefined;
        const resourceIds = isTracked ? (await getWorker(database.db, machine))?.resourceIds : undefined;
        const ref = resourceIds?.length ? { ...machine, resourceIds } : machine;
        await withHeartbeat(() => aboutCalls(deletionOf(machine), () => machines.deleteResource(ref, step)));
      } catch (error) {
        await reportLastingRefusal({ database, log }, machine, 'termination-error', error);
        if (error instanceof ProviderError && !error.retryable) {
          const stored = workerError(machine, machine.launchConfigId, {
            kind: 'termination-error',
            title: 'Instance Termination Error',
            description: error.message,
            code: error.cloudCode ?? error.code,
          });
          // Attempts go on for as long as it lasts, of however many workers.
          const isNew = await insertErrorOnce(database.db, stored, engineNow() - REFUSAL_INTERVAL_MS, engineNow());
          if (isNew) logPoolError(log, stored);
          // Nothing that a removal meets is final: permissions come back.
          throw new Error(error.message);
        }
        throw toApplicationFailure(error);
      }
      triggers.requestFastScan(machine.providerId);
    },
  };
}
