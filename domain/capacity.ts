import { NULL_PROVIDER } from './ids.js';
import type { DemandCounts } from './demand.js';
import { type CapacityByState, capacityOf, type EstimatorInput } from './estimator.js';
import type { MachineGroup } from './termination-advice.js';

/**
 * What a pool has, summed up from counts of its live workers and its open launches. A poll over all pools and the
 * decision of one pool count in SQL and sum up here.
 */

/** Live workers that are alike. */
export interface WorkerGroup {
  readonly state: 'requested' | 'running' | 'stopping';
  /** Its launch config is archived or gone. */
  readonly archived: boolean;
  /** Created by a launch; false for static workers. */
  readonly launched: boolean;
  readonly quarantined: boolean;
  /** Of one worker. */
  readonly capacity: number;
  readonly machines: number;
}

export interface OpenLaunch {
  readonly archived: boolean;
  /** In doubt for so long that nobody counts on its machines. */
  readonly overdue: boolean;
  /** Of all its machines. */
  readonly capacity: number;
}

/** An open launch counts as requested capacity, because it may exist; an overdue one only takes room. */
export function capacityByState(workers: readonly WorkerGroup[], launches: readonly OpenLaunch[]): CapacityByState {
  const of = (counts: (worker: WorkerGroup) => boolean) =>
    sum(workers.filter(counts), ({ capacity, machines }) => capacity * machines);
  const ofLaunches = (counts: (launch: OpenLaunch) => boolean) =>
    sum(launches.filter(counts), ({ capacity }) => capacity);
  const isRunning = ({ state, quarantined }: WorkerGroup) => state === 'running' && !quarantined;
  return {
    requestedCapacity: of(({ state }) => state === 'requested') + ofLaunches(({ overdue }) => !overdue),
    runningCapacity: of(isRunning),
    stoppingCapacity: of(({ state }) => state === 'stopping'),
    quarantinedCapacity: of(({ state, quarantined }) => state === 'running' && quarantined),
    inDoubtCapacity: ofLaunches(({ overdue }) => overdue),
    currentCapacity:
      of((worker) => !worker.archived && (worker.state === 'requested' || isRunning(worker))) +
      ofLaunches(({ archived, overdue }) => !archived && !overdue),
  };
}

/** The machines that advice may end. */
export const endableMachines = (workers: readonly WorkerGroup[]): MachineGroup[] =>
  workers
    .filter(({ state, launched, quarantined }) => state === 'running' && launched && !quarantined)
    .map(({ archived, capacity, machines }) => ({ archived, capacity, machines }));

/** A deleted pool needs nobody, whatever its definition says. */
export const capacityBounds = (
  providerId: string,
  { minCapacity = 0, maxCapacity = 0 }: { readonly minCapacity?: number; readonly maxCapacity?: number },
): { minCapacity: number; maxCapacity: number } =>
  providerId === NULL_PROVIDER ? { minCapacity: 0, maxCapacity: 0 } : { minCapacity, maxCapacity };

interface SizedPool {
  readonly providerId: string;
  readonly config: { readonly minCapacity?: number; readonly maxCapacity?: number; readonly scalingRatio?: number };
}

/** What a pool is estimated from; `counts` are null while the queue does not answer. */
export const estimatorInput = (
  { providerId, config }: SizedPool,
  has: CapacityByState,
  counts: DemandCounts | null,
): EstimatorInput => ({
  pendingTasks: counts?.pendingTasks ?? null,
  claimedTasks: counts?.claimedTasks ?? null,
  ...capacityOf(has),
  ...capacityBounds(providerId, config),
  scalingRatio: config.scalingRatio ?? 1,
});

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
