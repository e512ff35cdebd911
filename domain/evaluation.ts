import type { DemandCounts, DemandReadings } from './demand.js';
import type { DecisionBasis } from './decision-record.js';
import { estimate, type Estimate, type EstimatorInput, type EstimatorKind } from './estimator.js';
import { advise, targetCapacity, type Advice, type MachineGroup } from './termination-advice.js';

/** What a pool's wants and advice follow from; a poll and a decision both evaluate it, with these same functions. */
export interface PoolSituation {
  readonly estimator: EstimatorKind;
  readonly pool: EstimatorInput;
  /** Running machines that advice may end. */
  readonly groups: readonly MachineGroup[];
  /** Capacity of the smallest machine that the pool's launch configs can launch; null when none can launch any. */
  readonly machineCapacity: number | null;
  /** Readings before the one in `pool`, which the advice must hold for too; null while there are too few. */
  readonly earlierReadings: readonly DemandCounts[] | null;
  /** Nothing may be launched, for a reason that polls know of. */
  readonly blocked: boolean;
}

export interface Evaluation {
  readonly estimate: Estimate;
  readonly advice: Advice | null;
  readonly finding: Omit<DecisionBasis, 'evaluateAgainAt'>;
}

export function evaluate(situation: PoolSituation): Evaluation {
  const { pool, groups, machineCapacity } = situation;
  const estimated = estimate(situation.estimator, pool);
  const previousSurplus = smallestSurplus(situation);
  const advice = advise({ pool, estimate: estimated, groups, machineCapacity, previousSurplus });
  return {
    estimate: estimated,
    advice,
    finding: {
      wantedCapacity: situation.blocked ? 0 : estimated.wantedCapacity,
      roomCapacity: estimated.roomCapacity,
      advisedCapacity: advice?.advisedCapacity ?? null,
    },
  };
}

function smallestSurplus({ pool, earlierReadings }: PoolSituation): number | null {
  if (earlierReadings === null) return null;
  return Math.min(...earlierReadings.map((reading) => pool.runningCapacity - targetCapacity({ ...pool, ...reading })));
}

/** The readings that a decision's advice must hold for beside its own: those of the last two polls. */
export const lastTwo = (readings: DemandReadings | null): readonly DemandCounts[] | null =>
  readings?.previous ? [readings.latest, readings.previous] : null;
