import { planLaunchConfigs } from '../../database/launch-config-changes.js';
import { poolSnapshot, type PoolSnapshot } from '../../database/pool-snapshot.js';
import { createPool, updatePool } from '../../database/pools.js';
import { estimatorInput } from '../../domain/capacity.js';
import { estimate } from '../../domain/estimator.js';
import { chooseLaunchConfigs } from '../../domain/selection.js';
import { firstLineOf } from '../../domain/values.js';
import type { Provider } from '../../providers/provider.js';
import { providerBlock } from '../../providers/provider-block.js';
import type { ApiContext } from '../http/context.js';
import type { DryRun } from '../schemas/dry-run.js';
import { requireAccepted } from './accepted.js';
import { type CheckedSubmission, shortened } from './submission.js';

/**
 * What a definition would change and launch: the change itself, and the rules of a reconciliation on what it leaves, in
 * a transaction that is rolled back. So it can differ from the real one only in what happens meanwhile.
 */
export async function dryRun(context: ApiContext, submission: CheckedSubmission): Promise<DryRun> {
  const { pool, launchConfigs, nowMs, remarks } = submission;
  const { workerPoolId } = pool;
  const trx = await context.db.startTransaction().execute();
  try {
    const { created, revised, archived } = await planLaunchConfigs(trx, workerPoolId, launchConfigs);
    const updated = await updatePool(trx, submission);
    const result = updated.outcome === 'not-found' ? await createPool(trx, submission) : updated;
    requireAccepted(result, workerPoolId);
    const snapshot = await poolSnapshot(trx, workerPoolId, nowMs);
    const known = new Set(created);
    return {
      outcome: updated.outcome === 'not-found' ? 'created' : 'updated',
      remarks: [...remarks],
      launchConfigs: {
        ...{ created, archived },
        revised: revised.map(({ launchConfigId }) => launchConfigId).filter((id) => !known.has(id)),
      },
      ...reconciled(context, snapshot!, nowMs),
    };
  } finally {
    await trx.rollback().execute();
  }
}

/** What a reconciliation would find and choose. */
function reconciled({ config, providers }: ApiContext, snapshot: PoolSnapshot, nowMs: number) {
  const { pool, hold, options, readings } = snapshot;
  const block = providerBlock(providers, pool.providerId);
  const inputs = estimatorInput(pool, snapshot, readings?.latest ?? null);
  const estimated = estimate(config.provisioning.estimator, inputs);
  const { existingCapacity, wantedCapacity, roomCapacity, spawnCapacity, bound } = estimated;
  const { choices, passedOver } = chooseLaunchConfigs({
    ...{ options, capacity: Math.ceil(spawnCapacity), poolMaxCapacity: inputs.maxCapacity, poolRoom: roomCapacity },
    ...{ maxMachines: config.limits.machines, nowMs, random: Math.random },
  });
  return {
    blockedBy: [...(hold ? [`held: ${hold.reason}`] : []), ...(block === null ? [] : [block])],
    ...{ pendingTasks: inputs.pendingTasks, claimedTasks: inputs.claimedTasks, existingCapacity },
    archivedCapacity: existingCapacity - inputs.currentCapacity,
    ...{ wantedCapacity, roomCapacity, spawnCapacity, bound },
    choices: choices.map(({ launchConfigId, machines, capacity }) => ({ launchConfigId, machines, capacity })),
    passedOver: [...passedOver],
    refused: refusals(snapshot, providers.get(pool.providerId)?.launching ?? null),
  };
}

/** A request for one machine of each launch config is made, and sent nowhere. */
function refusals({ pool, launchConfigs }: PoolSnapshot, launching: Provider['launching']) {
  const { workerPoolId, owner } = pool;
  return launchConfigs.flatMap(({ launchConfigId, configuration }) => {
    try {
      launching?.prepare({ token: 'dry-run', workerPoolId, owner, launchConfigId, configuration, count: 1 });
      return [];
    } catch (error) {
      return [{ launchConfigId, reason: shortened(firstLineOf(error)) }];
    }
  });
}
