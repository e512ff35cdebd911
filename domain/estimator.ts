/**
 * How much capacity a pool should request now. Capacity counts tasks that can run at once, not machines.
 * Two rules: `corrected`, and `original`, which is the formula of Taskcluster's worker-manager kept exact for operators
 * who compare the two (docs/taskcluster-compatibility.md#estimator).
 */

export const estimatorKinds = ['corrected', 'original'] as const;
export type EstimatorKind = (typeof estimatorKinds)[number];

/** What a pool has. The states exclude each other; `currentCapacity` cuts across two of them. */
export interface CapacityByState {
  /** On its way: requested workers, and open launches that are not in doubt for long. */
  readonly requestedCapacity: number;
  /** Running workers that are not quarantined. */
  readonly runningCapacity: number;
  readonly stoppingCapacity: number;
  /** Running workers that the queue gives no tasks. They take room and do nothing. */
  readonly quarantinedCapacity: number;
  /** Launches in doubt for so long that nobody counts on them. They may exist, so they take room. */
  readonly inDoubtCapacity: number;
  /** The part of `requestedCapacity` and `runningCapacity` whose launch config is not archived. */
  readonly currentCapacity: number;
}

/** What a pool's definition says of its size. */
export interface ScalingBounds {
  readonly minCapacity: number;
  readonly maxCapacity: number;
  /** New capacity for each task that waits, 0..1. */
  readonly scalingRatio: number;
}

/** Finite numbers, none negative. */
export interface EstimatorInput extends CapacityByState, ScalingBounds {
  /**
   * Tasks that wait; approximate, as queues count. Null while the queue does not answer: then only the minimum counts.
   */
  readonly pendingTasks: number | null;
  /** Tasks that workers have claimed, those of workers that are gone too until the claims expire. */
  readonly claimedTasks: number | null;
}

export const noCapacity = {
  requestedCapacity: 0,
  runningCapacity: 0,
  stoppingCapacity: 0,
  quarantinedCapacity: 0,
  inDoubtCapacity: 0,
  currentCapacity: 0,
} as const satisfies CapacityByState;

/** These members alone, of whatever else knows them. */
export const capacityOf = (pool: CapacityByState): CapacityByState => ({
  requestedCapacity: pool.requestedCapacity,
  runningCapacity: pool.runningCapacity,
  stoppingCapacity: pool.stoppingCapacity,
  quarantinedCapacity: pool.quarantinedCapacity,
  inDoubtCapacity: pool.inDoubtCapacity,
  currentCapacity: pool.currentCapacity,
});

/** What a pool's configuration may leave out. */
export const estimatorInputDefaults = {
  minCapacity: 0,
  maxCapacity: 0,
  scalingRatio: 1,
} as const satisfies ScalingBounds;

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
  /** Requested and running. */
  readonly existingCapacity: number;
  readonly idleCapacity: number;
  /** Pending tasks that no idle capacity will take. */
  readonly adjustedPending: number;
  /** What would be added if there were no maximum. */
  readonly wantedCapacity: number;
  /** What the maximum leaves; below 0 when more exists than may. */
  readonly roomCapacity: number;
  /** What to add now. Whole under `corrected`; `original` may give a fraction, which callers round up to a machine. */
  readonly spawnCapacity: number;
  readonly bound: EstimateBound;
  /** Far more exists than the maximum allows: worth an error-level line and a reported error. */
  readonly overProvisioned: boolean;
}

const OVER_PROVISIONED_FLOOR = 25;
const OVER_PROVISIONED_FACTOR = 1.25;
/** Products such as 100 · 0.07 come out a hair above the whole number that is meant. */
const ROUNDING_NOISE = 1e-9;

