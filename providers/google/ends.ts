import { ignoreNotFound, ProviderError } from '../errors.js';
import type { MachineRef, Observation } from '../provider.js';
import { gone } from '../shared/gone.js';
import type { ComputeCalls } from './calls.js';
import { PREEMPTED } from './explain.js';
import { getInstance, observation } from './instances.js';
import type { ZoneRef } from './lists.js';
import { PREEMPTION, targetsOf } from './operations.js';

/** Preempted machines of one zone that one scan reads. */
const MAX_READS = 100;

/**
 * What is certain of these machines, which a complete list of their zone does not show: Google keeps nothing of a
 * machine but the operation that deleted or preempted it, and no other machine ever gets its id. One list of each kind
 * for all of them. Of the others nothing is known, and where Google does not answer, of none.
 */
export async function endedMachines(
  calls: ComputeCalls,
  ref: ZoneRef,
  missing: readonly MachineRef[],
  deploymentId: string,
): Promise<Observation[]> {
  const ended: Observation[] = [];
  try {
    if (missing.length === 0) return ended;
    const deleted = await targetsOf(calls, ref, 'delete');
    ended.push(...missing.filter(({ workerId }) => deleted.has(workerId)).map((machine) => gone(machine)));
    if (ended.length === missing.length) return ended;
    const preempted = await targetsOf(calls, ref, PREEMPTION);
    const others = missing.filter(({ workerId }) => preempted.has(workerId) && !deleted.has(workerId));
    const reads = others.slice(0, MAX_READS).map((machine) => preemptedMachine(calls, ref, machine, deploymentId));
    ended.push(...(await Promise.all(reads)).filter((one) => one !== null));
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
  }
  return ended;
}

/**
 * A preemption may only have stopped it, and a list misses a machine whose labels somebody has taken away: a read by id
 * decides. Null where Google does not answer.
 */
async function preemptedMachine(
  calls: ComputeCalls,
  ref: ZoneRef,
  machine: MachineRef,
  deploymentId: string,
): Promise<Observation | null> {
  try {
    const instance = await ignoreNotFound(getInstance(calls, ref, machine.workerId));
    // guard(a-preemption-is-no-absence): false
    if (instance) return observation(instance, ref, deploymentId);
    return { ...gone(machine), reason: PREEMPTED };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return null;
  }
}
