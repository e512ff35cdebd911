import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Deployment } from '@azure/arm-resourcesdeployments';
import { eventually } from '../../../dev/testing/eventually.js';
import { realPools, testRealData } from '../../support/shared-data.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';
import { all, azureClients, customData, fast, group, location, quick, raw, subscriptionId, tags } from './azure.js';
import type { AzureClients } from './azure.js';

let simulator: SimulatorHandle;
let clients: AzureClients;
beforeAll(async () => {
  simulator = await startSimulator({ ...quick, azurePageSize: 500 });
  clients = azureClients(simulator);
});
afterAll(() => simulator.stop());
beforeEach(() => simulator.reset());

const link = (template: string): string =>
  `/subscriptions/${subscriptionId}/resourceGroups/templates/providers/Microsoft.Resources/templateSpecs/${template}/versions/1.0`;

const secret = 'Not-A-Real-Pass-1';
const order = (template: string, vmName: string): Deployment => ({
  tags,
  properties: {
    mode: 'Incremental',
    templateLink: { id: link(template) },
    parameters: {
      location: { value: location },
      vmName: { value: vmName },
      tags: { value: tags },
      adminUsername: { value: 'somebody' },
      adminPassword: { value: secret },
      customData: { value: customData('http://127.0.0.1:1') },
    },
  },
});
const deploy = (template: string, name = 'deploy') =>
  clients.deployments.deployments.createOrUpdate(group, name, order(template, `vm-${name}`), fast);

const kinds = async (): Promise<string[]> =>
  (await simulator.azureState()).resources.map((one) => one.type.split('/').at(-1) ?? '').sort();
const refused = (code: string, statusCode: number) => expect.objectContaining({ code, statusCode });

