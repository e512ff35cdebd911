/**
 * Limits of the whole deployment (`limits` in the configuration): they bound what a mistake of ours or of a pool may
 * cost. They count what may exist: of an open launch what it requested, of a fulfilled one what it created, of a failed
 * one nothing. Pools share them max–min, so that a large pool never keeps a small one waiting.
 */

export type DeploymentLimit = 'launchesPerMinute' | 'machines';

/** A pool that wants machines now. */
export interface Claim {
  /** Machines that it wants beyond those that it has got. */
  readonly wanted: number;
  /** Machines that it launched in the last minute. */
  readonly launchedLastMinute: number;
}

export interface LimitInput {
  readonly own: Claim;
  /** The other pools that wanted more than they got in the last two polls. */
  readonly others: readonly Claim[];
  /** Machines that all pools launched in the last minute, `own` and `others` included. */
  readonly launchedLastMinute: number;
  readonly launchesPerMinute: number;
  /** Machines that exist or may exist, over all pools. */
  readonly machines: number;
  readonly maxMachines: number;
}

export interface LimitVerdict {
  /** Whole machines, 0 to `own.wanted`. */
  readonly allowed: number;
  /** The tighter one when both hold; `machines` when they are equal, because waiting does not release it. */
  readonly limit: DeploymentLimit | null;
}

/** A pool gets what it wants, or an equal part of what is left, at least one machine while any is left. */
export function applyLimits(input: LimitInput): LimitVerdict {
  const wanted = Math.max(0, Math.ceil(input.own.wanted));
  const byRate = shareOfRate(input);
  const byMachines = shareOfMachines(input);
  const allowed = Math.min(wanted, byRate, byMachines);
  if (allowed === wanted) return { allowed, limit: null };
  return { allowed, limit: byMachines <= byRate ? 'machines' : 'launchesPerMinute' };
}

/** Parts of the minute are equal over the minute: what a pool has launched in it counts as a part of its share. */
function shareOfRate({ own, others, launchedLastMinute, launchesPerMinute }: LimitInput): number {
  const left = Math.floor(launchesPerMinute - launchedLastMinute);
  const competing = [own, ...others];
  const launchedByThem = competing.reduce((sum, claim) => sum + claim.launchedLastMinute, 0);
  const part = equalPart(
    left + launchedByThem,
    competing.map((claim) => claim.launchedLastMinute + claim.wanted),
  );
  return atLeastOne(part - own.launchedLastMinute, left);
}

function shareOfMachines({ own, others, machines, maxMachines }: LimitInput): number {
  const left = Math.floor(maxMachines - machines);
  return atLeastOne(
    equalPart(
      left,
      [own, ...others].map((claim) => claim.wanted),
    ),
    left,
  );
}

const atLeastOne = (part: number, left: number): number => Math.max(0, Math.min(left, Math.max(1, Math.floor(part))));

/**
 * The max–min fair level: each gets what it wants up to the level, and the levels of all use up what is available.
 * Infinite when there is enough for everybody.
 */
export function equalPart(available: number, wants: readonly number[]): number {
  let left = available;
  let claims = wants.length;
  for (const want of wants.toSorted((a, b) => a - b)) {
    if (want * claims >= left) return left / claims;
    left -= want;
    claims -= 1;
  }
  return Number.POSITIVE_INFINITY;
}
