/**
 * Which running workers are advised to stop once they are idle. Advice only: nothing is killed, a worker reads its
 * verdict when it has nothing to do (docs/taskcluster-compatibility.md#termination).
 */
import type { DemandCounts } from './demand.js';
import { demandedCapacity, type EstimatorInput, type ScalingBounds } from './estimator.js';
import type { ShouldTerminateReason } from './worker.js';

/** A tenth of the maximum may be replaced at once. */
const REPLACED_AT_ONCE_DIVISOR = 10;

/**
 * Capacity that the pool needs, whatever exists: what is claimed, and the ratio's part of what waits, not below the
 * minimum, not above the maximum, which wins.
 */
export const targetCapacity = (input: DemandCounts & ScalingBounds): number =>
  Math.min(
    Math.max(input.claimedTasks + demandedCapacity(input.pendingTasks, input.scalingRatio), input.minCapacity),
    input.maxCapacity,
  );

/**
 * Running machines that are alike and that advice may end: those that a launch created and that are not quarantined.
 * A poll counts them in one query; a decision counts its candidates with `groupCandidates`.
 */
export interface MachineGroup {
  /** Of an archived launch config. A revision of one under the same id archives nothing. */
  readonly archived: boolean;
  /** Capacity of one machine. */
  readonly capacity: number;
  /** At least one. */
  readonly machines: number;
}

export interface AdviceInput {
  readonly pool: EstimatorInput;
  /** What the estimate of the same `pool` wants and what room it found. */
  readonly estimate: { readonly wantedCapacity: number; readonly roomCapacity: number };
  readonly groups: readonly MachineGroup[];
  /**
   * Capacity of the smallest machine that the pool's launch configs can launch; null when none can launch any: then an
   * archived worker has no successor to make room for.
   */
  readonly machineCapacity: number | null;
  /** The surplus at the reading before this one; null when there was none. A single reading ends nobody. */
  readonly previousSurplus: number | null;
}

export interface Advice {
  readonly targetCapacity: number;
  /**
   * This reading: running capacity beyond the target, below 0 when some is missing. The next reading's
   * `previousSurplus`.
   */
  readonly surplus: number;
  /** This reading is above the one before, so that the advice waits for the next. */
  readonly awaitsSecondReading: boolean;
  /** Capacity that may end of archived launch configs: the surplus, and what makes room for successors. */
  readonly archivedBudget: number;
  /** The first archived worker may end even when it is larger than the budget: nothing else makes room. */
  readonly atLeastOneArchived: boolean;
  /** Capacity that may end in all, of whatever launch config, without the replacement. */
  readonly surplusBudget: number;
  /** Of launch configs that are not archived: no more than what exists of them beyond the minimum. */
  readonly currentBudget: number;
  /** How much the budgets tell to end, before it is cut into whole machines. Equal inputs give an equal number. */
  readonly advisedCapacity: number;
}

/**
 * How much capacity may be advised to stop, from counts alone: a poll and a decision call this same function. Null
 * while demand is unknown: then no verdict changes.
 */
export function advise(input: AdviceInput): Advice | null {
  const { pool } = input;
  const { pendingTasks, claimedTasks } = pool;
  if (pendingTasks === null || claimedTasks === null) return null;
  const target = targetCapacity({ ...pool, pendingTasks, claimedTasks });
  const surplus = pool.runningCapacity - target;
  const surplusBudget = Math.max(0, Math.min(surplus, input.previousSurplus ?? 0));
  const replacement = replacementBudget(input);
  const budgets = {
    archivedBudget: surplusBudget + replacement.capacity,
    atLeastOneArchived: replacement.atLeastOne,
    surplusBudget,
    currentBudget: Math.max(0, pool.currentCapacity - Math.min(pool.minCapacity, pool.maxCapacity)),
  };
  return {
    targetCapacity: target,
    surplus,
    awaitsSecondReading: surplus > surplusBudget,
    ...budgets,
    advisedCapacity: advisedCapacity(input.groups, budgets),
  };
}

/**
 * Where the maximum leaves no room for a successor, archived workers end before their successors run: as many at once
 * as make at most one machine or a tenth of the maximum of capacity that is missing for it, counted from the moment it
 * is advised to stop until the successor has registered.
 */
