import { HOUR_MS } from '../../domain/durations.js';
import { ignoreNotFound, ProviderError } from '../errors.js';
import type { ComputeCalls } from './calls.js';
import type { ZoneRef } from './instances.js';
import { deleteRequestId } from './names.js';
import { errorsOf, isDone, type Operation } from './operations.js';
import { reasonsOf } from './operation-errors.js';

/** Deletions of one machine that have failed within the hour; a further one is the next hour's. */
const MAX_FAILED_DELETIONS = 5;

/**
 * A repeat within the hour gives the operation of the first again, so that Google never has two of one machine, which
 * it would refuse. One that has failed is followed by another.
 */
export async function deleteInstance(calls: ComputeCalls, { project, zone }: ZoneRef, instance: string): Promise<void> {
  let turn = String(Math.floor(Date.now() / HOUR_MS));
  for (let failed = 0; failed < MAX_FAILED_DELETIONS; failed++) {
    const request = { project, instance, requestId: deleteRequestId(instance, turn) };
    const operation = (await ignoreNotFound(
      calls.call({
        service: 'instances',
        method: 'delete',
        callClass: 'delete',
        zone,
        request,
        resource: `instances/${instance}`,
      }),
    )) as Operation | null;
    if (!operation || !isDone(operation) || errorsOf(operation).length === 0) return;
    turn = `${turn} ${operation.name}`;
    if (failed === MAX_FAILED_DELETIONS - 1) throw keepsFailing(operation);
  }
}

const keepsFailing = (operation: Operation): ProviderError => {
  const [reason] = reasonsOf(errorsOf(operation));
  const message = `Google cannot delete the machine: ${reason?.message ?? 'no further words'}`;
  return new ProviderError({ code: 'Unavailable', message });
};