describe('an Azure deployment', () => {
  test.each([
    ['one-nic', ['disks', 'networkInterfaces', 'virtualMachines'], []],
    [
      'two-nics',
      ['disks', 'networkInterfaces', 'networkInterfaces', 'publicIPAddresses', 'publicIPAddresses', 'virtualMachines'],
      ['disks', 'networkInterfaces', 'networkInterfaces', 'publicIPAddresses', 'publicIPAddresses'],
    ],
    ['implicit-disk', ['disks', 'networkInterfaces', 'virtualMachines'], ['disks', 'networkInterfaces']],
    [
      'nsg-and-extension',
      ['disks', 'extensions', 'networkInterfaces', 'networkSecurityGroups', 'virtualMachines'],
      ['networkSecurityGroups'],
    ],
  ])(
    'a deployment creates what its template says, and leaves of it what has no delete option',
    async (template, created, left) => {
      const done = await deploy(template);
      expect(done.properties).toMatchObject({
        provisioningState: 'Succeeded',
        outputs: { template: { value: template } },
      });
      expect(await kinds()).toEqual(created);
      const operations = await all(clients.deployments.deploymentOperations.list(group, 'deploy'));
      const targets = operations.map((one) => one.properties?.targetResource?.id);
      expect(targets).toEqual(done.properties?.outputResources?.map((one) => one.id));
      expect(new Set(operations.map((one) => one.properties?.provisioningState))).toEqual(new Set(['Succeeded']));
      await clients.compute.virtualMachines.delete(group, 'vm-deploy', fast);
      expect(await kinds()).toEqual(left);
    },
  );

  test('a deployment that fails half-way names what failed, and leaves what it created', async () => {
    await expect(deploy('fails-half-way')).rejects.toThrow('DeploymentFailed');
    const { properties } = await clients.deployments.deployments.get(group, 'deploy');
    expect(properties).toMatchObject({
      provisioningState: 'Failed',
      error: { code: 'DeploymentFailed', details: [{ code: 'SkuNotAvailable' }] },
    });
    const operations = await all(clients.deployments.deploymentOperations.list(group, 'deploy'));
    expect(operations.map((one) => one.properties?.provisioningState)).toEqual(['Succeeded', 'Succeeded', 'Failed']);
    expect(operations[2]?.properties).toMatchObject({
      targetResource: { resourceName: 'vm-deploy' },
      statusMessage: { error: { code: 'SkuNotAvailable' } },
    });
    expect(await kinds()).toEqual(['disks', 'networkInterfaces', 'publicIPAddresses', 'virtualMachines']);
  });

  test('a deployment fails or sticks at its machine on purpose', async () => {
    await simulator.addFault({ operation: 'PUT deployments', mode: 'fail-operation', code: 'AllocationFailed' });
    await expect(deploy('one-nic', 'failing')).rejects.toThrow('DeploymentFailed');
    await simulator.addFault({ operation: 'PUT deployments', mode: 'stick-operation', id: 'stuck' });
    const stuck = deploy('one-nic', 'stuck');
    await stuck.submitted();
    await simulator.faultHit('stuck');
    expect((await clients.deployments.deployments.get(group, 'stuck')).properties?.provisioningState).toBe('Running');
    await simulator.releaseFault('stuck');
    expect((await stuck).properties?.provisioningState).toBe('Succeeded');
  });

  test('a deployment can be neither repeated nor deleted while it runs, and leaves its resources when deleted', async () => {
    await simulator.addFault({ operation: 'PUT deployments', mode: 'stick-operation', id: 'stuck' });
    const running = deploy('one-nic');
    await running.submitted();
    await expect(deploy('one-nic')).rejects.toEqual(refused('DeploymentActive', 409));
    await expect(clients.deployments.deployments.delete(group, 'deploy', fast)).rejects.toEqual(
      refused('DeploymentActive', 409),
    );
    await simulator.releaseFault('stuck');
    await running;
    await clients.deployments.deployments.delete(group, 'deploy', fast);
    await expect(clients.deployments.deployments.get(group, 'deploy')).rejects.toEqual(
      refused('DeploymentNotFound', 404),
    );
    expect(await kinds()).toHaveLength(3);
  });

  test('a canceled deployment begins nothing more, finishes what it has begun, and can be deleted', async () => {
    await simulator.addFault({ operation: 'PUT deployments', mode: 'stick-operation', id: 'stuck' });
    await deploy('nsg-and-extension').submitted();
    await simulator.faultHit('stuck');
    await eventually(async () => (await kinds()).includes('virtualMachines'));
    await clients.deployments.deployments.cancel(group, 'deploy');
    expect((await clients.deployments.deployments.get(group, 'deploy')).properties?.provisioningState).toBe('Canceled');
    await expect(clients.deployments.deployments.cancel(group, 'deploy')).rejects.toEqual(
      refused('DeploymentCannotBeCanceled', 409),
    );
    await simulator.releaseFault('stuck');
    await eventually(
      async () => (await clients.compute.virtualMachines.get(group, 'vm-deploy')).provisioningState === 'Succeeded',
    );
    expect(await kinds()).not.toContain('extensions');
    await clients.deployments.deployments.delete(group, 'deploy', fast);
    expect((await simulator.azureState()).deployments).toEqual([]);
  });

  test('a deployment whose deletion is stuck stays until that is released', async () => {
    await deploy('one-nic');
    await simulator.addFault({ operation: 'DELETE deployments', mode: 'stick-operation', id: 'stuck' });
    const deletion = clients.deployments.deployments.delete(group, 'deploy', fast);
    await deletion.submitted();
    await simulator.faultHit('stuck');
    const shown = await clients.deployments.deployments.get(group, 'deploy');
    expect(shown.properties?.provisioningState).toBe('Deleting');
    await simulator.releaseFault('stuck');
    await deletion;
    expect((await simulator.azureState()).deployments).toEqual([]);
  });

  test('a deployment meets faults that target the resources of its pool’s machines', async () => {
    const refusing = async (operation: string, workerPoolId: string): Promise<void> => {
      await simulator.addFault({ operation, workerPoolId, mode: 'refuse', code: 'Conflict', status: 409 });
    };
    const { networkInterfaces } = clients.network;
    await refusing('PUT deployments', 'proj-example/other');
    await deploy('two-nics');
    for (const operation of ['PUT deployments', 'GET deployments', 'LIST deploymentOperations']) {
      await refusing(operation, tags['worker-pool-id']);
    }
    await expect(deploy('two-nics')).rejects.toEqual(refused('Conflict', 409));
    await expect(clients.deployments.deployments.get(group, 'deploy')).rejects.toEqual(refused('Conflict', 409));
    await expect(all(clients.deployments.deploymentOperations.list(group, 'deploy'))).rejects.toEqual(
      refused('Conflict', 409),
    );
    await refusing('GET networkInterfaces', 'proj-example/other');
    await networkInterfaces.get(group, 'vm-deploy-nic-1');
    await refusing('GET networkInterfaces', tags['worker-pool-id']);
    await expect(networkInterfaces.get(group, 'vm-deploy-nic-1')).rejects.toEqual(refused('Conflict', 409));
  });

  test('a deployment shows no secret, neither in its answers nor in the log', async () => {
    const before = simulator.log().length;
    await deploy('one-nic');
    const shown = await raw(
      simulator,
      'GET',
      `/resourcegroups/${group}/providers/Microsoft.Resources/deployments/deploy`,
    );
    expect(await shown.text()).not.toContain(secret);
    expect(JSON.stringify(simulator.log())).not.toContain(secret);
    const ordered = simulator
      .log()
      .slice(before)
      .filter(({ operation }) => operation === 'PUT deployments');
    expect(ordered).toEqual([expect.objectContaining({ tags })]);
  });

  test('a deployment is refused without its parameters or its template, and beyond 800 in a group', async () => {
    const path = `/resourcegroups/${group}/providers/Microsoft.Resources/deployments`;
    const put = async (name: string, properties: unknown) => {
      const answer = await raw(simulator, 'PUT', `${path}/${name}`, { properties });
      return ((await answer.json()) as { error?: { code: string } }).error?.code ?? answer.status;
    };
    const { properties } = order('one-nic', 'vm');
    expect(await put('bad', { ...properties, parameters: {} })).toBe('InvalidTemplate');
    expect(await put('bad', { ...properties, templateLink: undefined })).toBe('InvalidRequestContent');
    for (let number = 0; number < 800; number++) expect(await put(`d-${number}`, properties)).toBe(201);
    expect(await put('one-more', properties)).toBe('DeploymentQuotaExceeded');
    expect(await all(clients.deployments.deployments.listByResourceGroup(group))).toHaveLength(800);
  });

  testRealData('a deployment takes every template link of the community’s pools', async () => {
    const configs = realPools()
      .flatMap((pool) => pool.config.launchConfigs ?? [])
      .flatMap((one) => (one['armDeployment'] as Deployment['properties'] | undefined) ?? []);
    expect(configs).toHaveLength(40);
    await Promise.all(
      configs.map(async (properties, index) => {
        const own = order('unused', `vm-${index}`).properties?.parameters;
        const parameters = { ...own, ...properties.parameters };
        const body = { properties: { ...properties, parameters } };
        const done = await clients.deployments.deployments.createOrUpdate(group, `d-${index}`, body, fast);
        expect(done.properties?.provisioningState).toBe('Succeeded');
      }),
    );
  });
});
