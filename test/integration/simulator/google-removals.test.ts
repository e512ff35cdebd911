import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { eventually } from '../../../dev/testing/eventually.js';
import type { SimulatedGoogle } from '../../../dev/testing/simulated-google.js';
import type { SimulatorHandle } from '../../../dev/testing/simulator.js';
import {
  bulkInsert,
  done,
  get,
  insert,
  list,
  names,
  operationsOf,
  project,
  properties,
  quick,
  refusalOf,
  remove,
  single,
  zone,
  startGoogle,
  type GoogleClients,
  type Properties,
} from './google.js';

let simulator: SimulatorHandle;
let google: SimulatedGoogle;
let clients: GoogleClients;
startGoogle(quick, (started) => ({ simulator, google, clients } = started));

/** A machine whose creation is over; gives its number. */
async function make(name: string, more: Properties = {}): Promise<string> {
  await done(clients, await bulkInsert(clients, { names: [name], properties: properties(more) }));
  return String((await get(clients, name)).id);
}

const gone = (id: string) =>
  eventually(async () => (await google.state()).instances.every((instance) => instance.id !== id));
const status = async (id: string) => (await get(clients, id)).status;

describe('a deletion', () => {
  test('a deletion is an operation during which the machine is STOPPING, and after which it is unknown', async () => {
    const id = await make('a');
    await simulator.addFault({ operation: 'instances.delete', mode: 'stick-operation', id: 'stuck' });
    const begun = await remove(clients, id);
    expect(begun).toMatchObject({ operationType: 'delete', targetId: id, status: 'RUNNING' });
    expect(await status(id)).toBe('STOPPING');
    await simulator.releaseFault('stuck');
    expect((await done(clients, begun)).error).toBeFalsy();
    expect(await refusalOf(get(clients, id))).toMatchObject({
      status: 404,
      reason: 'notFound',
      message: expect.stringContaining(`'projects/${project}/zones/${zone}/instances/${id}'`),
    });
    expect(names(await list(clients))).toEqual([]);
    expect(await refusalOf(remove(clients, id))).toMatchObject({ status: 404, reason: 'notFound' });
  });

  test('a deletion refuses another one while it runs, and takes the same request id again', async () => {
    const id = await make('a');
    const requestId = randomUUID();
    await simulator.addFault({ operation: 'instances.delete', mode: 'stick-operation', id: 'stuck' });
    const begun = await remove(clients, id, requestId);
    expect(await refusalOf(remove(clients, id))).toMatchObject({ status: 403, reason: 'rateLimitExceeded' });
    expect((await remove(clients, id, requestId)).name).toBe(begun.name);
    await simulator.releaseFault('stuck');
    await done(clients, begun);
    expect(await remove(clients, id, requestId)).toMatchObject({ name: begun.name, status: 'DONE' });
  });

  test('a deletion is refused while the machine is being created', async () => {
    await simulator.addFault({ operation: 'instances.bulkInsert', mode: 'stick-operation' });
    await bulkInsert(clients, { names: ['a'] });
    expect(await refusalOf(remove(clients, 'a'))).toMatchObject({ status: 400, reason: 'resourceNotReady' });
  });

  test('a deletion that fails leaves the machine as it was', async () => {
    const id = await make('a');
    await simulator.addFault({ operation: 'instances.delete', mode: 'fail-operation', code: 'RESOURCE_IN_USE' });
    const ended = await done(clients, await remove(clients, id));
    expect(ended.error?.errors?.[0]?.code).toBe('RESOURCE_IN_USE');
    expect(await status(id)).toBe('RUNNING');
  });

  test('a deletion that is stuck goes on once it is released', async () => {
    const id = await make('a');
    await simulator.addFault({ operation: 'instances.delete', mode: 'stick-operation', id: 'stuck', workerId: id });
    await remove(clients, id);
    expect(await status(id)).toBe('STOPPING');
    await simulator.releaseFault('stuck');
    expect((await refusalOf(get(clients, id))).status).toBe(404);
  });

  test('a deletion is refused for a machine that is protected', async () => {
    await done(clients, await insert(clients, single('a', { deletionProtection: true })));
    expect(await refusalOf(remove(clients, 'a'))).toMatchObject({ status: 412, reason: 'conditionNotMet' });
  });

  test('a deletion takes along the disks that say so, and leaves the others with their labels', async () => {
    const labels = { owner: 'somebody' };
    const disks = [
      { boot: true, autoDelete: true, initializeParams: { labels } },
      { initializeParams: { diskSizeGb: 100, labels } },
    ];
    const id = await make('a', { disks });
    expect((await google.state()).disks.map(({ name }) => name)).toEqual(['a', 'a-1']);
    await done(clients, await remove(clients, id));
    expect((await google.state()).disks).toMatchObject([{ name: 'a-1', labels, users: [] }]);
    expect(simulator.log().findLast((line) => line.operation === 'end of instances.delete')).toMatchObject({
      deleted: [id],
      deletedDisks: ['a'],
      leftDisks: ['a-1'],
    });
  });

  test('a deletion leaves no resource of a local SSD', async () => {
    await make('a', {
      disks: [
        { boot: true, autoDelete: true },
        { type: 'SCRATCH', interface: 'NVME' },
      ],
    });
    expect((await google.state()).disks.map(({ name }) => name)).toEqual(['a']);
  });
});

