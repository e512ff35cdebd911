import { expect, test } from '@jest/globals';
import { lifecycleId } from '../../../../temporal/ids.js';
import { azurePool, type AzurePoolShape } from '../../../../dev/testing/azure-pool.js';
import { azureSystem, expectNothingLeft } from '../../../support/azure-system.js';
import { endPool, expectAllStopped, restart, settled } from '../../../support/pool-steps.js';
import { suiteOf } from '../../../support/suite.js';

const { system, newPool } = suiteOf('azure/life', azureSystem());
const unwanted = azurePool({ maxCapacity: 0 });

async function createPool(shape: AzurePoolShape): Promise<string> {
  const pool = newPool();
  await system().api.createPool(pool, azurePool(shape));
  return pool;
}

const kindsOf = (ids: readonly { readonly type: string }[]): string[] =>
  ids.map(({ type }) => type.split('/').at(-1) ?? '').toSorted();

test('a machine is built as public IP, interface and VM, registers with its attested document, and goes in order', async () => {
  const pool = await createPool({ minCapacity: 1, publicIp: true });
  await settled(system(), pool, 1);
  const { resources } = await system().simulator.azureState();
  expect(kindsOf(resources)).toEqual(['disks', 'networkInterfaces', 'publicIPAddresses', 'virtualMachines']);
  const [worker] = await system().api.workers(pool);
  expect(worker).toMatchObject({ providerId: 'azure', workerGroup: 'westus2', state: 'running' });
  const description = await system().temporal.workflow.getHandle(lifecycleId(worker!)).describe();
  expect(description.searchAttributes['ProviderId']).toEqual(['azure']);
  await endPool(system(), pool, unwanted);
  await expectNothingLeft(system());
});

test('the remains of a deleted machine are deleted piece by piece', async () => {
  const pool = await createPool({ minCapacity: 2, publicIp: true, deleteOption: 'Detach' });
  await settled(system(), pool, 2);
  await endPool(system(), pool, unwanted);
  await expectNothingLeft(system());
});

test('a machine that shuts itself down is deleted', async () => {
  const pool = await createPool({ minCapacity: 1 });
  await settled(system(), pool, 1);
  const [worker] = await system().api.workers(pool);
  await system().api.updatePool(pool, unwanted);
  await system().simulator.act(worker!.workerId, 'shut-down');
  await expectAllStopped(system(), pool);
  await expectNothingLeft(system());
});

test('a killed worker process leaves a half-built machine to its next start, and nothing is created twice', async () => {
  const held = await system().simulator.addFault({ operation: 'PUT virtualMachines', mode: 'hold-answer' });
  const pool = await createPool({ minCapacity: 1, publicIp: true });
  await system().simulator.faultHit(held.id);
  await restart(system(), 'worker');
  await system().simulator.releaseFault(held.id, 'drop');
  await settled(system(), pool, 1);
  await endPool(system(), pool, unwanted);
  await expectNothingLeft(system());
});

test('a failed step is one error of the pool, and what was built before it is deleted', async () => {
  await system().simulator.addFault({
    operation: 'PUT virtualMachines',
    mode: 'fail-operation',
    code: 'AllocationFailed',
  });
  const pool = await createPool({ minCapacity: 1, publicIp: true });
  await system().waitFor(
    async () => (await system().api.counts(pool)).stopped === 1,
    'the failed worker to be stopped',
  );
  const errors = await system().api.errors(pool);
  expect(errors.map(({ kind, title }) => `${kind}: ${title}`)).toEqual(['operation-error: Operation Error']);
  expect(errors[0].description).toContain('AllocationFailed');
  await endPool(system(), pool, unwanted);
  await expectNothingLeft(system());
});
