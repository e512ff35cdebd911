import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { AZURE_GROUP, AZURE_SUBSCRIPTION, azurePool } from '../../../../dev/testing/azure-pool.js';
import { azureAt, azureSpec, buildMachine } from '../../../support/azure-harness.js';
import { azureSystem, remainingInAzure } from '../../../support/azure-system.js';
import {
  deploymentIdOf,
  letTimePass,
  NO_SWEEPS,
  orphan,
  orphanVerdicts,
  sweepOrphans,
} from '../../../support/orphan-steps.js';
import { expectAllStopped, settled } from '../../../support/pool-steps.js';
import { recordedContext } from '../../../support/provider-context.js';
import { suiteOf } from '../../../support/suite.js';

const { system, newPool } = suiteOf('azure/orphans', { ...azureSystem(), config: NO_SWEEPS });

/**
 * One running machine of an address, an interface, a VM and disks, each of which outlives it; then its pool wants none.
 */
async function runningMachine() {
  const pool = newPool();
  await system().api.createPool(pool, azurePool({ minCapacity: 1, publicIp: true, deleteOption: 'Detach' }));
  await settled(system(), pool, 1);
  await system().api.updatePool(pool, azurePool({ maxCapacity: 0 }));
  const [worker] = await system().api.workers(pool);
  return { pool, worker: worker! };
}

/** Sweeps until Azure has nothing but these. */
const sweptTo = (left: readonly string[]) =>
  system().waitFor(async () => {
    await sweepOrphans(system());
    return (await remainingInAzure(system())).every((id) => left.includes(id));
  }, 'nothing to be left in Azure');

test('a VM whose row was closed goes with its interface, its address and its disks', async () => {
  const { worker } = await runningMachine();
  await orphan(system(), worker, 'closed');
  await sweepOrphans(system());
  await letTimePass(system());
  await sweptTo([]);
  const [act] = await system().query<{ detail: string }>('select detail from orphan_acts order by id limit 1');
  expect(act!.detail.split(', ').toSorted()).toEqual(['disks', 'networkInterface', 'publicIp', 'vm']);
});

test('what is left of a VM that is gone is deleted, and a look-alike with all its tags is not', async () => {
  const { worker } = await runningMachine();
  const { resources } = await system().simulator.azureState();
  const nic = resources.find(({ type }) => type.endsWith('networkInterfaces'))!;
  const copy = await putAddress(`copy-of-${nic.name}`, nic.tags);
  const foreign = await putAddress('foreign', { 'worker-manager-deployment': randomUUID() });
  await orphan(system(), worker, 'closed');
  await system().simulator.killMachine(worker.workerId, { vanish: true });
  await sweepOrphans(system());
  await letTimePass(system());
  await sweptTo([copy, foreign]);
  expect(await remainingInAzure(system())).toEqual([copy, foreign]);
  await sweepOrphans(system());
  expect(await orphanVerdicts(system())).toEqual({ [copy]: 'tagged' });
});

test('a VM that lost its row is adopted into a lifecycle that removes it when nobody wants it', async () => {
  const others = await remainingInAzure(system());
  const { pool, worker } = await runningMachine();
  await orphan(system(), worker, 'lost');
  await sweepOrphans(system());
  await letTimePass(system());
  expect(await sweepOrphans(system())).toMatchObject({ removed: 1, failed: 0 });
  await expectAllStopped(system(), pool);
  expect(await remainingInAzure(system())).toEqual(others);
});

test('the parts of an unknown launch are held, and go when that is confirmed', async () => {
  const context = recordedContext({ providerId: 'azure', deploymentId: await deploymentIdOf(system()) });
  const others = await remainingInAzure(system());
  const place = { subscriptionId: AZURE_SUBSCRIPTION, resourceGroupName: AZURE_GROUP };
  await buildMachine(azureAt(system().simulator.azureEndpoint, place, context), azureSpec());
  await sweepOrphans(system());
  await letTimePass(system());
  expect(await sweepOrphans(system())).toMatchObject({ removed: 0, held: ['unknown machines'] });
  expect(await sweepOrphans(system(), { confirmed: 1 })).toMatchObject({ removed: 1, failed: 0 });
  await sweptTo(others);
});

/** A public address that somebody else creates; gives its id. */
async function putAddress(name: string, tags: Readonly<Record<string, string>>): Promise<string> {
  const id = `/subscriptions/${AZURE_SUBSCRIPTION}/resourceGroups/${AZURE_GROUP}/providers/Microsoft.Network/publicIPAddresses/${name}`;
  const answer = await fetch(`${system().simulator.azureEndpoint}${id}?api-version=2024-05-01`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', authorization: 'Bearer emulator' },
    body: JSON.stringify({
      location: 'westus2',
      tags,
      sku: { name: 'Standard' },
      properties: { publicIPAllocationMethod: 'Static' },
    }),
  });
  expect(answer.status).toBeLessThan(300);
  return id;
}
