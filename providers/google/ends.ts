import { ProviderError } from '../errors.js';
import type { MachineRef } from '../provider.js';
import type { ComputeCalls } from './calls.js';
import type { ZoneRef } from './instances.js';
import { errorsOf, isDone, listOperations, operationsSince, PREEMPTION } from './operations.js';

/** An end takes a minute or two, and scans follow it every few seconds: an older one has been seen. */
const MAX_AGE_MS = 10 * 60_000;

/** What ends a machine without a trace in any list: mostly the first, so that the second is rarely read. */
const ends = ['delete', PREEMPTION] as const;

/**
 * Which of these machines, which a complete list of their zone does not show, are gone for certain: Google keeps
 * nothing of a machine but the operation that deleted or preempted it, and no other machine ever gets its id. One list
 * of each kind for all of them. Of the others nothing is known, and where the operations cannot be read, of none.
 */
export async function endedMachines<M extends MachineRef>(
  calls: ComputeCalls,
  ref: ZoneRef,
  missing: readonly M[],
): Promise<readonly M[]> {
  const since = new Date(Date.now() - MAX_AGE_MS).toISOString();
  const ids = new Set<string>();
  const isEnded = ({ workerId }: M): boolean => ids.has(workerId);
  try {
    for (const type of ends) {
      if (missing.every(isEnded)) break;
      const operations = await listOperations(calls, ref, operationsSince(type, since));
      for (const one of operations) if (isDone(one) && errorsOf(one).length === 0) ids.add(one.targetId ?? '');
    }
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
  }
  return missing.filter(isEnded);
}
