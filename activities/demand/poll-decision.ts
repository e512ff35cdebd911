import type { DemandCounts } from '../../domain/demand.js';
import { capacityBounds } from '../../domain/capacity.js';
import { evaluate } from '../../domain/evaluation.js';
import { needsReconciliation, type PollFinding } from '../../domain/trigger.js';
import type { DemandReading } from '../../database/demand-readings.js';
import type { PoolCapacity } from '../../database/pool-snapshot.js';
import type { ActivityDeps } from '../support/deps.js';
import { providerBlock } from '../../providers/provider-block.js';

export interface PollDecision {
  /** Whether the pool is to be reconciled. */
  readonly triggered: boolean;
  /** Null while the queue does not answer. */
  readonly reading: DemandReading | null;
  readonly finding: PollFinding;
  /** Held, or its provider launches nothing. */
  readonly isBlocked: boolean;
}

/** What a poll makes of one pool: the same functions as in its reconciliations, over counts instead of workers. */
export function decidePoll(
  { config, providers }: Pick<ActivityDeps, 'config' | 'providers'>,
  pool: PoolCapacity,
  counts: DemandCounts | null,
  nowMs: number,
): PollDecision {
  const { workerPoolId, providerId, machineCapacity, groups, readings, basis, launchDueAt } = pool;
  const blocked = pool.held || providerBlock(providers, providerId) !== null;
  const { finding } = evaluate({
    estimator: config.provisioning.estimator,
    pool: {
      ...pool,
      ...capacityBounds(providerId, pool),
      pendingTasks: counts?.pendingTasks ?? null,
      claimedTasks: counts?.claimedTasks ?? null,
    },
    groups,
    machineCapacity,
    earlierReadings: readings && [readings.latest],
    blocked,
  });
  const wanted = Math.max(0, Math.min(finding.wantedCapacity, finding.roomCapacity));
  const isDue = launchDueAt !== null && launchDueAt <= nowMs;
  // While demand is unknown only the minimum is worth a reconciliation: the rest of the last decision stands.
  const isKnown = counts !== null || wanted > 0;
  const wantedMachines = pool.launchable && machineCapacity !== null ? Math.ceil(wanted / machineCapacity) : 0;
  return {
    triggered: isDue || (isKnown && needsReconciliation(basis, finding, nowMs)),
    reading: counts && { workerPoolId, ...counts, wantedMachines },
    finding,
    isBlocked: blocked,
  };
}
