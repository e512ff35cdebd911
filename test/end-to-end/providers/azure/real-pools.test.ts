import { expect } from '@jest/globals';
import { azureSystem, expectNothingLeft, remainingInAzure } from '../../../support/azure-system.js';
import { expectAllStopped, machinesOf, removeAll, settled } from '../../../support/pool-steps.js';
import { isAzurePool, realPools, testRealData } from '../../../support/shared-data.js';
import { suiteOf } from '../../../support/suite.js';

const { system } = suiteOf('azure/real', azureSystem());

/** The real Azure pools under their own ids; some of them were defined twice, at different times. */
function definitions(): Map<string, (capacity: number) => object> {
  const byId = new Map<string, (capacity: number) => object>();
  for (const { workerPoolId, config, ...pool } of realPools().filter(isAzurePool)) {
    const id = byId.has(workerPoolId) ? `${workerPoolId}-again` : workerPoolId;
    byId.set(id, (capacity) => ({
      ...pool,
      providerId: 'azure',
      config: { ...config, minCapacity: capacity, maxCapacity: capacity },
    }));
  }
  return byId;
}

testRealData('every real Azure pool is launched, its machine registers, and goes away without a trace', async () => {
  const pools = [...definitions()];
  expect(pools.length).toBeGreaterThanOrEqual(22);
  for (const [pool, definition] of pools) await system().api.createPool(pool, definition(1));
  for (const [pool] of pools) await settled(system(), pool, 1);
  for (const [pool] of pools) {
    const [worker] = await system().api.workers(pool);
    const machines = await machinesOf(system(), pool);
    expect([pool, machines.map(({ instanceId }) => instanceId)]).toEqual([pool, [worker!.workerId]]);
  }
  const { resources } = await system().simulator.azureState();
  expect(resources.filter(({ type }) => type.endsWith('/virtualMachines'))).toHaveLength(pools.length);
  for (const [pool, definition] of pools) {
    await system().api.updatePool(pool, definition(0));
    await removeAll(system(), pool);
  }
  for (const [pool] of pools) await expectAllStopped(system(), pool);
  await system().waitFor(async () => (await remainingInAzure(system())).length === 0, 'nothing to be left in Azure');
  await expectNothingLeft(system());
  for (const [pool] of pools) expect([pool, await system().api.errors(pool)]).toEqual([pool, []]);
});
