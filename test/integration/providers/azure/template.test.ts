import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ProviderError } from '../../../../providers/errors.js';
import type { PreparedLaunch, LaunchedMachine, LaunchSpec, MachineRef } from '../../../../providers/provider.js';
import {
  azureAt,
  azureSpec,
  buildMachine,
  detached,
  GROUP,
  LOCATION,
  quickAzure,
  SUBSCRIPTION,
} from '../../../support/azure-harness.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { recordedContext } from '../../../support/provider-context.js';
import { realPools, testRealData } from '../../../support/shared-data.js';
import { type SimulatorHandle, startSimulator } from '../../../../dev/testing/simulator.js';

let simulator: SimulatorHandle;
let at: ReturnType<typeof azureAt>;
/** Lines of the log before the test. */
let logged = 0;
beforeAll(async () => {
  simulator = await startSimulator({ ...quickAzure, azurePageSize: 200, azureDeploymentMs: 20 });
});
afterAll(() => simulator.stop());
beforeEach(async () => {
  await simulator.reset();
  logged = simulator.log().length;
  at = azureAt(simulator.azureEndpoint);
});

const link = (template: string): string =>
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/templates/providers/Microsoft.Resources/templateSpecs/${template}/versions/1.0`;

const spec = (template: string, changes: object = {}): LaunchSpec =>
  azureSpec({
    configuration: {
      armDeployment: {
        mode: 'Incremental',
        templateLink: { id: link(template) },
        parameters: { location: { value: LOCATION } },
      },
      workerConfig: {},
      ...changes,
    },
  });

/** Prepares the launch of one machine. */
function launchOf(one: LaunchSpec): { launch: PreparedLaunch; machine: LaunchedMachine } {
  const launch = at.launching.prepare(one);
  return { launch, machine: at.launching.machines(launch)[0]! };
}

const observed = async (machine: MachineRef) => {
  for await (const page of at.provider.machines!.observe([machine.location], [machine])) {
    for (const one of page) if (one.workerId === machine.workerId) return one;
  }
  return null;
};

/** As a lifecycle does: submits, waits until a scan shows the end of the deployment, has written down what it made. */
async function build(one: LaunchSpec): Promise<{ launch: PreparedLaunch; machine: LaunchedMachine; state: string }> {
  const { launch, machine } = launchOf(one);
  await at.launching.submit(launch, machine, 'deployment');
  const state = await eventually(async () => {
    const seen = (await observed(machine))?.resources['deployment'];
    return (seen === 'running' || seen === 'failed') && seen;
  });
  return { launch, machine, state };
}

async function track(launch: PreparedLaunch, machine: LaunchedMachine, stopping: boolean): Promise<readonly string[]> {
  const tracking = at.launching.tracking!;
  const { resources, hasRecord } = await untilAllowed(() => tracking.discover(launch, machine, stopping));
  if (hasRecord) await tracking.forget(launch, machine);
  return resources;
}

/** Repeats what Azure is not yet ready for. */
const untilAllowed = <T>(work: () => Promise<T>): Promise<T> =>
  eventually(async () => {
    try {
      return { value: await work() };
    } catch (error) {
      if (error instanceof ProviderError && error.retryable) return null;
      throw error;
    }
  }).then(({ value }) => value);

/** As a lifecycle does: step by step, each until a scan confirms that nothing of it is left. */
async function removeAll(launch: PreparedLaunch, machine: LaunchedMachine, known: readonly string[]): Promise<void> {
  const created = [...new Set([...known, ...(await track(launch, machine, true))])];
  const row = { ...machine, resourceIds: created };
  const machines = at.provider.machines!;
  if (created.length > 0) expect((await machines.get(row)).state).not.toBe('gone');
  for (const step of machines.removalSteps) {
    await untilAllowed(() => machines.deleteResource(row, step));
    await eventually(async () => {
      const seen = (await observed(row))?.resources[step];
      // Listings that removals share may be seconds old.
      if (seen === 'running') await untilAllowed(() => machines.deleteResource(row, step));
      return seen === undefined || seen === 'gone';
    });
  }
  expect((await machines.get(row)).state).toBe('gone');
}

const nothingLeft = () =>
  eventually(async () => {
    const { resources, deployments } = await simulator.azureState();
    return resources.length === 0 && deployments.length === 0;
  });

const kindsOf = (ids: readonly string[]): string[] => ids.map((id) => id.split('/').at(-2) ?? '').sort();
const outcomes = (operation: string): string[] =>
  simulator
    .log()
    .slice(logged)
    .flatMap((line) => (line.kind === 'arm' && line.operation === operation ? [line.outcome] : []))
    .sort();
const writes = (): string[] =>
  simulator
    .log()
    .slice(logged)
    .map(({ operation }) => operation)
    .filter((one) => one.startsWith('PUT '));

describe('a machine of an Azure template', () => {
  test.each([
    ['one-nic', ['networkInterfaces', 'virtualMachines']],
    [
      'two-nics',
      ['networkInterfaces', 'networkInterfaces', 'publicIPAddresses', 'publicIPAddresses', 'virtualMachines'],
    ],
    ['implicit-disk', ['networkInterfaces', 'virtualMachines']],
    ['nsg-and-extension', ['networkInterfaces', 'networkSecurityGroups', 'virtualMachines']],
  ])('the template %s is deployed with one write, tracked, and goes without a trace', async (template, kinds) => {
    const { launch, machine, state } = await build(spec(template));
    expect(state).toBe('running');
    expect((await observed(machine))?.state).toBe('running');
    const created = await track(launch, machine, false);
    expect(kindsOf(created)).toEqual(kinds);
    await eventually(async () => (await simulator.azureState()).deployments.length === 0);
    expect((await observed({ ...machine, resourceIds: created }))?.state).toBe('running');
    expect(writes()).toEqual(['PUT deployments']);
    await removeAll(launch, machine, created);
    await nothingLeft();
  });

  test('a template that fails half-way says why, and leaves nothing behind', async () => {
    const { launch, machine, state } = await build(spec('fails-half-way'));
    expect(state).toBe('failed');
    const reason = await at.launching.explain(machine, 'deployment', `deploy-${machine.workerId.slice(3)}`);
    expect(reason).toMatchObject({
      cloudCode: 'SkuNotAvailable',
      kind: 'arm-deployment-error',
      title: 'ARM Deployment Error',
    });
    expect(reason.message).toContain(machine.workerId);
    await removeAll(launch, machine, []);
    await nothingLeft();
  });

  test('a template that gives no tags to anything goes without a trace', async () => {
    const { launch, machine } = await build(spec('two-nics'));
    const created = await track(launch, machine, false);
    await simulator.untagAzure();
    expect((await observed({ ...machine, resourceIds: created }))?.resources).toMatchObject({
      vm: 'running',
      publicIp: 'running',
    });
    await removeAll(launch, machine, created);
    await nothingLeft();
  });

  test('a removal does not delete what others have tagged, tracked or not', async () => {
    const theirs = azureAt(
      simulator.azureEndpoint,
      {},
      recordedContext({ providerId: 'azure', deploymentId: 'c0ffee00-0000-4000-8000-00000000beef' }),
    );
    const [foreign] = await buildMachine(theirs, azureSpec({ configuration: detached }));
    const before = (await simulator.azureState()).resources.map(({ id }) => id).sort();
    const { launch, machine } = await build(spec('one-nic'));
    const created = await track(launch, machine, false);
    expect(created.filter((id) => before.includes(id))).toEqual([]);
    await removeAll(launch, machine, [...created, ...before]);
    expect((await simulator.azureState()).resources.map(({ id }) => id).sort()).toEqual(before);
    expect((await theirs.provider.machines!.get(foreign!)).state).toBe('running');
  });

  test('a removal cancels a deployment that is stuck', async () => {
    await simulator.addFault({ operation: 'PUT deployments', mode: 'stick-operation', id: 'stuck' });
    const { launch, machine } = launchOf(spec('nsg-and-extension'));
    await at.launching.submit(launch, machine, 'deployment');
    await eventually(async () => (await observed(machine))?.resources['vm'] === 'pending');
    await removeAll(launch, machine, []);
    await nothingLeft();
  });

  test('a deployment is created once, whatever becomes of the first answer', async () => {
    await simulator.addFault({ operation: 'PUT deployments', mode: 'lose-answer' });
    const { launch, machine } = launchOf(spec('one-nic'));
    const submit = () => at.launching.submit(launch, machine, 'deployment');
    await expect(submit()).rejects.toMatchObject({ code: 'Unavailable' });
    const name = await submit();
    expect(await submit()).toBe(name);
    expect(outcomes('PUT deployments')).toEqual(['ok']);
  });

  test('a deployment that a list did not show is not created again: Azure says that it is active', async () => {
    await simulator.addFault({ operation: 'PUT deployments', mode: 'stick-operation', id: 'stuck' });
    const { launch, machine } = launchOf(spec('one-nic'));
    const others = azureAt(simulator.azureEndpoint);
    const submitted = await Promise.all(
      [at, others].map(({ launching }) => launching.submit(launch, machine, 'deployment')),
    );
    expect(new Set(submitted).size).toBe(1);
    expect(outcomes('PUT deployments')).toEqual(['DeploymentActive', 'ok']);
  });

  test('a machine keeps its deployment where the launch config says so', async () => {
    const { launch, machine } = await build(spec('one-nic', { workerManager: { keepDeployment: true } }));
    const created = await track(launch, machine, false);
    await removeAll(launch, machine, created);
    const { resources, deployments } = await simulator.azureState();
    expect(resources).toEqual([]);
    expect(deployments).toHaveLength(1);
    expect(await observed({ ...machine, resourceIds: created })).toBeNull();
  });

  test('a template brings its own resource group, created once for all', async () => {
    const own = { armDeploymentResourceGroup: 'theirs' };
    await Promise.all(Array.from({ length: 4 }, () => build(spec('one-nic', own))));
    expect(outcomes('PUT resourceGroups')).toHaveLength(1);
    expect(outcomes('GET resourceGroups')).toHaveLength(1);
    expect((await simulator.azureState()).resources.every(({ id }) => id.includes('/resourceGroups/theirs/'))).toBe(
      true,
    );
  });

  test('a deployment is rejected in a group that is gone, or of a template that Azure refuses', async () => {
    const elsewhere = azureAt(simulator.azureEndpoint, { resourceGroupName: 'gone' });
    const launch = elsewhere.launching.prepare(spec('one-nic'));
    const [machine] = elsewhere.launching.machines(launch);
    const failed = { code: 'InvalidRequest', title: 'Failed to create ARM deployment' };
    await expect(elsewhere.launching.submit(launch, machine!, 'deployment')).rejects.toMatchObject(failed);
    await simulator.addFault({ operation: 'PUT deployments', mode: 'refuse', code: 'InvalidTemplate', status: 400 });
    const other = launchOf(spec('one-nic'));
    await expect(at.launching.submit(other.launch, other.machine, 'deployment')).rejects.toMatchObject(failed);
  });
});

test('many machines share their listings: each costs one write, and few reads', async () => {
  const one = at.launching.prepare({ ...spec('one-nic'), count: 50 });
  const machines = at.launching.machines(one);
  await Promise.all(machines.map((machine) => at.launching.submit(one, machine, 'deployment')));
  await eventually(async () => {
    let running = 0;
    for await (const page of at.provider.machines!.observe([one.location], machines)) {
      running += page.filter(({ resources }) => resources['deployment'] === 'running').length;
    }
    return running === 50;
  });
  const before = at.context.acquired.length;
  await Promise.all(machines.map((machine) => track(one, machine, false)));
  const tracking = at.context.acquired.slice(before).map(({ callClass }) => callClass);
  expect(tracking.filter((callClass) => callClass === 'read').length).toBeLessThanOrEqual(2);
  expect(at.context.acquired.filter(({ callClass }) => callClass === 'create')).toHaveLength(50);
});

testRealData('every Azure pool of the community is prepared as a request that Azure accepts', async () => {
  const configs = realPools()
    .flatMap((pool) => pool.config.launchConfigs ?? [])
    .filter((config) => 'armDeployment' in config);
  expect(configs).toHaveLength(40);
  expect(at.provider.validatePool({ minCapacity: 0, maxCapacity: 1, launchConfigs: configs })).toMatchObject({
    ok: true,
  });
  const launches = configs.map((configuration) => launchOf(azureSpec({ configuration })));
  await Promise.all(launches.map(({ launch, machine }) => at.launching.submit(launch, machine, 'deployment')));
  expect(new Set(launches.map(({ machine }) => machine.workerGroup)).size).toBeGreaterThan(1);
  await eventually(async () => {
    let running = 0;
    for await (const page of at.provider.machines!.observe([{ account: SUBSCRIPTION, region: null, group: GROUP }])) {
      running += page.filter(({ state }) => state === 'running').length;
    }
    return running === 40;
  });
});
