import { ProviderError } from '../errors.js';
import type { MachineRef } from '../provider.js';
import { causeByWords } from '../shared/end-cause.js';
import type { ComputeCalls } from './calls.js';
import type { ZoneRef } from './lists.js';
import { reasonsOf } from './operation-errors.js';
import { errorsOf, listOperations, type Operation, PREEMPTION, targetsOf } from './operations.js';

/** Nothing was wrong with its launch. */
export const PREEMPTED = 'preempted: Google needed its capacity';

/** By these words, and by the codes of failed operations. */
export const causeOf = causeByWords(
  [/\bpreempted\b/i, 'preempted'],
  [/RESOURCE_POOL_EXHAUSTED|Insufficient\w*Capacity/i, 'capacity'],
  [/LimitExceeded|Quota/i, 'quota'],
);

/**
 * Why a machine ended, by the operations of its zone of the last hour: Google keeps nothing else of one that is gone.
 * Null where none of them says.
 */
export async function explainEnd(calls: ComputeCalls, ref: ZoneRef, instanceId: string): Promise<string | null> {
  const operations = await listOperations(calls, ref, `targetId=${instanceId}`);
  const words = operations.map(wordsFor).filter((each) => each !== null);
  // What came first is the cause of the rest: a preempted machine is then deleted.
  return words.find((each) => each === PREEMPTED) ?? words[0] ?? null;
}

/**
 * Those of one zone that were preempted, by one list for all of them: a mass preemption takes hundreds at once. None
 * where Google does not answer.
 */
export async function preemptedOf(
  calls: ComputeCalls,
  ref: ZoneRef,
  machines: readonly MachineRef[],
): Promise<[MachineRef, string][]> {
  try {
    const preempted = await targetsOf(calls, ref, PREEMPTION);
    return machines.filter(({ workerId }) => preempted.has(workerId)).map((machine) => [machine, PREEMPTED]);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return [];
  }
}

function wordsFor(operation: Operation): string | null {
  const type = operation.operationType ?? '';
  if (type === PREEMPTION) return PREEMPTED;
  if (type === 'delete' || type === 'stop') return `${type} by ${operation.user ?? 'an unknown user'}`;
  if (type.startsWith('compute.instances.')) return type;
  return reasonsOf(errorsOf(operation))[0]?.message ?? null;
}
