import { exclusionOf, launchWeight, remainingWeight } from '../selection.js';
import type { LaunchConfigEvidence } from './evidence.js';
import type { Candidate } from './explanation.js';

interface Choosing {
  readonly poolMaxCapacity: number;
  readonly poolRoom: number;
  readonly nowMs: number;
}

/** The launch configs as a choice between them would see them, by the rules of that choice. */
export function candidatesOf(launchConfigs: readonly LaunchConfigEvidence[], choosing: Choosing): Candidate[] {
  const errorsInAll = launchConfigs.reduce((sum, { recentErrors }) => sum + recentErrors, 0);
  return launchConfigs.map((evidence) => {
    const { launchConfigId, revision, where, type, backoff } = evidence;
    const option = { ...evidence, backoffUntil: backoff?.until ?? null };
    const weight = launchWeight(option, choosing.poolMaxCapacity, errorsInAll);
    const excluded = exclusionOf(option, choosing);
    return {
      ...{ launchConfigId, revision, where, type },
      weight: { ...weight, drawn: excluded === null ? Math.max(0, remainingWeight(weight)) : 0 },
      outcome: excluded ?? 'usable',
      reason: excluded === 'backing off' ? (backoff?.code ?? backoff?.message ?? null) : null,
      until: excluded === 'backing off' ? (backoff?.until ?? null) : null,
      requestIds: backoff?.requestIds ?? [],
    };
  });
}