describe('a disk of Google', () => {
  test('a disk of Google can be deleted once no machine uses it', async () => {
    const id = await make('a', { disks: [{ boot: true }] });
    const path = `${simulator.url}/compute/v1/projects/${project}/zones/${zone}/disks/a`;
    expect((await fetch(path, { method: 'DELETE' })).status).toBe(400);
    await done(clients, await remove(clients, id));
    await fetch(path, { method: 'DELETE' });
    await eventually(async () => (await google.state()).disks.length === 0);
  });
});

describe('machines of Google that end by themselves', () => {
  const spot = (action?: string): Properties => ({
    scheduling: { provisioningModel: 'SPOT', ...(action && { instanceTerminationAction: action }) },
  });

  test('a machine of Google is stopped by its preemption, and costs until it is deleted', async () => {
    const id = await make('a', spot('STOP'));
    await simulator.killMachine(id);
    await eventually(async () => (await status(id)) === 'TERMINATED');
    const { items: [reported] = [] } = await operationsOf(clients, {
      filter: `targetId=${id} AND operationType!=insert`,
    });
    expect(reported).toMatchObject({
      operationType: 'compute.instances.preempted',
      user: 'system',
      status: 'DONE',
    });
    await done(clients, await remove(clients, id));
  });

  test('a machine of Google is deleted by its preemption where it says so', async () => {
    const id = await make('a', spot('DELETE'));
    await simulator.killMachine(id);
    await gone(id);
    const { items = [] } = await operationsOf(clients, { filter: `targetId=${id}` });
    expect(items.map(({ operationType }) => operationType)).toContain('compute.instances.preempted');
  });

  test('a machine of Google is stopped when its host fails', async () => {
    const id = await make('a');
    await simulator.killMachine(id);
    await eventually(async () => (await status(id)) === 'TERMINATED');
    const { items = [] } = await operationsOf(clients, { filter: 'operationType=compute.instances.hostError' });
    expect(items.map(({ targetId }) => targetId)).toEqual([id]);
  });

  test('a machine of Google can vanish without a trace', async () => {
    const id = await make('a');
    await simulator.killMachine(id, { vanish: true });
    expect((await refusalOf(get(clients, id))).status).toBe(404);
    const { items = [] } = await operationsOf(clients, { filter: `targetId=${id} AND operationType!=insert` });
    expect(items).toEqual([]);
  });

  test('a machine of Google shows any status that a control wants', async () => {
    const id = await make('a');
    await google.setStatus(id, 'SUSPENDED');
    expect(await status(id)).toBe('SUSPENDED');
    await google.setStatus(id, null);
    expect(await status(id)).toBe('RUNNING');
  });

  test('a machine of Google can lose its labels', async () => {
    const id = await make('a');
    await google.takeLabels(id);
    const one = (await google.state()).instances.find((instance) => instance.id === id);
    expect(one?.labels).toEqual({});
  });
});
