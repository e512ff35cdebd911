/**
 * How much capacity a pool should ask for now. Capacity counts tasks that can run at once, not machines.
 * Two rules: `corrected` (contract.md, "Estimator `corrected`"; cures W42 and W43) and `original` (OB §3.2, kept exact
 * for operators who compare the two).
 */

export const estimatorKinds = ['corrected', 'original'] as const;
export type EstimatorKind = (typeof estimatorKinds)[number];

/** Finite numbers, none negative. */
export interface EstimatorInput {
  /** Tasks that wait; approximate, as queues count. */
  readonly pendingTasks: number;
  /** Tasks that workers have claimed. */
  readonly claimedTasks: number;
  /** Requested and running workers, open launches too; quarantined ones left out. */
  readonly existingCapacity: number;
  /** The requested part of `existingCapacity`. Only the original rule looks at it (it counts it twice, W42). */
  readonly requestedCapacity: number;
  readonly stoppingCapacity: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  /** New capacity per task that waits, 0..1. */
  readonly scalingRatio: number;
}

/** What a pool's configuration may leave out (OB §3.1, §3.4). */
export const estimatorInputDefaults = {
  minCapacity: 0,
  maxCapacity: 0,
  scalingRatio: 1,
} as const satisfies Partial<EstimatorInput>;

/**
 * What decided the number:
 * - `satisfied`: nothing more is wanted;
 * - `demand`: as much as the waiting tasks need;
 * - `minimum`: the pool's minimum needs more than the waiting tasks do;
 * - `maximum`: more is wanted than the maximum leaves room for.
 */
export const estimateBounds = ['satisfied', 'demand', 'minimum', 'maximum'] as const;
export type EstimateBound = (typeof estimateBounds)[number];

export interface Estimate {
  readonly idleCapacity: number;
  /** Pending tasks that no idle capacity will take. */
  readonly adjustedPending: number;
  /** What would be added if there were no maximum. */
  readonly wantedCapacity: number;
  /** What to add now. Whole under `corrected`; `original` may give a fraction, which callers round up to a machine. */
  readonly spawnCapacity: number;
  readonly bound: EstimateBound;
  /** Far more exists than the maximum allows: worth an alarm (OB §3.2). */
  readonly overProvisioned: boolean;
}

const OVER_PROVISIONED_FLOOR = 25;
const OVER_PROVISIONED_FACTOR = 1.25;
/** Products such as 100 · 0.07 come out a hair above the whole number that is meant. */
const ROUNDING_NOISE = 1e-9;

export function estimate(kind: EstimatorKind, input: EstimatorInput): Estimate {
  const { pendingTasks, claimedTasks, existingCapacity, maxCapacity } = input;
  const idleCapacity = Math.max(0, existingCapacity - claimedTasks);
  const adjustedPending = Math.max(0, pendingTasks - idleCapacity);
  const need = kind === 'corrected' ? correctedNeed(input, adjustedPending) : originalNeed(input, adjustedPending);
  const wantedCapacity = Math.max(need.forMinimum, need.forDemand);
  const spawnCapacity = kind === 'corrected' ? roomBound(input, wantedCapacity) : originalSpawn(input, adjustedPending);
  return {
    idleCapacity,
    adjustedPending,
    wantedCapacity,
    spawnCapacity,
    bound: boundOf(need, wantedCapacity, spawnCapacity),
    overProvisioned:
      existingCapacity > OVER_PROVISIONED_FLOOR && existingCapacity > OVER_PROVISIONED_FACTOR * maxCapacity,
  };
}

interface Need {
  readonly forMinimum: number;
  readonly forDemand: number;
}

/** want = max(m − E, ⌈adjusted · q⌉). Stopping workers do not count towards the minimum (W43). */
function correctedNeed(input: EstimatorInput, adjustedPending: number): Need {
  return {
    forMinimum: roundUp(Math.max(0, input.minCapacity - input.existingCapacity)),
    forDemand: roundUp(adjustedPending * input.scalingRatio),
  };
}

/** spawn = max(0, min(want, M − (E + S))): the maximum wins over everything, the minimum included. */
function roomBound({ existingCapacity, stoppingCapacity, maxCapacity }: EstimatorInput, wanted: number): number {
  const room = Math.floor(maxCapacity - (existingCapacity + stoppingCapacity));
  return Math.max(0, Math.min(wanted, room));
}

/** The two terms of OB §3.2's `desired` without its maximum, each less what exists and is requested. */
function originalNeed(input: EstimatorInput, adjustedPending: number): Need {
  const { existingCapacity, stoppingCapacity, requestedCapacity, minCapacity, scalingRatio } = input;
  return {
    forMinimum: Math.max(0, minCapacity - (existingCapacity + stoppingCapacity) - requestedCapacity),
    forDemand: Math.max(0, adjustedPending * scalingRatio - requestedCapacity),
  };
}

/** OB §3.2 to the letter: the minimum wins over the maximum, and requested capacity is subtracted again. */
function originalSpawn(input: EstimatorInput, adjustedPending: number): number {
  const { existingCapacity, stoppingCapacity, requestedCapacity, minCapacity, maxCapacity, scalingRatio } = input;
  const total = existingCapacity + stoppingCapacity;
  const desired = Math.max(minCapacity, Math.min(adjustedPending * scalingRatio + total, maxCapacity));
  return Math.max(0, Math.max(0, desired - total) - requestedCapacity);
}

function boundOf(need: Need, wanted: number, spawn: number): EstimateBound {
  if (wanted <= ROUNDING_NOISE) return 'satisfied';
  if (spawn < wanted - ROUNDING_NOISE) return 'maximum';
  return need.forMinimum > need.forDemand ? 'minimum' : 'demand';
}

const roundUp = (capacity: number): number => Math.max(0, Math.ceil(capacity - ROUNDING_NOISE));
