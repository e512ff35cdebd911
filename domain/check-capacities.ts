/** What of a pool's definition can never work, known from the definition alone. */
import { capacityPerInstance, type LaunchConfiguration, type PoolConfig } from './worker-pool.js';

export interface CapacityCheck {
  /** Why the definition is refused; null when it is not. */
  readonly refusal: string | null;
  /** What its owner hears of a definition that works otherwise than it reads. */
  readonly remarks: readonly string[];
}

/**
 * Whether the maxima can be met with whole machines. 0 is a maximum that means none, and is no mistake. The ids are
 * those that clients see, in the order of `configurations`.
 */
export function checkCapacities(
  pool: Pick<PoolConfig, 'maxCapacity'>,
  launchConfigs: readonly { readonly launchConfigId: string; readonly configuration: LaunchConfiguration }[],
): CapacityCheck {
  const maxCapacity = pool.maxCapacity ?? 0;
  const usable = launchConfigs
    .map(({ launchConfigId, configuration }) => ({
      launchConfigId,
      size: capacityPerInstance(configuration),
      own: configuration.workerManager?.maxCapacity ?? null,
      weight: configuration.workerManager?.initialWeight ?? 1,
    }))
    .filter(({ own, weight }) => own !== 0 && weight > 0);
  if (maxCapacity === 0 || usable.length === 0) return { refusal: null, remarks: [] };

  const refusals: string[] = [];
  const remarks: string[] = [];
  const smallest = Math.min(...usable.map(({ size }) => size));
  if (maxCapacity < smallest) {
    refusals.push(`maxCapacity ${maxCapacity} is below the capacity of its smallest machine, ${smallest}`);
  }
  for (const { launchConfigId, size, own } of usable) {
    if (own !== null && own < size) {
      refusals.push(
        `launch config ${launchConfigId}: maxCapacity ${own} is below the capacity of one machine, ${size}`,
      );
    } else if (maxCapacity < size) {
      remarks.push(
        `launch config ${launchConfigId} is never used: the capacity of one machine, ${size}, is above the pool's maxCapacity ${maxCapacity}`,
      );
    } else if (own !== null && own % size !== 0) {
      remarks.push(
        `launch config ${launchConfigId}: maxCapacity ${own} is no multiple of ${size}, the capacity of one machine: at most ${own - (own % size)} is launched`,
      );
    }
  }
  if (refusals.length > 0) return { refusal: refusals.join('; '), remarks: [] };
  const unit = usable.map(({ size }) => size).reduce(greatestCommonDivisor);
  if (maxCapacity % unit !== 0) {
    remarks.push(
      `maxCapacity ${maxCapacity} is no multiple of ${unit}, the unit of its machines' capacities: at most ${maxCapacity - (maxCapacity % unit)} is launched`,
    );
  }
  return { refusal: null, remarks };
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));
