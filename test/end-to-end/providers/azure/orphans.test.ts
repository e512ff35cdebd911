import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { WorkerKey } from '../../../../domain/ids.js';
import { incompleteLists } from '../../../../dev/chaos/scenarios/incomplete-lists.js';
import { AZURE_GROUP, AZURE_SUBSCRIPTION, azurePool } from '../../../../dev/testing/azure-pool.js';
import { azureAt, azureSpec, buildMachine } from '../../../support/azure-harness.js';
import { azureSystem, remainingInAzure } from '../../../support/azure-system.js';
import {
  deploymentIdOf,
  expectHeldByIncompleteList,
  letTimePass,
  NO_SWEEPS,
  orphan,
  orphanVerdicts,
  sweepOrphans,
} from '../../../support/orphan-steps.js';
import { longTest } from '../../../support/long.js';
import { expectAllStopped, settled } from '../../../support/pool-steps.js';
import { recordedContext } from '../../../support/provider-context.js';
import { suiteOf } from '../../../support/suite.js';

const { system, newPool } = suiteOf('azure/orphans', { ...azureSystem(), config: NO_SWEEPS });

/** Running machines of an address, an interface, a VM and disks, each of which outlives it; then nobody wants any. */
async function runningMachines(count: number) {
  const pool = newPool();
  await system().api.createPool(pool, azurePool({ minCapacity: count, publicIp: true, deleteOption: 'Detach' }));
  await settled(system(), pool, count);
  await system().api.updatePool(pool, azurePool({ maxCapacity: 0 }));
  return { pool, workers: await system().api.workers(pool) };
}

/** Sweeps until Azure has nothing but these. */
const sweptTo = (left: readonly string[]) =>
  system().waitFor(async () => {
    await sweepOrphans(system());
    return (await remainingInAzure(system())).every((id) => left.includes(id));
  }, 'nothing to be left in Azure');

test('a VM whose row was closed goes with all its parts, so do those that one left behind, and look-alikes stay', async () => {
  const { workers } = await runningMachines(2);
  const [whole, vanished] = workers;
  const { resources } = await system().simulator.azureState();
  const ofVanished = resources.filter(({ tags }) => Object.values(tags).includes(vanished!.workerId));
  const nic = ofVanished.find(({ type }) => type.endsWith('networkInterfaces'))!;
  const copy = await putAddress(`copy-of-${nic.name}`, nic.tags);
  const foreign = await putAddress('foreign', { 'worker-manager-deployment': randomUUID() });
  for (const worker of workers) await orphan(system(), worker, 'closed');
  await system().simulator.killMachine(vanished!.workerId, { vanish: true });
  await sweepOrphans(system());
  await letTimePass(system());
  await sweptTo([copy, foreign]);
  expect((await remainingInAzure(system())).toSorted()).toEqual([copy, foreign].toSorted());
  await sweepOrphans(system());
  expect(await orphanVerdicts(system())).toEqual({ [copy]: 'tagged' });
  const acts = await system().query<{ thing_id: string; detail: string }>('select thing_id, detail from orphan_acts');
  const stepsOf = ({ workerId }: WorkerKey) =>
    acts.find((act) => act.thing_id.endsWith(`/${workerId}`))!.detail.split(', ');
  expect(stepsOf(whole!).toSorted()).toEqual(['disks', 'networkInterface', 'publicIp', 'vm']);
  expect(stepsOf(vanished!)).not.toContain('vm');
});

test('copies of all tags of a worker under other names stay when the worker is removed, and keep it from nothing', async () => {
  const others = await remainingInAzure(system());
  const { pool, workers } = await runningMachines(1);
  const { workerId } = workers[0]!;
  const { resources } = await system().simulator.azureState();
  const nic = resources.find(({ type, tags }) => type.endsWith('networkInterfaces') && tags['worker-id'] === workerId)!;
  const copies = [await putAddress(`${nic.name}-copy`, nic.tags), await putAddress(`${workerId}-copy`, nic.tags)];
  await system().api.removeWorker(workers[0]!);
  await expectAllStopped(system(), pool);
  expect((await remainingInAzure(system())).toSorted()).toEqual([...others, ...copies].toSorted());
  await sweepOrphans(system());
  await letTimePass(system());
  expect(await sweepOrphans(system(), { confirmed: 50 })).toMatchObject({ removed: 0, failed: 0 });
  expect((await remainingInAzure(system())).toSorted()).toEqual([...others, ...copies].toSorted());
});

test('a VM that is listed stays while the records of deployments are not, also when that is confirmed, and goes then', async () => {
  const others = await remainingInAzure(system());
  const { pool, workers } = await runningMachines(1);
  const [{ workerId } = { workerId: '' }] = workers;
  await orphan(system(), workers[0]!, 'closed');
  await expectHeldByIncompleteList(system(), workerId, () => incompleteLists.azure.hide(system().simulator));
  await sweptTo(others);
  await expectAllStopped(system(), pool);
});

longTest('a VM that lost its row is adopted into a lifecycle that removes it when nobody wants it', async () => {
  const others = await remainingInAzure(system());
  const { pool, workers } = await runningMachines(1);
  await orphan(system(), workers[0]!, 'lost');
  await sweepOrphans(system());
  await letTimePass(system());
  expect(await sweepOrphans(system())).toMatchObject({ removed: 1, failed: 0 });
  await expectAllStopped(system(), pool);
  expect(await remainingInAzure(system())).toEqual(others);
});

longTest('the parts of an unknown launch are held, and go when that is confirmed', async () => {
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
