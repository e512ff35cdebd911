import type { RestError } from '@azure/core-rest-pipeline';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../../dev/testing/eventually.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';
import {
  address,
  all,
  azureClients,
  fast,
  group,
  makeMachine,
  networkId,
  nic,
  quick,
  raw,
  subnetId,
  subscriptionId,
  tags,
  vm,
} from './azure.js';
import type { AzureClients } from './azure.js';

let simulator: SimulatorHandle;
let clients: AzureClients;
let logged = 0;
beforeAll(async () => {
  simulator = await startSimulator(quick);
  clients = azureClients(simulator);
});
afterAll(() => simulator.stop());
beforeEach(async () => {
  await simulator.reset();
  await simulator.setAzureLimits({});
  logged = simulator.log().length;
});

/** What was logged since the test began. */
const newLines = () => simulator.log().slice(logged);

const names = async (): Promise<string[]> => (await simulator.azureState()).resources.map((one) => one.name).sort();
type PipelineAnswer = { readonly headers: { toJSON(): Record<string, string> } };
/** Those that say what is left, without what their names have in common. */
const limitHeaders = (headers: PipelineAnswer['headers']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers.toJSON()).flatMap(([name, value]) =>
      name.startsWith('x-ms-ratelimit-remaining-') ? [[name.slice('x-ms-ratelimit-remaining-'.length), value]] : [],
    ),
  );
const refused = (code: string, statusCode: number) => expect.objectContaining({ code, statusCode });

describe('Azure resource groups', () => {
  test('an Azure resource group is created by PUT, found by HEAD and GET, and listed', async () => {
    expect((await raw(simulator, 'HEAD', '/resourcegroups/new-group')).status).toBe(404);
    expect((await raw(simulator, 'PUT', '/resourcegroups/new-group', { location: 'westus' })).status).toBe(201);
    expect((await raw(simulator, 'HEAD', '/resourcegroups/New-Group')).status).toBe(204);
    expect((await raw(simulator, 'PUT', '/resourcegroups/new-group', { location: 'eastus' })).status).toBe(409);
    const list = (await (await raw(simulator, 'GET', '/resourcegroups')).json()) as { value: { name: string }[] };
    expect(list.value.map((one) => one.name)).toEqual([group, 'new-group']);
  });

  test('an Azure resource group that does not exist holds nothing', async () => {
    await expect(clients.network.publicIPAddresses.createOrUpdate('gone', 'ip', address, fast)).rejects.toEqual(
      refused('ResourceGroupNotFound', 404),
    );
  });
});