export function estimate(kind: EstimatorKind, input: EstimatorInput): Estimate {
  const pending = input.pendingTasks ?? 0;
  const claimed = input.claimedTasks ?? 0;
  const existingCapacity = input.requestedCapacity + input.runningCapacity;
  const terms =
    kind === 'corrected'
      ? correctedTerms(input, pending, claimed)
      : originalTerms(input, pending, Math.max(0, existingCapacity - claimed));
  const wantedCapacity = Math.max(terms.forMinimum, terms.forDemand);
  return {
    existingCapacity,
    idleCapacity: terms.idleCapacity,
    adjustedPending: Math.max(0, pending - terms.idleCapacity),
    wantedCapacity,
    roomCapacity: terms.roomCapacity,
    spawnCapacity: terms.spawnCapacity,
    bound: boundOf(terms, wantedCapacity),
    overProvisioned:
      existingCapacity > OVER_PROVISIONED_FLOOR && existingCapacity > OVER_PROVISIONED_FACTOR * input.maxCapacity,
  };
}

/** The same pool after `capacity` has been launched from launch configs that are not archived. */
export const withLaunched = <Input extends CapacityByState>(input: Input, capacity: number): Input => ({
  ...input,
  requestedCapacity: input.requestedCapacity + capacity,
  currentCapacity: input.currentCapacity + capacity,
});

/** Capacity for tasks that wait: ⌈P · q⌉. */
export const demandedCapacity = (pendingTasks: number, scalingRatio: number): number =>
  roundUp(pendingTasks * scalingRatio);

interface Terms {
  readonly idleCapacity: number;
  readonly forMinimum: number;
  readonly forDemand: number;
  readonly roomCapacity: number;
  readonly spawnCapacity: number;
}

/**
 * idle = R + max(0, U − C): a requested machine has claimed nothing, and claims of workers that are gone outlive them.
 * want = max(0, m − F, ⌈P · q⌉ − idle): the ratio bounds all that is idle or on its way, so that computing again while
 * machines boot adds nothing; what is archived or stops does not fill the minimum.
 * room = M − everything that exists or may exist; the maximum wins over the minimum.
 */
function correctedTerms(input: EstimatorInput, pending: number, claimed: number): Terms {
  const idleCapacity = input.requestedCapacity + Math.max(0, input.runningCapacity - claimed);
  const forMinimum = roundUp(input.minCapacity - input.currentCapacity);
  const forDemand = roundUp(demandedCapacity(pending, input.scalingRatio) - idleCapacity);
  const roomCapacity = Math.floor(input.maxCapacity - occupiedCapacity(input));
  const spawnCapacity = Math.max(0, Math.min(Math.max(forMinimum, forDemand), roomCapacity));
  return { idleCapacity, forMinimum, forDemand, roomCapacity, spawnCapacity };
}

const occupiedCapacity = (input: CapacityByState): number =>
  input.requestedCapacity +
  input.runningCapacity +
  input.stoppingCapacity +
  input.quarantinedCapacity +
  input.inDoubtCapacity;

/**
 * Taskcluster's formula to the letter (docs/taskcluster-compatibility.md#estimator): the minimum wins over the maximum,
 * requested capacity is subtracted again, and quarantined workers count nowhere. It knows no launches in doubt; they
 * count as stopping workers do.
 */
function originalTerms(input: EstimatorInput, pending: number, idleCapacity: number): Terms {
  const { requestedCapacity, minCapacity, maxCapacity, scalingRatio } = input;
  const total = requestedCapacity + input.runningCapacity + input.stoppingCapacity + input.inDoubtCapacity;
  const demanded = Math.max(0, pending - idleCapacity) * scalingRatio;
  const desired = Math.max(minCapacity, Math.min(demanded + total, maxCapacity));
  return {
    idleCapacity,
    forMinimum: Math.max(0, minCapacity - total - requestedCapacity),
    forDemand: Math.max(0, demanded - requestedCapacity),
    roomCapacity: Math.max(minCapacity, maxCapacity) - total,
    spawnCapacity: Math.max(0, Math.max(0, desired - total) - requestedCapacity),
  };
}

function boundOf({ forMinimum, forDemand, spawnCapacity }: Terms, wanted: number): EstimateBound {
  if (wanted <= ROUNDING_NOISE) return 'satisfied';
  if (spawnCapacity < wanted - ROUNDING_NOISE) return 'maximum';
  return forMinimum > forDemand ? 'minimum' : 'demand';
}

const roundUp = (capacity: number): number => Math.max(0, Math.ceil(capacity - ROUNDING_NOISE));
