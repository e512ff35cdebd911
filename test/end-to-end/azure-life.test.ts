import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { lifecycleId } from '../../domain/ids.js';
import { azureEvidence } from '../support/azure-evidence.js';
import { azurePool, type AzurePoolShape } from '../support/azure-pool.js';
import { azureSettled, startAzureSystem } from '../support/azure-system.js';
import { expectAllStopped, removeAll, restart } from '../support/pool-steps.js';
import type { System } from '../support/system.js';

const TIMEOUT_MS = 120_000;
let system: System;
let pools = 0;

beforeAll(async () => {
  system = await startAzureSystem();
}, TIMEOUT_MS);
afterEach(async () => await system.simulator.clearFaults());
afterAll(async () => await system?.stop());

async function createPool(shape: AzurePoolShape): Promise<string> {
  const pool = `azure/life-${(pools += 1)}`;
  await system.api.createPool(pool, azurePool(shape));
  return pool;
}

async function endPool(pool: string): Promise<void> {
  await system.api.updatePool(pool, azurePool({ maxCapacity: 0 }));
  await removeAll(system, pool);
  await expectAllStopped(system, pool);
}

const kindsOf = (ids: readonly { readonly type: string }[]): string[] =>
  ids.map(({ type }) => type.split('/').at(-1) ?? '').toSorted();

async function expectNothingLeft(): Promise<void> {
  const { resources, deployments } = await system.simulator.azureState();
  expect([...resources.map(({ id }) => id), ...deployments]).toEqual([]);
  expect(azureEvidence(system.simulator.log())).toEqual({ madeTwice: [], outOfOrder: [] });
}

test(
  'a machine is built as public IP, interface and machine, registers with its attested document, and goes in order',
  async () => {
    const pool = await createPool({ minCapacity: 1, publicIp: true });
    await azureSettled(system, pool, 1);
    const { resources } = await system.simulator.azureState();
    expect(kindsOf(resources)).toEqual(['disks', 'networkInterfaces', 'publicIPAddresses', 'virtualMachines']);
    const [worker] = await system.api.workers(pool);
    expect(worker).toMatchObject({ providerId: 'azure', workerGroup: 'westus2', state: 'running' });
    const description = await system.temporal.workflow.getHandle(lifecycleId(worker!)).describe();
    expect(description.searchAttributes['ProviderId']).toEqual(['azure']);
    await endPool(pool);
    await expectNothingLeft();
  },
  TIMEOUT_MS,
);

test(
  'what a deleted machine leaves behind is taken away piece by piece',
  async () => {
    const pool = await createPool({ minCapacity: 2, publicIp: true, leftBehind: 'Detach' });
    await azureSettled(system, pool, 2);
    await endPool(pool);
    await expectNothingLeft();
  },
  TIMEOUT_MS,
);

test(
  'a machine that shuts itself down is taken away',
  async () => {
    const pool = await createPool({ minCapacity: 1 });
    await azureSettled(system, pool, 1);
    const [worker] = await system.api.workers(pool);
    await system.api.updatePool(pool, azurePool({ maxCapacity: 0 }));
    await system.simulator.act(worker!.workerId, 'shut-down');
    await expectAllStopped(system, pool);
    await expectNothingLeft();
  },
  TIMEOUT_MS,
);

test(
  'a killed worker process leaves a half-built machine to its next life, and nothing is made twice',
  async () => {
    const held = await system.simulator.addFault({ operation: 'PUT virtualMachines', mode: 'hold-answer' });
    const pool = await createPool({ minCapacity: 1, publicIp: true });
    await system.simulator.faultHit(held.id);
    await restart(system, 'worker');
    await system.simulator.releaseFault(held.id, 'drop');
    await azureSettled(system, pool, 1);
    await endPool(pool);
    await expectNothingLeft();
  },
  TIMEOUT_MS,
);

test(
  'a failed step is one error of the pool, and what was built before it is taken away',
  async () => {
    await system.simulator.addFault({
      operation: 'PUT virtualMachines',
      mode: 'fail-operation',
      code: 'AllocationFailed',
    });
    const pool = await createPool({ minCapacity: 1, publicIp: true });
    await system.waitFor(async () => (await system.api.counts(pool)).stopped === 1, 'the failed worker to be stopped');
    const errors = await system.api.errors(pool);
    expect(errors.map(({ kind, title }) => `${kind}: ${title}`)).toEqual(['operation-error: Operation Error']);
    expect(errors[0].description).toContain('AllocationFailed');
    await endPool(pool);
    await expectNothingLeft();
  },
  TIMEOUT_MS,
);