describe('Azure addresses, interfaces and machines', () => {
  test('Azure resources are created one after the other by long-running operations, and found then', async () => {
    const ip = await clients.network.publicIPAddresses.createOrUpdate(group, 'ip', address, fast);
    expect(ip).toMatchObject({
      name: 'ip',
      provisioningState: 'Succeeded',
      tags,
      ipAddress: expect.stringMatching(/^198\./),
    });
    const created = await clients.network.networkInterfaces.createOrUpdate(group, 'nic', nic('ip'), fast);
    expect(created).toMatchObject({ provisioningState: 'Succeeded', ipConfigurations: [{ subnet: { id: subnetId } }] });
    const machine = await clients.compute.virtualMachines.createOrUpdate(group, 'vm', vm('nic'), fast);
    expect(machine).toMatchObject({
      provisioningState: 'Succeeded',
      vmId: expect.stringMatching(/^[-0-9a-f]{36}$/),
      tags,
    });
    expect(JSON.stringify(machine)).not.toContain('Not-A-Real');
    expect(await names()).toEqual(['ip', 'nic', 'nic-os', 'vm']);
    expect(await clients.network.networkInterfaces.get(group, 'nic')).toMatchObject({
      virtualMachine: { id: machine.id },
    });
  });

  test('an Azure creation answers 201 with the address of the operation, which then says how it stands', async () => {
    await simulator.addFault({ operation: 'PUT publicIPAddresses', mode: 'stick-operation', id: 'stuck' });
    const answer = await raw(
      simulator,
      'PUT',
      `/resourceGroups/${group}/providers/Microsoft.Network/publicIPAddresses/ip`,
      {
        location: 'eastus',
        properties: {},
      },
    );
    expect(answer.status).toBe(201);
    expect(await answer.json()).toMatchObject({ properties: { provisioningState: 'Updating' } });
    const poll = answer.headers.get('azure-asyncoperation') ?? '';
    expect(await (await fetch(poll)).json()).toMatchObject({ status: 'InProgress' });
    await simulator.releaseFault('stuck');
    await eventually(async () => ((await (await fetch(poll)).json()) as { status: string }).status === 'Succeeded');
  });

  test('an Azure resource is not created again by an equal PUT, neither while it runs nor later', async () => {
    await clients.network.networkInterfaces.createOrUpdate(group, 'nic', nic(), fast);
    const [first, second] = [1, 2].map(() =>
      clients.compute.virtualMachines.createOrUpdate(group, 'vm', vm('nic'), fast),
    );
    await first?.submitted();
    const [one, two] = await Promise.all([first, second]);
    expect(one?.vmId).toBe(two?.vmId);
    expect((await clients.compute.virtualMachines.createOrUpdate(group, 'vm', vm('nic'), fast)).vmId).toBe(one?.vmId);
    expect(newLines().filter((line) => line.operation === 'end of PUT virtualMachines')).toHaveLength(1);
  });

  test('an Azure resource that exists refuses other properties, and takes other tags', async () => {
    await makeMachine(clients, 'vm');
    const other = { ...vm('vm-nic'), hardwareProfile: { vmSize: 'Standard_D4s_v5' } };
    await expect(clients.compute.virtualMachines.createOrUpdate(group, 'vm', other, fast)).rejects.toEqual(
      refused('PropertyChangeNotAllowed', 409),
    );
    const tagged = await clients.compute.virtualMachines.createOrUpdate(
      group,
      'vm',
      { ...vm('vm-nic'), tags: { new: 'tag' } },
      fast,
    );
    expect(tagged.tags).toEqual({ new: 'tag' });
  });

  test('an Azure resource refuses references to what does not exist or is not ready', async () => {
    const missing = `${networkId('virtualNetworks', 'default')}/subnets/missing`;
    await expect(
      clients.network.networkInterfaces.createOrUpdate(group, 'nic', nic(undefined, missing), fast),
    ).rejects.toEqual(refused('InvalidResourceReference', 400));
    await expect(clients.compute.virtualMachines.createOrUpdate(group, 'vm', vm('nic'), fast)).rejects.toEqual(
      refused('InvalidResourceReference', 400),
    );
    await simulator.addFault({ operation: 'PUT publicIPAddresses', mode: 'stick-operation' });
    await clients.network.publicIPAddresses.createOrUpdate(group, 'ip', address, fast).submitted();
    await expect(clients.network.networkInterfaces.createOrUpdate(group, 'nic', nic('ip'), fast)).rejects.toEqual(
      refused('ReferencedResourceNotProvisioned', 409),
    );
  });

  test('an Azure machine takes custom data of 64 KB and not much more', async () => {
    await expect(makeMachine(clients, 'vm', { data: Buffer.alloc(65_536).toString('base64') })).rejects.toEqual(
      refused('InvalidParameter', 400),
    );
    await makeMachine(clients, 'vm', { data: Buffer.alloc(65_535).toString('base64') });
  });

  test('an Azure resource cannot be deleted while something holds it', async () => {
    await clients.network.publicIPAddresses.createOrUpdate(group, 'ip', address, fast);
    await clients.network.networkInterfaces.createOrUpdate(group, 'nic', nic('ip'), fast);
    await clients.compute.virtualMachines.createOrUpdate(group, 'vm', vm('nic'), fast);
    await expect(clients.network.networkInterfaces.delete(group, 'nic', fast)).rejects.toEqual(
      refused('NicInUse', 400),
    );
    await expect(clients.network.publicIPAddresses.delete(group, 'ip', fast)).rejects.toEqual(
      refused('PublicIPAddressCannotBeDeleted', 400),
    );
    await expect(clients.compute.disks.delete(group, 'nic-os', fast)).rejects.toEqual(
      refused('OperationNotAllowed', 409),
    );
  });

  test('Azure resources stay when their machine goes without a delete option, and are deleted one after the other then', async () => {
    await makeMachine(clients, 'vm');
    await clients.compute.virtualMachines.delete(group, 'vm', fast);
    expect(await names()).toEqual(['vm-nic', 'vm-nic-os']);
    await clients.network.networkInterfaces.delete(group, 'vm-nic', fast);
    await clients.compute.disks.delete(group, 'vm-nic-os', fast);
    await clients.compute.disks.delete(group, 'vm-nic-os', fast);
    expect(await names()).toEqual([]);
  });

  test('Azure resources go with their machine when its delete options say so', async () => {
    await makeMachine(clients, 'vm', { deleteOption: 'Delete' });
    await clients.compute.virtualMachines.delete(group, 'vm', fast);
    expect(await names()).toEqual([]);
    expect(newLines().find((line) => line.operation === 'end of DELETE virtualMachines')?.['deleted']).toHaveLength(3);
  });

  test('Azure resources go with their machine whatever case its delete options are in', async () => {
    const own = { ...vm('nic', { deleteOption: 'delete' }), tags };
    const publicIPAddress = { id: networkId('publicIPAddresses', 'ip'), deleteOption: 'delete' };
    const ipConfigurations = nic('ip').ipConfigurations!.map((one) => ({ ...one, publicIPAddress }));
    await clients.network.publicIPAddresses.createOrUpdate(group, 'ip', address, fast);
    await clients.network.networkInterfaces.createOrUpdate(group, 'nic', { ...nic(), ipConfigurations }, fast);
    await clients.compute.virtualMachines.createOrUpdate(group, 'vm', own, fast);
    await clients.compute.virtualMachines.delete(group, 'vm', fast);
    expect(await names()).toEqual([]);
  });

  test('an Azure resource can be neither deleted while it is created nor created while it is deleted', async () => {
    await simulator.addFault({ operation: 'PUT networkInterfaces', mode: 'stick-operation', id: 'made' });
    await simulator.addFault({ operation: 'DELETE virtualMachines', mode: 'stick-operation', id: 'deleted' });
    const creating = clients.network.networkInterfaces.createOrUpdate(group, 'nic', nic(), fast);
    await simulator.faultHit('made');
    await expect(clients.network.networkInterfaces.delete(group, 'nic', fast)).rejects.toEqual(
      refused('AnotherOperationInProgress', 409),
    );
    await simulator.releaseFault('made');
    await creating;
    await clients.compute.virtualMachines.createOrUpdate(group, 'vm', vm('nic'), fast);
    const deleting = clients.compute.virtualMachines.delete(group, 'vm', fast);
    await deleting.submitted();
    await expect(clients.compute.virtualMachines.createOrUpdate(group, 'vm', vm('nic'), fast)).rejects.toEqual(
      refused('OperationNotAllowed', 409),
    );
    await simulator.releaseFault('deleted');
    await deleting;
  });
});

