/**
 * Which running workers of a pool are removed although they may be at work: an option of pools, off by default
 * (docs/taskcluster-compatibility.md#forced-removal). Without it a pool whose maximum was lowered, or whose provider or
 * launch configs were replaced, only advises workers to end when they are idle.
 */

export interface ForcedRemovalCandidate {
  readonly workerGroup: string;
  readonly workerId: string;
  readonly capacity: number;
  /** Epoch ms. */
  readonly created: number;
  readonly archived: boolean;
  /** Launched by a provider that is not the pool's any more. */
  readonly ofFormerProvider: boolean;
  /** Whether it has claimed a task; null while the queue does not say. */
  readonly busy: boolean | null;
}

export interface ForcedRemovalInput {
  /** Running workers that a launch created and that are not quarantined: somebody may be looking into those. */
  readonly candidates: readonly ForcedRemovalCandidate[];
  /** All that run. */
  readonly runningMachines: number;
  readonly stoppingMachines: number;
  /** What exists beyond the maximum, without what is stopping; below 0 where there is room. */
  readonly excessCapacity: number;
}

export type ForcedRemovalReason = 'its provider was replaced' | 'its launch config was archived' | 'above the maximum';

export interface ForcedRemoval {
  readonly workerGroup: string;
  readonly workerId: string;
  readonly reason: ForcedRemovalReason;
}

/** A tenth of the running machines, and at least one, may be on their way out at once. */
const AT_ONCE_DIVISOR = 10;

/** Idle ones first, then those of which nobody knows; of these the replaced ones before others, and the oldest. */
export function decideForcedRemovals(input: ForcedRemovalInput): ForcedRemoval[] {
  const { candidates, runningMachines, stoppingMachines } = input;
  const replaced = candidates.filter(isReplaced);
  // Those go in any case: of the others no more than what is still too many without them.
  let excess = input.excessCapacity - replaced.reduce((sum, { capacity }) => sum + capacity, 0);
  const others = candidates
    .filter((candidate) => !isReplaced(candidate))
    .toSorted(firstToGo)
    .filter(({ capacity }) => {
      if (excess <= 0) return false;
      excess -= capacity;
      return true;
    });
  // guard(forced-removals-are-a-tenth-at-once): use Number.POSITIVE_INFINITY
  const atOnce = Math.max(1, Math.floor(runningMachines / AT_ONCE_DIVISOR)) - stoppingMachines;
  return [...replaced, ...others]
    .toSorted(firstToGo)
    .slice(0, Math.max(0, atOnce))
    .map((candidate) => ({
      workerGroup: candidate.workerGroup,
      workerId: candidate.workerId,
      reason: reasonOf(candidate),
    }));
}

const isReplaced = ({ archived, ofFormerProvider }: ForcedRemovalCandidate): boolean => archived || ofFormerProvider;

function reasonOf({ archived, ofFormerProvider }: ForcedRemovalCandidate): ForcedRemovalReason {
  if (ofFormerProvider) return 'its provider was replaced';
  return archived ? 'its launch config was archived' : 'above the maximum';
}

/** The names break the tie: workers of one launch are equally old. */
function firstToGo(a: ForcedRemovalCandidate, b: ForcedRemovalCandidate): number {
  return (
    busyRank(a) - busyRank(b) ||
    Number(isReplaced(b)) - Number(isReplaced(a)) ||
    a.created - b.created ||
    compareText(a.workerGroup, b.workerGroup) ||
    compareText(a.workerId, b.workerId)
  );
}

const busyRank = ({ busy }: ForcedRemovalCandidate): number => (busy === null ? 1 : busy ? 2 : 0);
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
