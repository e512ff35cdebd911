import { HOUR_MS } from '../../domain/durations.js';
import { ignoreNotFound, ProviderError } from '../errors.js';
import { untilGivenUp } from '../shared/call-scope.js';
import type { ComputeCalls } from './calls.js';
import type { ZoneRef } from './lists.js';
import { deleteRequestId } from './names.js';
import { errorsOf, isDone, type Operation } from './operations.js';
import { reasonsOf } from './operation-errors.js';

/**
 * Deletions whose answer is under way: whoever requests the same again meanwhile waits for it, and sends nothing. The
 * attempt that sends one waits as for any call (`providers/shared/call-scope.ts`): for what has been sent, to its end.
 */
export class SharedDeletions {
  private readonly underWay = new Map<string, Promise<void>>();

  async run(what: string, begin: () => Promise<void>): Promise<void> {
    const underWay = this.underWay.get(what);
    if (underWay) return await untilGivenUp(underWay);
    const deletion = begin().finally(() => this.underWay.delete(what));
    this.underWay.set(what, deletion);
    await deletion;
  }
}

/** Deletions of one machine that have failed within the hour; a further one is the next hour's. */
const MAX_FAILED_DELETIONS = 5;

/**
 * A repeat within the hour gives the operation of the first again, so that Google never has two of one machine, which
 * it would refuse. One that has failed is followed by another.
 */
export const deleteInstance = (calls: ComputeCalls, ref: ZoneRef, instance: string): Promise<void> =>
  deleteRepeatedly(instance, (requestId) =>
    calls.call({
      service: 'instances',
      method: 'delete',
      callClass: 'delete',
      zone: ref.zone,
      request: { project: ref.project, instance, requestId },
      resource: `instances/${instance}`,
    }),
  );

/** Of a machine that is gone. The same holds of its deletion. */
export const deleteDisk = (calls: ComputeCalls, ref: ZoneRef, disk: string): Promise<void> =>
  deleteRepeatedly(disk, (requestId) =>
    calls.call({
      service: 'disks',
      method: 'delete',
      callClass: 'delete',
      zone: ref.zone,
      request: { project: ref.project, disk, requestId },
      resource: `disks/${disk}`,
    }),
  );

async function deleteRepeatedly(id: string, begin: (requestId: string) => Promise<unknown>): Promise<void> {
  let turn = String(Math.floor(Date.now() / HOUR_MS));
  for (let failed = 0; failed < MAX_FAILED_DELETIONS; failed++) {
    const operation = (await ignoreNotFound(begin(deleteRequestId(id, turn)))) as Operation | null;
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