describe('Azure lists', () => {
  test('an Azure list gives every machine once in pages, with its instance view when wanted', async () => {
    const wanted = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    await Promise.all(wanted.map((name) => makeMachine(clients, name)));
    const inGroup = await all(clients.compute.virtualMachines.list(group));
    expect(inGroup.map((one) => one.name ?? '').sort()).toEqual(wanted);
    const withStatus = await all(clients.compute.virtualMachines.listAll({ statusOnly: 'true' }));
    expect(withStatus).toHaveLength(7);
    for (const one of withStatus) {
      expect(one.instanceView?.statuses?.map((status) => status.code)).toEqual([
        'ProvisioningState/succeeded',
        'PowerState/running',
      ]);
    }
    const view = await clients.compute.virtualMachines.instanceView(group, 'a');
    expect(view.statuses).toEqual(
      withStatus[0]?.instanceView?.statuses?.map((status) => expect.objectContaining({ code: status.code })),
    );
    await simulator.hideMachine('a', 60_000);
    expect(await all(clients.compute.virtualMachines.list(group))).toHaveLength(6);
    await expect(clients.compute.virtualMachines.instanceView(group, 'a')).rejects.toEqual(
      refused('ResourceNotFound', 404),
    );
  });

  test('an Azure list finds resources of every type by tag, or by a part of the name', async () => {
    await makeMachine(clients, 'vm');
    await clients.network.publicIPAddresses.createOrUpdate(
      group,
      'other',
      { ...address, tags: { owner: 'else' } },
      fast,
    );
    const find = async (filter: string) => {
      const answer = await raw(simulator, 'GET', `/resources?$filter=${encodeURIComponent(filter)}`);
      return { status: answer.status, ...((await answer.json()) as { value?: { name: string }[] }) };
    };
    const found = await find(`tagName eq 'owner' and tagValue eq '${tags.owner}'`);
    expect(found.value?.map((one) => one.name).sort()).toEqual(['vm', 'vm-nic', 'vm-nic-os']);
    expect((await find("tagName eq 'owner'")).value).toHaveLength(3);
    expect((await find("substringof('NIC', name)")).value?.map((one) => one.name)).toEqual(['vm-nic', 'vm-nic-os']);
    expect((await find("colour eq 'red'")).status).toBe(400);
  });
});

