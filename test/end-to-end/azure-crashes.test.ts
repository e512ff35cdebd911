import { test } from '@jest/globals';
import { azurePool } from '../support/azure-pool.js';
import { azureSystem, expectNothingLeft } from '../support/azure-system.js';
import { expectAllStopped, removeAll, restart, settled } from '../support/pool-steps.js';
import type { FaultOrder } from '../support/simulator.js';
import { suiteOf } from '../support/suite.js';

/**
 * Every boundary between two steps of a machine's life, found from outside: the worker process is killed while the cloud holds
 * the request (not yet acted), holds the answer (acted, its token not stored), or works on the operation.
 */

const { system, newPool } = suiteOf('azure/crash', azureSystem());

const definition = (minCapacity: number) =>
  azurePool({ minCapacity, maxCapacity: minCapacity, publicIp: true, leftBehind: 'Detach' });

const modes = ['hold-request', 'hold-answer', 'stick-operation'] as const satisfies readonly FaultOrder['mode'][];
const created = ['publicIPAddresses', 'networkInterfaces', 'virtualMachines'];
const deleted = ['virtualMachines', 'networkInterfaces', 'publicIPAddresses', 'disks'];

/** Kills the worker process while the fault holds; lets go afterwards. */
async function crashAt(fault: string): Promise<void> {
  await system().simulator.faultHit(fault);
  await restart(system(), 'worker');
  await system().simulator.releaseFault(fault);
}

describeEach('PUT', created, async (fault, pool) => {
  await system().api.createPool(pool, definition(1));
  await crashAt(fault);
  await settled(system(), pool, 1);
  await system().api.updatePool(pool, definition(0));
  await removeAll(system(), pool);
});

describeEach('DELETE', deleted, async (fault, pool) => {
  await system().api.createPool(pool, definition(1));
  await settled(system(), pool, 1);
  await system().api.updatePool(pool, definition(0));
  await removeAll(system(), pool);
  await crashAt(fault);
});

function describeEach(
  method: string,
  types: readonly string[],
  live: (faultId: string, pool: string) => Promise<void>,
): void {
  const boundaries = types.flatMap((type) => modes.map((mode) => ({ operation: `${method} ${type}`, mode })));
  test.each(boundaries)('a crash at $operation ($mode) ends as it should', async ({ operation, mode }) => {
    const { id } = await system().simulator.addFault({ operation, mode });
    const pool = newPool();
    await live(id, pool);
    await expectAllStopped(system(), pool);
    await expectNothingLeft(system());
  });
}
