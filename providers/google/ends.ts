import { ProviderError } from '../errors.js';
import type { MachineRef } from '../provider.js';
import type { ComputeCalls } from './calls.js';
import type { ZoneRef } from './instances.js';
import { deletionsSince, errorsOf, isDone, listOperations } from './operations.js';

/** A deletion takes a minute or two, and scans follow it every few seconds: an older one has been seen. */
const MAX_AGE_MS = 10 * 60_000;

/**
 * Which of these machines, which a complete list of their zone does not show, are gone for certain: Google keeps
 * nothing of a machine but the operation that deleted it, and no other machine ever gets its id. One list for all of
 * them. Of the others nothing is known, and where the operations cannot be read, of none.
 */
export async function endedMachines<M extends MachineRef>(
  calls: ComputeCalls,
  ref: ZoneRef,
  missing: readonly M[],
): Promise<readonly M[]> {
  if (missing.length === 0) return [];
  try {
    const since = new Date(Date.now() - MAX_AGE_MS).toISOString();
    const deletions = await listOperations(calls, ref, deletionsSince(since));
    const ended = deletions.filter((deletion) => isDone(deletion) && errorsOf(deletion).length === 0);
    const ids = new Set(ended.map(({ targetId }) => targetId));
    return missing.filter(({ workerId }) => ids.has(workerId));
  } catch (error) {
    if (error instanceof ProviderError) return [];
    throw error;
  }
}