describe('an Azure operation', () => {
  const failed = async (mode: 'fail-operation' | 'fail-provisioning', code: string) => {
    await simulator.addFault({ operation: 'PUT virtualMachines', mode, code });
    await expect(makeMachine(clients, 'vm')).rejects.toThrow(code);
    return (await clients.compute.virtualMachines.instanceView(group, 'vm')).statuses?.map((status) => status.code);
  };

  test('an Azure operation fails on purpose, and leaves a failed machine that can be deleted', async () => {
    expect(await failed('fail-operation', 'AllocationFailed')).toEqual(['ProvisioningState/failed/AllocationFailed']);
    await clients.compute.virtualMachines.delete(group, 'vm', fast);
    expect(await names()).toEqual(['vm-nic', 'vm-nic-os']);
  });

  test('an Azure operation fails to provision while its machine runs', async () => {
    expect(await failed('fail-provisioning', 'OSProvisioningTimedOut')).toEqual([
      'ProvisioningState/failed/OSProvisioningTimedOut',
      'PowerState/running',
    ]);
  });

  test('an Azure operation sticks until it is released, or its machine is deleted', async () => {
    await simulator.addFault({ operation: 'PUT virtualMachines', mode: 'stick-operation', id: 'stuck', times: 2 });
    const first = makeMachine(clients, 'first');
    const second = makeMachine(clients, 'second');
    void second.catch(() => undefined);
    await simulator.faultHit('stuck', { hits: 2 });
    await clients.compute.virtualMachines.delete(group, 'second', fast);
    await expect(second).rejects.toThrow('OperationPreempted');
    await simulator.releaseFault('stuck');
    expect(await first).toMatchObject({ provisioningState: 'Succeeded' });
  });

  test('an Azure operation fails where there is no room, and can be tried again', async () => {
    await simulator.setCapacity('eastus', 0);
    await expect(makeMachine(clients, 'vm')).rejects.toThrow('AllocationFailed');
    await simulator.setCapacity('eastus', null);
    expect(await makeMachine(clients, 'vm')).toMatchObject({ provisioningState: 'Succeeded' });
  });

  test('an Azure operation whose begin has a lost answer goes on, and a repetition finds it', async () => {
    await simulator.addFault({ operation: 'PUT networkInterfaces', mode: 'lose-answer' });
    await expect(clients.network.networkInterfaces.createOrUpdate(group, 'nic', nic(), fast)).rejects.toThrow(
      /hang up|ECONNRESET/,
    );
    await clients.network.networkInterfaces.createOrUpdate(group, 'nic', nic(), fast);
    expect(newLines().filter((line) => line['created'])).toHaveLength(1);
  });
});

