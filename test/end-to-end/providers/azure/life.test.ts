import { expect, test } from '@jest/globals';
import { lifecycleId } from '../../../../temporal/ids.js';
import { azurePool, azureTemplatePool, type AzurePoolShape } from '../../../../dev/testing/azure-pool.js';
import { azureSystem, expectNothingLeft, remainingInAzure } from '../../../support/azure-system.js';
import { longTest } from '../../../support/long.js';
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

longTest(
  'Spot machines that Azure evicts by deleting them end as preempted, without an error, and are replaced at once',
  async () => {
    const pool = newPool();
    const { config, ...definition } = azurePool({ minCapacity: 2, deleteOption: 'Detach' });
    // In the words of published definitions.
    const spot = { priority: 'spot', evictionPolicy: 'Delete' };
    const launchConfigs = config.launchConfigs.map((one) => ({ ...one, ...spot }));
    await system().api.createPool(pool, { ...definition, config: { ...config, launchConfigs } });
    await settled(system(), pool, 2);
    const evicted = await system().api.workers(pool);
    // An absence counts of machines that are older than lists are late.
    await system().query('update workers set created = created - 600000 where worker_pool_id = $1', [pool]);
    for (const { workerId } of evicted) await system().simulator.killMachine(workerId);
    await system().waitFor(async () => {
      const ended = await system().query<{ stop_reason: string | null }>(
        `select stop_reason from workers where worker_pool_id = $1 and state = 'stopped'`,
        [pool],
      );
      return ended.length === 2 && ended.every(({ stop_reason: reason }) => reason?.startsWith('preempted: '));
    }, 'two workers that ended as preempted');
    await settled(system(), pool, 2);
    const counted = await system().query('select 1 from preemptions where worker_pool_id = $1', [pool]);
    expect(counted).toHaveLength(2);
    expect(await system().api.errors(pool)).toEqual([]);
    await endPool(system(), pool, unwanted);
    await expectNothingLeft(system());
  },
);

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

async function createTemplatePool(template: string, capacity: number): Promise<string> {
  const pool = newPool();
  await system().api.createPool(pool, azureTemplatePool(template, { minCapacity: capacity }));
  return pool;
}

/** Removes the pool's workers, and checks that nothing of them is left. */
async function expectToGo(pool: string, template: string): Promise<void> {
  await endPool(system(), pool, azureTemplatePool(template, { maxCapacity: 0 }));
  await system().waitFor(async () => (await remainingInAzure(system())).length === 0, 'nothing to be left in Azure');
  await expectNothingLeft(system());
}

const writes = (from: number): number =>
  system()
    .simulator.log()
    .slice(from)
    .filter(({ kind, operation }) => kind === 'arm' && operation.startsWith('PUT ')).length;

test.each(['one-nic', 'two-nics', 'implicit-disk', 'nsg-and-extension'])(
  'machines of the template %s are created with one write each, register, and go without a trace',
  async (template) => {
    const from = system().simulator.log().length;
    const pool = await createTemplatePool(template, 2);
    await settled(system(), pool, 2);
    expect(writes(from)).toBe(2);
    await system().waitFor(
      async () => (await system().simulator.azureState()).deployments.length === 0,
      'the records of the deployments to be deleted',
    );
    await expectToGo(pool, template);
    expect(await system().api.errors(pool)).toEqual([]);
  },
);

test('a template that fails half-way is one error of the pool, and what it created is deleted', async () => {
  const pool = await createTemplatePool('fails-half-way', 1);
  await system().waitFor(
    async () => (await system().api.counts(pool)).stopped === 1,
    'the failed worker to be stopped',
  );
  const [error] = await system().api.errors(pool);
  expect(error).toMatchObject({ kind: 'arm-deployment-error', title: 'ARM Deployment Error' });
  expect(error.description).toContain('SkuNotAvailable');
  await expectToGo(pool, 'fails-half-way');
});

test('a killed worker process leaves a deployment to its next start, and nothing is created twice', async () => {
  const from = system().simulator.log().length;
  const held = await system().simulator.addFault({ operation: 'PUT deployments', mode: 'hold-answer' });
  const pool = await createTemplatePool('two-nics', 1);
  await system().simulator.faultHit(held.id);
  await restart(system(), 'worker');
  await system().simulator.releaseFault(held.id, 'drop');
  await settled(system(), pool, 1);
  expect(writes(from)).toBe(1);
  await expectToGo(pool, 'two-nics');
});

test('a machine that is removed while its deployment is stuck has it cancelled, and leaves nothing', async () => {
  const stuck = await system().simulator.addFault({ operation: 'PUT deployments', mode: 'stick-operation' });
  const pool = await createTemplatePool('nsg-and-extension', 1);
  await system().simulator.faultHit(stuck.id);
  await expectToGo(pool, 'nsg-and-extension');
  expect(await system().api.errors(pool)).toEqual([]);
});
