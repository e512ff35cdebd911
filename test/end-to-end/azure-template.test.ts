import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { azureTemplatePool } from '../support/azure-pool.js';
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

async function createPool(template: string, capacity: number): Promise<string> {
  const pool = `azure/template-${(pools += 1)}`;
  await system.api.createPool(pool, azureTemplatePool(template, { minCapacity: capacity }));
  return pool;
}

/** Takes the pool's workers away, and looks whether anything of them is left. */
async function endPool(pool: string, template: string): Promise<void> {
  await system.api.updatePool(pool, azureTemplatePool(template, { maxCapacity: 0 }));
  await removeAll(system, pool);
  await expectAllStopped(system, pool);
  await system.waitFor(async () => (await left()).length === 0, 'nothing to be left in Azure');
}

async function left(): Promise<string[]> {
  const { resources, deployments } = await system.simulator.azureState();
  return [...resources.map(({ id }) => id), ...deployments];
}

const writes = (from: number): number =>
  system.simulator
    .log()
    .slice(from)
    .filter(({ kind, operation }) => kind === 'arm' && operation.startsWith('PUT ')).length;

test.each(['one-nic', 'two-nics', 'implicit-disk', 'nsg-and-extension'])(
  'machines of the template %s are made with one write each, register, and go without a trace',
  async (template) => {
    const from = system.simulator.log().length;
    const pool = await createPool(template, 2);
    await azureSettled(system, pool, 2);
    expect(writes(from)).toBe(2);
    await system.waitFor(
      async () => (await system.simulator.azureState()).deployments.length === 0,
      'the records of the deployments to be deleted',
    );
    await endPool(pool, template);
    expect(await system.api.errors(pool)).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  'a template that fails half-way is one error of the pool, and what it made is taken away',
  async () => {
    const pool = await createPool('fails-half-way', 1);
    await system.waitFor(async () => (await system.api.counts(pool)).stopped === 1, 'the failed worker to be stopped');
    const [error] = await system.api.errors(pool);
    expect(error).toMatchObject({ kind: 'arm-deployment-error', title: 'ARM Deployment Error' });
    expect(error.description).toContain('SkuNotAvailable');
    await endPool(pool, 'fails-half-way');
  },
  TIMEOUT_MS,
);

test(
  'a killed worker process leaves a deployment to its next life, and nothing is made twice',
  async () => {
    const from = system.simulator.log().length;
    const held = await system.simulator.addFault({ operation: 'PUT deployments', mode: 'hold-answer' });
    const pool = await createPool('two-nics', 1);
    await system.simulator.faultHit(held.id);
    await restart(system, 'worker');
    await system.simulator.releaseFault(held.id, 'drop');
    await azureSettled(system, pool, 1);
    expect(writes(from)).toBe(1);
    await endPool(pool, 'two-nics');
  },
  TIMEOUT_MS,
);

test(
  'a machine that is removed while its deployment is stuck has it cancelled, and leaves nothing',
  async () => {
    const stuck = await system.simulator.addFault({ operation: 'PUT deployments', mode: 'stick-operation' });
    const pool = await createPool('nsg-and-extension', 1);
    await system.simulator.faultHit(stuck.id);
    await endPool(pool, 'nsg-and-extension');
    expect(await system.api.errors(pool)).toEqual([]);
  },
  TIMEOUT_MS,
);