describe('Azure Resource Manager', () => {
  test('Azure Resource Manager counts requests down by kind and throttles with the time to wait', async () => {
    await simulator.setAzureLimits({ reads: { burst: 2, perSecond: 0.5 } });
    const get = () => raw(simulator, 'GET', '/resourcegroups');
    const answers = [await get(), await get(), await get()];
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 429]);
    expect(answers.map((answer) => answer.headers.get('x-ms-ratelimit-remaining-subscription-reads'))).toEqual([
      '1',
      '0',
      '0',
    ]);
    expect(answers[2]?.headers.get('retry-after')).toBe('2');
    expect(await answers[2]?.json()).toMatchObject({ error: { code: 'SubscriptionRequestsThrottled' } });
    await simulator.setAzureLimits({ like: 'arm' });
    expect((await get()).headers.get('x-ms-ratelimit-remaining-subscription-reads')).toBe('249');
  });

  test('Azure Resource Manager tells what is left of each bucket, Compute’s too, and which of them refuses', async () => {
    const bursts = { reads: 250, writes: 200, 'global-reads': 3750, 'global-writes': 3000 };
    const compute = { 'Microsoft.Compute/HighCostGet': 900, 'Microsoft.Compute/PutVM': 1500 };
    await simulator.setAzureLimits(
      Object.fromEntries(
        Object.entries({ ...bursts, ...compute }).map(([bucket, burst]) => [bucket, { burst, perSecond: 0.001 }]),
      ),
    );
    const seen: Record<string, string>[] = [];
    const noted = async (call: (options: { onResponse: (raw: PipelineAnswer) => void }) => Promise<unknown>) => {
      await call({ onResponse: ({ headers }) => seen.push(limitHeaders(headers)) });
      return seen.at(-1);
    };
    expect(await noted((options) => clients.network.publicIPAddresses.list(group, options).byPage().next())).toEqual({
      'subscription-reads': '249',
      'subscription-global-reads': '3749',
    });
    const list = (options: object) => clients.compute.virtualMachines.listAll(options).byPage().next();
    expect(await noted(list)).toEqual({
      'subscription-reads': '248',
      'subscription-global-reads': '3748',
      resource: 'Microsoft.Compute/HighCostGet;899',
    });
    await clients.network.networkInterfaces.createOrUpdate(group, 'nic', nic(), fast);
    await noted((options) =>
      clients.compute.virtualMachines.createOrUpdate(group, 'vm', vm('nic'), { ...fast, ...options }),
    );
    expect(seen.find((headers) => headers['subscription-writes'] !== undefined)).toEqual({
      'subscription-writes': '198',
      'subscription-global-writes': '2998',
      resource: 'Microsoft.Compute/PutVM;1499',
    });
    await simulator.setAzureLimits({ 'Microsoft.Compute/HighCostGet': { burst: 1, perSecond: 0.5 } });
    await list({});
    const refusal = (await list({}).catch((error: unknown) => error)) as RestError;
    expect(refusal).toMatchObject({ statusCode: 429, code: 'OperationNotAllowed' });
    expect(refusal.response?.headers.get('retry-after')).toBe('2');
    expect(refusal.response?.headers.get('x-ms-ratelimit-remaining-resource')).toBe('Microsoft.Compute/HighCostGet;0');
    // Other operations pass.
    expect(
      await noted((options) => clients.network.publicIPAddresses.list(group, options).byPage().next()),
    ).toBeDefined();
  });

  test('Azure Resource Manager logs each call with what it created, and each end of an operation, and no secret', async () => {
    await makeMachine(clients, 'vm');
    const lines = newLines();
    expect(lines.find((line) => line.operation === 'PUT virtualMachines')).toMatchObject({
      kind: 'arm',
      outcome: 'ok',
      name: 'vm',
      subscriptionId,
      remaining: 200,
      parametersHash: expect.any(String),
      operationId: expect.any(String),
      created: [expect.stringContaining('virtualMachines/vm'), expect.stringContaining('disks/vm-nic-os')],
      tags,
    });
    expect(lines.find((line) => line.operation === 'end of PUT virtualMachines')).toMatchObject({
      outcome: 'Succeeded',
      name: 'vm',
    });
    expect(JSON.stringify(lines)).not.toMatch(/Not-A-Real|customData/);
  });
});
