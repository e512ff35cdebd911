import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { LaunchedMachine, Observation } from '../../../../providers/provider.js';
import {
  azureAt,
  azureLaunchConfig,
  azureSpec,
  buildMachine,
  detached,
  GROUP,
  LOCATION,
  quickAzure,
  SUBSCRIPTION,
} from '../../../support/azure-harness.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { realPools, testRealData } from '../../../support/shared-data.js';
import { startSimulator, type SimulatorHandle } from '../../../../dev/testing/simulator.js';

let simulator: SimulatorHandle;
let azure: ReturnType<typeof azureAt>;
/** Lines of the log before the test. */
let logged = 0;
beforeAll(async () => {
  simulator = await startSimulator({ ...quickAzure, tlsPort: 0, azureClientSecret: 'right' });
  azure = azureAt(simulator.azureEndpoint);
});
afterAll(() => simulator.stop());
beforeEach(async () => {
  await simulator.reset();
  await simulator.setAzureLimits({});
  logged = simulator.log().length;
});

const machines = () => azure.provider.machines!;
const names = async () => (await simulator.azureState()).resources.map(({ name }) => name);
const groupPath = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}`;

async function observe(machine: LaunchedMachine): Promise<Observation | undefined> {
  const seen: Observation[] = [];
  for await (const page of machines().observe([machine.location])) seen.push(...page);
  return seen.find(({ workerId }) => workerId === machine.workerId);
}

async function removeAll(machine: LaunchedMachine): Promise<void> {
  for (const step of machines().removalSteps) {
    await machines().deleteResource(machine, step);
    await eventually(async () => ((await observe(machine))?.resources[step] ?? 'gone') === 'gone');
  }
}

/** Requests the removal of a step; false while Azure puts it off. */
const removes = (machine: LaunchedMachine, step: string): Promise<boolean> =>
  machines()
    .deleteResource(machine, step)
    .then(
      () => true,
      () => false,
    );

/** Takes a launch up to its VM, and begins that. */
async function beginVm(configuration: object = azureLaunchConfig) {
  const launch = azure.launching.prepare(azureSpec({ configuration: { ...configuration } }));
  const [machine] = azure.launching.machines(launch);
  await eventually(async () => (await azure.launching.submit(launch, machine!, 'networkInterface')) === null);
  const submit = () => azure.launching.submit(launch, machine!, 'vm');
  return { machine: machine!, submit };
}

const put = (path: string, body: object) =>
  fetch(`${simulator.azureEndpoint}${groupPath}/providers/Microsoft.Network/${path}?api-version=2024-01-01`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

describe('a sequential machine of Azure', () => {
  test('a machine is created as address, network interface, VM, and deleted as VM, network interface, address, disks', async () => {
    const [machine] = await buildMachine(azure, azureSpec({ configuration: { ...detached } }));
    expect(await observe(machine!)).toMatchObject({
      workerGroup: LOCATION,
      state: 'running',
      resources: { publicIp: 'running', networkInterface: 'running', vm: 'running', disks: 'running' },
    });
    await removeAll(machine!);
    expect(await names()).toEqual([]);
    expect((await machines().get(machine!)).state).toBe('gone');
    const effective = simulator
      .log()
      .slice(logged)
      .filter(({ kind, operation, status }) => kind === 'arm' && /^(PUT|DELETE)/.test(operation) && status !== 204);
    expect(effective.map(({ operation }) => operation)).toEqual([
      'PUT publicIPAddresses',
      'PUT networkInterfaces',
      'PUT virtualMachines',
      'DELETE virtualMachines',
      'DELETE networkInterfaces',
      'DELETE publicIPAddresses',
      'DELETE disks',
      'DELETE disks',
    ]);
  });

  test('a machine of which nothing is to be kept goes with one call', async () => {
    const [machine] = await buildMachine(azure);
    await machines().deleteResource(machine!, 'vm');
    await eventually(async () => (await names()).length === 0);
    expect(await machines().get(machine!)).toMatchObject({ state: 'gone', resources: {} });
    expect(await observe(machine!)).toBeUndefined();
  });

  test('a machine shows all that is left of it, in however many pages Azure lists it', async () => {
    const dataDisks = [0, 1, 2].map((lun) => ({ lun, createOption: 'Empty', diskSizeGB: 30, deleteOption: 'Detach' }));
    const configuration = { ...detached, storageProfile: { ...detached.storageProfile, dataDisks } };
    const [machine] = await buildMachine(azure, azureSpec({ configuration }));
    for (const [step, left] of [
      ['vm', 6],
      ['networkInterface', 5],
    ] as const) {
      await machines().deleteResource(machine!, step);
      await eventually(async () => (await names()).length === left);
    }
    const lists = () => simulator.log().filter(({ operation }) => operation === 'LIST resources').length;
    const before = lists();
    expect(await machines().get(machine!)).toMatchObject({ resources: { publicIp: 'running', disks: 'running' } });
    // Five resources, three on a page.
    expect(lists() - before).toBe(2);
  });

  test('a machine costs two calls for each resource to create', async () => {
    const launch = azure.launching.prepare(azureSpec());
    const [machine] = azure.launching.machines(launch);
    const before = azure.context.acquired.length;
    const operation = await azure.launching.submit(launch, machine!, 'networkInterface');
    expect(operation).toMatch(/^\/subscriptions\/.*\/operations\//);
    expect(azure.context.acquired.slice(before).map((call) => `${call.callClass} ${call.operation}`)).toEqual([
      'read GET networkInterfaces',
      'create PUT networkInterfaces',
    ]);
  });

  test('a machine is not created again when an answer is lost, and a repeated request is equal', async () => {
    const { machine, submit } = await beginVm();
    await simulator.addFault({ operation: 'PUT virtualMachines', mode: 'lose-answer' });
    await expect(submit()).rejects.toMatchObject({ code: 'Unavailable', title: 'VM Creation Error' });
    await expect(submit()).resolves.toBe('begun before');
    await eventually(async () => (await submit()) === null);
    expect((await names()).filter((name) => name === machine.workerId)).toHaveLength(1);
    await simulator.reset();
    await simulator.addFault({ operation: 'PUT virtualMachines', mode: 'lose-request' });
    const again = await beginVm();
    await expect(again.submit()).rejects.toMatchObject({ code: 'Unavailable' });
    await again.submit();
    const hashes = simulator
      .log()
      .filter(({ operation, name }) => operation === 'PUT virtualMachines' && name === again.machine.workerId)
      .map(({ parametersHash }) => parametersHash);
    expect(hashes).toHaveLength(2);
    expect(hashes[0]).toBe(hashes[1]);
  });

  test('a machine that fails is shown as failed, not created again, and explained in Azure’s words', async () => {
    const { machine, submit } = await beginVm();
    await simulator.addFault({ operation: 'PUT virtualMachines', mode: 'fail-operation', code: 'AllocationFailed' });
    const operation = await submit();
    const seen = await eventually(async () => {
      const observation = await observe(machine);
      return observation?.state === 'failed' && observation;
    });
    expect(seen).toMatchObject({ resources: { vm: 'failed' }, reason: expect.stringMatching(/^AllocationFailed: /) });
    const reason = {
      code: 'InsufficientCapacity',
      cloudCode: 'AllocationFailed',
      message: 'The operation fails on purpose.',
    };
    expect(await azure.launching.explain(machine, 'vm', operation!)).toEqual(reason);
    expect(await submit()).toBe('begun before');
    expect(await azure.launching.explain(machine, 'vm', 'begun before')).toEqual(reason);
    const forgotten = operation!.replace(/operations\/[^?]*/, 'operations/none');
    expect(await azure.launching.explain(machine, 'vm', forgotten)).toEqual(reason);
  });

  test('a machine that failed to provision but runs is well, and so is one whose failure the pool ignores', async () => {
    const fault = {
      operation: 'PUT virtualMachines',
      mode: 'fail-provisioning',
      code: 'OSProvisioningTimedOut',
    } as const;
    await simulator.addFault({ ...fault, times: 2 });
    const running = await beginVm();
    await eventually(async () => (await running.submit()) === null);
    expect(await observe(running.machine)).toMatchObject({ state: 'running', resources: { vm: 'running' } });
    const ignoring = { workerManager: { ignoreFailedProvisioningStates: ['OSProvisioningTimedOut'] } };
    const ignored = await beginVm({ ...azureLaunchConfig, ...ignoring });
    await eventually(async () => (await ignored.submit()) === null);
    expect(await machines().get(ignored.machine)).toMatchObject({ state: 'running' });
  });

  test('a machine leaves no second network interface and no disk behind that others named', async () => {
    const storageProfile = { osDisk: { deleteOption: 'Detach' } };
    const networkProfile = { networkInterfaces: [{ deleteOption: 'Detach' }] };
    const [machine] = await buildMachine(
      azure,
      azureSpec({ configuration: { ...azureLaunchConfig, storageProfile, networkProfile } }),
    );
    const own = (await simulator.azureState()).resources.find(({ name }) => name === machine!.workerId)!;
    const ipConfigurations = [{ name: 'main', properties: { subnet: { id: azureLaunchConfig.subnetId } } }];
    const body = { location: LOCATION, tags: own.tags, properties: { ipConfigurations } };
    // As an older release tagged what it created: its names may be any.
    const { 'worker-manager-names': _names, ...tags } = own.tags;
    expect((await put('networkInterfaces/second', { ...body, tags })).status).toBe(201);
    expect((await put('networkInterfaces/copy', body)).status).toBe(201);
    await eventually(async () => (await observe(machine!))?.resources.networkInterface === 'running');
    await removeAll(machine!);
    expect(await names()).toEqual(['copy']);
  });

  test('a machine whose VM vanished is shown by what it left', async () => {
    const [machine] = await buildMachine(azure);
    await simulator.killMachine(machine!.workerId, { vanish: true });
    expect(await observe(machine!)).toMatchObject({ state: 'stopping', reason: 'its VM is gone' });
    expect(await machines().get(machine!)).toMatchObject({
      state: 'stopping',
      resources: { networkInterface: 'running', vm: 'gone' },
    });
    await removeAll(machine!);
    expect(await names()).toEqual([]);
  });

  test('a machine whose tags somebody has taken away is not taken for gone, and can be removed', async () => {
    const [machine] = await buildMachine(azure);
    await simulator.untagAzure();
    expect(await machines().get(machine!)).toMatchObject({ state: 'running', resources: { vm: 'running' } });
    for (const step of machines().removalSteps) await eventually(() => removes(machine!, step));
    await eventually(async () => (await names()).length === 0);
    expect((await machines().get(machine!)).state).toBe('gone');
  });

  test('a machine that a list misses for a moment is not taken for gone', async () => {
    const [machine] = await buildMachine(azure);
    await simulator.hideMachine(machine!.workerId, 60_000);
    expect(await observe(machine!)).toMatchObject({ state: 'pending', resources: { networkInterface: 'running' } });
    expect((await machines().get(machine!)).state).toBe('running');
  });

  test('a machine that stopped has failed', async () => {
    const [machine] = await buildMachine(azure);
    await simulator.killMachine(machine!.workerId);
    expect(await observe(machine!)).toMatchObject({ state: 'failed', reason: 'the VM is stopped' });
  });

  test('a machine is removed from where its row says, whatever the configuration says now', async () => {
    const [machine] = await buildMachine(azure);
    const moved = azureAt(simulator.azureEndpoint, { resourceGroupName: 'another' });
    await moved.provider.machines!.deleteResource(machine!, 'vm');
    await eventually(async () => !(await names()).includes(machine!.workerId));
  });
});

testRealData(
  'every real pool of this shape is launched, and goes away again',
  async () => {
    const real = realPools().flatMap(({ config }) => config.launchConfigs?.filter((one) => 'subnetId' in one) ?? []);
    expect(real.length).toBeGreaterThanOrEqual(29);
    const created = await Promise.all(real.map((configuration) => buildMachine(azure, azureSpec({ configuration }))));
    expect((await names()).length).toBeGreaterThanOrEqual(3 * real.length);
    await Promise.all(created.map(([machine]) => machines().deleteResource(machine!, 'vm')));
    await eventually(async () => (await names()).length === 0);
  },
  30_000,
);

describe('wrong definitions and locations', () => {
  test('a subnet that does not exist has the network interface refused', async () => {
    const subnetId = azureLaunchConfig.subnetId.replace(/default$/, 'missing');
    const launch = azure.launching.prepare(azureSpec({ configuration: { ...azureLaunchConfig, subnetId } }));
    const [machine] = azure.launching.machines(launch);
    await expect(azure.launching.submit(launch, machine!, 'networkInterface')).rejects.toMatchObject({
      code: 'InvalidRequest',
      cloudCode: 'InvalidResourceReference',
      title: 'NIC Creation Error',
    });
    expect(await names()).toEqual([]);
  });

  test('a resource group that is gone has setup and launches refused, and holds no machine', async () => {
    const lost = azureAt(simulator.azureEndpoint, { resourceGroupName: 'gone' });
    await expect(lost.provider.setup()).rejects.toMatchObject({ code: 'InvalidRequest' });
    const launch = lost.launching.prepare(azureSpec());
    const [machine] = lost.launching.machines(launch);
    await expect(lost.launching.submit(launch, machine!, 'networkInterface')).rejects.toMatchObject({
      code: 'InvalidRequest',
    });
    const pages = [];
    for await (const page of lost.provider.machines!.observe([machine!.location])) pages.push(...page);
    expect(pages).toEqual([]);
    expect((await lost.provider.machines!.get(machine!)).state).toBe('gone');
    for (const step of machines().removalSteps) await lost.provider.machines!.deleteResource(machine!, step);
  });

  test('a throttled call says when to come back', async () => {
    await simulator.setAzureLimits({
      reads: { burst: 1, perSecond: 0.1 },
      writes: { burst: 9, perSecond: 9 },
      deletes: { burst: 9, perSecond: 9 },
    });
    await azure.provider.setup();
    await expect(azure.provider.setup()).rejects.toMatchObject({
      code: 'Throttled',
      cloudCode: 'SubscriptionRequestsThrottled',
      retryAfterMs: expect.any(Number),
    });
  });
});

describe('credentials over TLS', () => {
  let directory: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'azure-provider-'));
    writeFileSync(join(directory, 'ca.pem'), (await simulator.azureCertificates()).tlsCa);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** In a process of its own, which trusts the simulator's authority by NODE_EXTRA_CA_CERTS as a deployment would. */
  function setUpWith(secret: string): string[] {
    const base = `https://127.0.0.1:${simulator.tlsPort}`;
    const config = {
      clientId: 'client',
      secret,
      domain: '99999999-8888-4777-8666-555555555555',
      authorityHost: `${base}/azure-login`,
    };
    const env = { ...process.env, NODE_OPTIONS: '', NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem') };
    const program = 'test/support/azure-setup-process.ts';
    const args = [
      '--import',
      './scripts/typescript.mjs',
      program,
      `${base}/azure`,
      JSON.stringify(config),
      simulator.url,
    ];
    const ran = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
    if (ran.status !== 0) throw new Error(ran.stderr);
    return ran.stdout.trim().split('\n');
  }

  test('a right secret is accepted', () => {
    expect(setUpWith('right')).toEqual(['ok']);
  });

  test('a wrong secret makes the provider unhealthy, in words that do not repeat it, until it is the right one', () => {
    const [refused, afterwards] = setUpWith('wr0ng-secret');
    expect(refused).toMatch(/^failed: .*clientId, secret, domain.*AADSTS7000215/);
    expect(refused).not.toContain('wr0ng-secret');
    expect(afterwards).toBe('ok');
  });
});
