/**
 * Which running workers are told to stop once they are idle. Advice only: nothing is killed, a worker asks for its
 * verdict when it has nothing to do (OB §6.3).
 */
import type { ShouldTerminateReason } from './worker.js';

export interface TargetInput {
  readonly pendingTasks: number;
  readonly claimedTasks: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly scalingRatio: number;
}

/**
 * Capacity that the pool needs, whatever exists (OB §3.4). Unlike the corrected estimator, the minimum wins over the
 * maximum here: advice never takes away what an operator asked to be kept. The result may be a fraction.
 */
export const targetCapacity = (input: TargetInput): number =>
  Math.max(
    input.minCapacity,
    Math.min((input.pendingTasks + input.claimedTasks) * input.scalingRatio, input.maxCapacity),
  );

/** A running worker of a cloud provider. Callers leave static workers out: nobody could start them again. */
export interface TerminationCandidate {
  readonly workerGroup: string;
  readonly workerId: string;
  readonly capacity: number;
  /** Epoch ms. */
  readonly created: number;
  readonly launchConfigId: string | null;
  readonly quarantined: boolean;
}

export interface TerminationDecision {
  readonly workerGroup: string;
  readonly workerId: string;
  readonly terminate: boolean;
  readonly reason: Exclude<ShouldTerminateReason, 'none'>;
}

/**
 * A verdict for each worker that is not quarantined. Those of an archived launch config go and do not count; of the
 * rest the newest are kept until they reach the target, the last one kept may pass it.
 */
export function decideTerminations(pool: {
  workers: readonly TerminationCandidate[];
  archivedLaunchConfigIds: ReadonlySet<string>;
  targetCapacity: number;
}): TerminationDecision[] {
  let left = pool.targetCapacity;
  return pool.workers
    .filter((worker) => !worker.quarantined)
    .toSorted(newestFirst)
    .map(({ workerGroup, workerId, launchConfigId, capacity }) => {
      if (launchConfigId !== null && pool.archivedLaunchConfigIds.has(launchConfigId)) {
        return { workerGroup, workerId, terminate: true, reason: 'launch config archived' };
      }
      if (left <= 0) return { workerGroup, workerId, terminate: true, reason: 'over capacity' };
      left -= capacity;
      return { workerGroup, workerId, terminate: false, reason: 'needed' };
    });
}

/** Workers of one launch are equally old: the ids break the tie, so that the verdict stays the same from pass to pass. */
function newestFirst(a: TerminationCandidate, b: TerminationCandidate): number {
  return b.created - a.created || compareText(a.workerGroup, b.workerGroup) || compareText(a.workerId, b.workerId);
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
