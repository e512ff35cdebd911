import { expect } from '@jest/globals';
import { provisionId } from '../../temporal/ids.js';
import { awsPool } from '../../dev/testing/api-client.js';
import { DatabaseLock } from './database-locks.js';
import { checkEvidence } from './evidence.js';
import { PATIENCE_MS } from '../../dev/testing/patience.js';
import type { Machine } from '../../dev/testing/simulator.js';
import type { System } from '../../dev/testing/system.js';

/** Steps that tests of whole systems share; all of them observe from outside. */

/** States in which a machine exists, costs and works, or will. */
const alive = ['pending', 'running'];

export async function machinesOf(system: System, workerPoolId: string): Promise<Machine[]> {
  return (await system.simulator.machines()).filter(
    (machine) => machine.workerPoolId === workerPoolId && alive.includes(machine.state),
  );
}

/** Waits until the pool has exactly so many running workers and no others. */
export async function settled(
  system: System,
  workerPoolId: string,
  wanted: number,
  withinMs = PATIENCE_MS,
): Promise<void> {
  await system.waitFor(
    async () => {
      const { requested, running, stopping } = await system.api.counts(workerPoolId);
      return running === wanted && requested + stopping === 0;
    },
    `${wanted} running workers of ${workerPoolId}`,
    withinMs,
  );
}

/** Waits until the pool is settled, then checks that it has so many machines, and the evidence. */
export async function expectSettled(
  system: System,
  workerPoolId: string,
  wanted: number,
  withinMs = PATIENCE_MS,
): Promise<void> {
  await settled(system, workerPoolId, wanted, withinMs);
  expect(await machinesOf(system, workerPoolId)).toHaveLength(wanted);
  await checkEvidence(system);
}

/**
 * Updates the pool to want no machines any more, removes all workers and waits until they are stopped and their
 * machines gone. A reconciliation that began before the update may launch still: the first that knows of it comes after
 * that.
 */
export async function endPool(
  system: System,
  workerPoolId: string,
  definition: object = awsPool({ maxCapacity: 0 }),
): Promise<void> {
  await system.api.updatePool(workerPoolId, definition);
  await system.waitFor(async () => {
    const [newest] = await system.api.decisions(workerPoolId);
    const isUnfinished = ({ outcome }: { outcome: string }) => outcome === 'unfinished';
    return newest?.decision.inputs.maxCapacity === 0 && !newest.decision.launches.some(isUnfinished);
  }, `a decision that ${workerPoolId} gets no machines`);
  await removeAll(system, workerPoolId);
  await expectAllStopped(system, workerPoolId);
}

export async function removeAll(system: System, workerPoolId: string): Promise<void> {
  const workers = await system.api.workers(workerPoolId);
  await Promise.all(
    workers.filter(({ state }) => state !== 'stopped').map((worker) => system.api.removeWorker(worker)),
  );
}

export async function expectAllStopped(system: System, workerPoolId: string, withinMs = PATIENCE_MS): Promise<void> {
  await system.waitFor(
    async () => (await system.api.workers(workerPoolId)).every(({ state }) => state === 'stopped'),
    `the end of all workers of ${workerPoolId}`,
    withinMs,
  );
  expect(await machinesOf(system, workerPoolId)).toEqual([]);
}

/** Ends the pool's reconciliation in the middle of whatever it does, as an operator might in the Temporal UI. */
export async function terminateReconciliation(system: System, workerPoolId: string): Promise<void> {
  await system.temporal.workflow.getHandle(provisionId(workerPoolId)).terminate('by a test');
}

/**
 * Strikes when the launch of the pool that `create` creates has its rows, and none of its lifecycles has been started.
 */
export async function strikeAfterRows(
  system: System,
  create: () => Promise<void>,
  strike: () => Promise<void>,
): Promise<void> {
  const beforeRows = await DatabaseLock.acquire(system.databaseUrl, 'workers', 'writes');
  await create();
  await beforeRows.isMet();
  const afterRows = await DatabaseLock.acquire(system.databaseUrl, 'worker_pools', 'everything');
  await beforeRows.release();
  await afterRows.isMet();
  await strike();
  await afterRows.release();
}

/** Kills a role's process and starts it again. */
export async function restart(system: System, role: 'api' | 'worker' | 'all'): Promise<void> {
  await system.kill9(role);
  await system.start(role);
}
