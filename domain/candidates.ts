import { type Candidate, MAX_CANDIDATES, type Round } from './evidence.js';
import type { Selection, SelectionResult } from './selection.js';

/** What evidence keeps of a round's selection: the chosen launch configs first, and of the others as many as fit. */
export function roundOf(
  { options, poolMaxCapacity, poolRoom, capacity }: Selection,
  { choices, passedOver, weights }: SelectionResult,
): Pick<Round, 'wantedCapacity' | 'roomCapacity' | 'candidates' | 'omitted'> {
  const machines = new Map(choices.map((choice) => [choice.launchConfigId, choice.machines]));
  const reasons = new Map(passedOver.map(({ launchConfigId, reason }) => [launchConfigId, reason]));
  const all = options.map((option): Candidate => {
    const { launchConfigId, revision, usedCapacity, capacityPerInstance, recentErrors, backoffUntil } = option;
    const { preemptedPart } = option;
    return {
      ...{ launchConfigId, revision, usedCapacity, capacityPerInstance, recentErrors, backoffUntil },
      ...(preemptedPart !== undefined && { preemptedPart }),
      initialWeight: option.initialWeight ?? 1,
      weight: weights[launchConfigId] ?? 0,
      maxCapacity: Math.min(poolMaxCapacity, option.maxCapacity ?? poolMaxCapacity),
      outcome: reasons.get(launchConfigId) ?? 'chosen',
      machines: machines.get(launchConfigId) ?? 0,
    };
  });
  const kept = all.toSorted((a, b) => Number(b.machines > 0) - Number(a.machines > 0)).slice(0, MAX_CANDIDATES);
  return { wantedCapacity: capacity, roomCapacity: poolRoom, candidates: kept, omitted: all.length - kept.length };
}