function replacementBudget({ pool, estimate, groups, machineCapacity }: AdviceInput): {
  capacity: number;
  atLeastOne: boolean;
} {
  const needed =
    groups.some(({ archived }) => archived) &&
    machineCapacity !== null &&
    estimate.roomCapacity < machineCapacity &&
    (pool.currentCapacity < pool.minCapacity || estimate.wantedCapacity > 0);
  if (!needed) return { capacity: 0, atLeastOne: false };
  const limit = Math.max(machineCapacity, pool.maxCapacity / REPLACED_AT_ONCE_DIVISOR);
  const onTheirWay = pool.stoppingCapacity + pool.requestedCapacity + pool.inDoubtCapacity;
  const missing = onTheirWay + Math.max(0, estimate.roomCapacity);
  return { capacity: Math.max(0, limit - missing), atLeastOne: onTheirWay === 0 };
}

type Budgets = Pick<Advice, 'archivedBudget' | 'atLeastOneArchived' | 'surplusBudget' | 'currentBudget'>;

function advisedCapacity(groups: readonly MachineGroup[], budgets: Budgets): number {
  const sum = (of: readonly MachineGroup[]) => of.reduce((total, each) => total + each.capacity * each.machines, 0);
  const archived = groups.filter((group) => group.archived);
  const smallest = Math.min(...archived.map(({ capacity }) => capacity));
  const atLeast = budgets.atLeastOneArchived ? smallest : 0;
  const ofArchived = Math.min(sum(archived), Math.max(atLeast, budgets.archivedBudget));
  const ofCurrent = Math.min(
    sum(groups.filter((group) => !group.archived)),
    Math.max(0, budgets.surplusBudget - ofArchived),
    budgets.currentBudget,
  );
  return ofArchived + ofCurrent;
}

/** A running worker that a launch created and that is not quarantined: nobody could start a static one again. */
export interface TerminationCandidate {
  readonly workerGroup: string;
  readonly workerId: string;
  readonly capacity: number;
  /** Epoch ms. */
  readonly created: number;
  readonly archived: boolean;
  /** Whether it has claimed a task; null while the queue has not said. */
  readonly busy: boolean | null;
}

export interface TerminationDecision {
  readonly workerGroup: string;
  readonly workerId: string;
  readonly terminate: boolean;
  readonly reason: Exclude<ShouldTerminateReason, 'none'>;
}

/** The counts that `advise` takes, of the candidates of a decision. */
export function groupCandidates(workers: readonly TerminationCandidate[]): MachineGroup[] {
  const groups = new Map<string, { archived: boolean; capacity: number; machines: number }>();
  for (const { archived, capacity } of workers) {
    const key = `${archived} ${capacity}`;
    const group = groups.get(key);
    if (group) group.machines += 1;
    else groups.set(key, { archived, capacity, machines: 1 });
  }
  return [...groups.values()];
}

/**
 * A verdict for each worker: archived launch configs go first, idle before busy where that is known, then the oldest.
 * Only whole machines that fit into what is left of the advice are advised to stop.
 */
export function decideTerminations(workers: readonly TerminationCandidate[], advice: Advice): TerminationDecision[] {
  const ordered = workers.toSorted(firstToGo);
  const archived = ordered.filter((worker) => worker.archived);
  const ofArchived = fitting(archived, advice.archivedBudget);
  if (ofArchived.length === 0 && advice.atLeastOneArchived) ofArchived.push(...archived.slice(0, 1));
  const left = Math.min(advice.currentBudget, advice.surplusBudget - capacityOf(ofArchived));
  const ofCurrent = fitting(
    ordered.filter((worker) => !worker.archived),
    left,
  );
  const ends = new Set([...ofArchived, ...ofCurrent]);
  return ordered.map((worker) => ({
    workerGroup: worker.workerGroup,
    workerId: worker.workerId,
    terminate: ends.has(worker),
    reason: !ends.has(worker) ? 'needed' : worker.archived ? 'launch config archived' : 'over capacity',
  }));
}

function fitting(workers: readonly TerminationCandidate[], budget: number): TerminationCandidate[] {
  let left = budget;
  return workers.filter(({ capacity }) => {
    const fits = capacity <= left;
    if (fits) left -= capacity;
    return fits;
  });
}

const capacityOf = (workers: readonly TerminationCandidate[]): number =>
  workers.reduce((sum, { capacity }) => sum + capacity, 0);

/** Idle, unknown, busy. */
const busyRank = (busy: boolean | null): number => (busy === null ? 1 : busy ? 2 : 0);

/**
 * Workers of one launch are equally old: the ids break the tie, so that a verdict stays the same from one decision to
 * the next.
 */
function firstToGo(a: TerminationCandidate, b: TerminationCandidate): number {
  return (
    busyRank(a.busy) - busyRank(b.busy) ||
    a.created - b.created ||
    compareText(a.workerGroup, b.workerGroup) ||
    compareText(a.workerId, b.workerId)
  );
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
