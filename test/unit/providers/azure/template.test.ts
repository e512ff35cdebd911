import { describe, expect, test } from '@jest/globals';
import type { DeploymentExtended, DeploymentOperation } from '@azure/arm-resourcesdeployments';
import {
  deploymentState,
  isActive,
  reasonOf,
  targetsOf,
} from '../../../../providers/azure/model/arm-deployment-states.js';
import { trackedOwners, withDeployments } from '../../../../providers/azure/observe/arm-deployments.js';
import { createdDisks } from '../../../../providers/azure/create/resource-tracking.js';
import { deploymentBody, prepareDeployment, requestOf } from '../../../../providers/azure/create/template-request.js';
import {
  apiVersionOf,
  belongings,
  trackedIdsFor,
  otherTrackedIds,
  typeOf,
} from '../../../../providers/azure/model/resource-ids.js';
import { SingleFlight } from '../../../../providers/shared/single-flight.js';
import { machinesOf } from '../../../../providers/azure/create/launching.js';
import { withWorker } from '../../../../providers/azure/model/tags.js';
import type { LaunchSpec, Observation } from '../../../../providers/provider.js';
import { recordedContext } from '../../../support/provider-context.js';

const context = recordedContext();
const place = { account: '11111111-2222-4333-8444-555555555555', group: 'workers' };
const admin = { adminUsername: 'somebody', adminPassword: 'Not-A-Real-Pass-1' };

const spec = (changes: object = {}, armDeployment: object = {}): LaunchSpec => ({
  token: 'launch-1',
  workerPoolId: 'proj-example/azure',
  owner: 'owner@example.com',
  launchConfigId: 'lc-1',
  count: 2,
  configuration: {
    armDeployment: {
      mode: 'Incremental',
      templateLink: {
        id: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Resources/templateSpecs/t/versions/1',
      },
      parameters: { location: { value: 'eastus' }, vmSize: { value: 'Standard_F8s_v2' }, vmName: { value: 'theirs' } },
      ...armDeployment,
    },
    tags: { team: 'builds' },
    ...changes,
  },
});

const invalid = expect.objectContaining({ code: 'InvalidRequest' });
const preparing = (changes?: object, armDeployment?: object) => () =>
  prepareDeployment(spec(changes, armDeployment), place, context);

describe('the request of a deployment', () => {
  test('a deployment request has its own parameters over the definition’s, and gives each machine its name', () => {
    const launch = prepareDeployment(spec(), place, context);
    expect(launch).toMatchObject({ token: 'launch-1', count: 2, location: { ...place, region: 'eastus' } });
    const [first, second] = machinesOf(launch);
    const { properties, tags } = deploymentBody(requestOf(launch), first!, admin);
    expect(properties).toMatchObject({
      mode: 'Incremental',
      parameters: {
        location: { value: 'eastus' },
        vmSize: { value: 'Standard_F8s_v2' },
        vmName: { value: first!.workerId },
        adminUsername: { value: admin.adminUsername },
        adminPassword: { value: admin.adminPassword },
        tags: { value: { team: 'builds', 'worker-id': first!.workerId, owner: 'owner@example.com' } },
      },
    });
    expect(tags).toEqual(properties?.parameters?.['tags']?.value);
    const data = JSON.parse(Buffer.from(properties?.parameters?.['customData']?.value as string, 'base64').toString());
    expect(data).toMatchObject({ workerPoolId: 'proj-example/azure', workerGroup: 'eastus', workerConfig: {} });
    const other = deploymentBody(requestOf(launch), second!, admin).properties?.parameters;
    expect(other?.['vmName']).not.toEqual(properties?.parameters?.['vmName']);
    expect(String(other?.['computerName']?.value).length).toBeLessThanOrEqual(15);
  });

  test('a deployment request is prepared without an administrator, equal every time', () => {
    const prepared = JSON.stringify(prepareDeployment(spec(), place, context));
    expect(prepared).not.toMatch(/admin/i);
    expect(JSON.stringify(prepareDeployment(spec(), place, context))).toBe(prepared);
  });

  test('a deployment request goes into the launch config’s own group, which is then created on demand', () => {
    const own = prepareDeployment(spec({ armDeploymentResourceGroup: 'theirs' }), place, context);
    expect(own.location.group).toBe('theirs');
    expect(requestOf(own).createsGroup).toBe(true);
    expect(
      requestOf(prepareDeployment(spec({ armDeploymentResourceGroup: 'Workers' }), place, context)).createsGroup,
    ).toBe(false);
  });

  test.each([
    ['no location', {}, { parameters: {} }],
    ['a location that is no name', {}, { parameters: { location: { value: 'East US' } } }],
    ['the mode that deletes what other workers consist of', {}, { mode: 'Complete' }],
    ['a tag that is too long', { tags: { long: 'x'.repeat(257) } }, {}],
    ['a template that is too large', {}, { template: { text: 'x'.repeat(4 * 1024 * 1024) } }],
    [
      'too many parameters',
      {},
      {
        parameters: {
          location: { value: 'eastus' },
          ...Object.fromEntries(Array.from({ length: 255 }, (_, index) => [`p${index}`, { value: index }])),
        },
      },
    ],
  ])('a deployment request cannot be prepared with %s', (_, changes, armDeployment) => {
    expect(preparing(changes, armDeployment)).toThrow(invalid);
  });
});

const home = `/subscriptions/${place.account}/resourceGroups/${place.group}`;
const id = (type: string, name: string) => `${home}/providers/${type}/${name}`;
const vm = `vm-${'a'.repeat(35)}`;

describe('resources that a deployment created', () => {
  const nic = id('Microsoft.Network/networkInterfaces', `nic-${vm.slice(3)}-1`);
  const group = id('Microsoft.Network/networkSecurityGroups', `${vm}-nsg`);
  const disk = id('Microsoft.Compute/disks', 'implicit');

  test('a deployment’s resource belongs to the machine by its name, and a disk when it was created with the machine’s VM', () => {
    const machine = id('Microsoft.Compute/virtualMachines', vm);
    const shared = id('Microsoft.Network/networkSecurityGroups', 'shared');
    const created = [
      machine,
      nic,
      nic.toUpperCase(),
      group,
      disk,
      shared,
      `${machine}/extensions/setup`,
      id('Microsoft.Storage/storageAccounts', `${vm}x`),
      nic.replace(place.group, 'another'),
      '/subscriptions/x',
    ];
    expect(belongings(created, vm, place)).toEqual([machine, nic.toUpperCase(), group]);
    expect(belongings([], vm, place, [disk, shared])).toEqual([disk]);
  });

  test('a deployment’s resource is not tracked where its name may be that of others', () => {
    const others = [
      id('Microsoft.Network/publicIPAddresses', 'shared-ip'),
      id('Microsoft.Network/networkInterfaces', 'fixed-nic'),
      id('Microsoft.Compute/virtualMachines', 'fixed-vm'),
      id('Microsoft.Compute/disks', 'data'),
    ];
    expect(belongings(others, vm, place)).toEqual([]);
    const machine = {
      workerGroup: 'eastus',
      workerId: vm,
      location: { ...place, region: 'eastus' },
      resourceIds: others,
    };
    expect(['vm', 'networkInterface', 'publicIp'].flatMap((step) => trackedIdsFor(machine, step))).toEqual([]);
    expect([...trackedOwners([machine]).keys()]).toEqual([others[3]!.toLowerCase()]);
  });

  test('a deployment’s VM has the disks that were created with it, not those it was attached', () => {
    const disks = ['FromImage', 'Empty', 'Attach', 'attach', undefined].map((createOption, index) => ({
      ...(createOption !== undefined && { createOption }),
      managedDisk: { id: `/disks/${index}` },
    }));
    expect(createdDisks(disks)).toEqual(['/disks/0', '/disks/1']);
  });

  test('a deployment’s resources are deleted step by step, other types last', () => {
    const machine = {
      workerGroup: 'eastus',
      workerId: vm,
      location: { ...place, region: 'eastus' },
      resourceIds: [nic, group, disk],
    };
    expect(trackedIdsFor(machine, 'vm')).toEqual([]);
    expect(trackedIdsFor(machine, 'networkInterface')).toEqual([nic]);
    expect(trackedIdsFor(machine, 'disks')).toEqual([disk]);
    expect(otherTrackedIds(machine)).toEqual([group]);
    expect(trackedOwners([machine]).get(nic.toLowerCase())).toBe(vm);
  });

  test('a deployment’s resource has a type and a version of its service', () => {
    expect(typeOf(`${id('Microsoft.Compute/virtualMachines', vm)}/extensions/a`)).toBe(
      'microsoft.compute/virtualmachines/extensions',
    );
    expect(typeOf(`${home}/providers/Microsoft.Network/networkInterfaces/..`)).toBeNull();
    expect(apiVersionOf(disk)).not.toBe(apiVersionOf(nic));
    expect(() => apiVersionOf(id('Microsoft.Storage/storageAccounts', 'x'))).toThrow('no version');
  });
});

describe('the operations of a deployment', () => {
  const operation = (state: string, name: string, error?: object): DeploymentOperation => ({
    properties: {
      provisioningOperation: 'Create',
      provisioningState: state,
      targetResource: { id: `/x/${name}`, resourceName: name },
      ...(error && { statusMessage: { status: 'Failed', error } }),
    },
  });

  test('the operations of a deployment say why it failed, from the resource’s own error', () => {
    const failures = [
      operation('Succeeded', 'nic'),
      operation('Failed', 'vm', {
        code: 'ResourceDeploymentFailure',
        message: 'The resource failed.',
        details: [{ code: 'AllocationFailed', message: 'No room.' }],
      }),
      operation('Failed', 'vm', { code: 'AllocationFailed', message: 'No room.' }),
      operation('Failed', 'ip', { code: 'Other', message: 'Something.' }),
    ];
    expect(reasonOf(failures)).toEqual({ message: 'vm: No room.; ip: Something.', cloudCode: 'AllocationFailed' });
    expect(reasonOf([])).toEqual({ message: 'no operation of it says why', cloudCode: null });
  });

  test('the operations of a deployment name what was created, failed or not, and not what was only read', () => {
    const evaluated: DeploymentOperation = { properties: { provisioningOperation: 'EvaluateDeploymentOutput' } };
    expect(targetsOf([operation('Succeeded', 'nic'), operation('Failed', 'vm'), evaluated, {}])).toEqual([
      '/x/nic',
      '/x/vm',
    ]);
  });

  test.each([
    ['Succeeded', 'running', false],
    ['Failed', 'failed', false],
    ['Canceled', 'failed', false],
    ['Accepted', 'pending', true],
    ['Running', 'pending', true],
    ['SomethingNew', 'pending', true],
    ['Deleting', null, false],
    ['succeeded', 'running', false],
    ['FAILED', 'failed', false],
  ])('a deployment in the state %s is %s', (state, expected, active) => {
    expect(deploymentState(state)).toBe(expected);
    expect(isActive(state)).toBe(active);
  });
});

describe('withDeployments', () => {
  const tags = (workerId: string) => withWorker(requestOf(prepareDeployment(spec(), place, context)).tags, workerId);
  const deployment = (workerId: string, provisioningState: string, tagSet = tags(workerId)): DeploymentExtended => ({
    name: `deploy-${workerId}`,
    tags: tagSet,
    properties: { provisioningState },
  });
  const seen = (workerId: string, state: Observation['state']): Observation => ({
    workerGroup: 'eastus',
    workerId,
    location: { ...place, region: 'eastus' },
    state,
    reason: 'because',
    launchToken: 'launch-1',
    workerPoolId: 'proj-example/azure',
    resources: { vm: state },
  });
  const observed = (machines: Observation[], deployments: DeploymentExtended[], created: readonly string[] = []) =>
    withDeployments(machines, deployments, {
      groupRef: place,
      deploymentId: context.deploymentId,
      known: [
        { workerGroup: 'eastus', workerId: 'known', location: { ...place, region: 'eastus' }, resourceIds: created },
      ],
    });

  test('a deployment under way is shown as a machine to come', () => {
    expect(observed([], [deployment('new', 'Running')])).toEqual([
      expect.objectContaining({
        workerId: 'new',
        state: 'pending',
        launchToken: 'launch-1',
        resources: { deployment: 'pending' },
      }),
    ]);
  });

  test('a deployment that ended without a visible resource is shown to a worker without tracked resources', () => {
    const ended = [deployment('known', 'Failed'), deployment('unknown', 'Succeeded')];
    expect(observed([], ended)).toEqual([
      expect.objectContaining({ workerId: 'known', resources: { deployment: 'failed' } }),
    ]);
    expect(observed([], ended, ['/a'])).toEqual([]);
  });

  test('a deployment is added to its machine, and a failure is left for it to explain', () => {
    expect(observed([seen('known', 'failed')], [deployment('known', 'Running')])).toEqual([
      expect.objectContaining({ state: 'pending', reason: null, resources: { vm: 'failed', deployment: 'pending' } }),
    ]);
    expect(observed([seen('known', 'failed')], [deployment('known', 'Failed')])).toEqual([
      expect.objectContaining({ state: 'failed', resources: { vm: 'failed', deployment: 'failed' } }),
    ]);
  });

  test('a deployment of others, or one that is being deleted, is passed over', () => {
    const foreign = { ...tags('other'), 'worker-manager-deployment': 'another' };
    expect(observed([], [deployment('other', 'Running', foreign), deployment('known', 'Deleting')])).toEqual([]);
  });
});

describe('a shared listing', () => {
  test('a shared listing is read once for all who ask before it begins, and again for those who ask later', async () => {
    let begun = 0;
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const flight = new SingleFlight(async () => {
      const number = ++begun;
      await held;
      return number;
    }, 1);
    const first = [flight.run(), flight.run()];
    await Promise.resolve();
    await Promise.resolve();
    const later = flight.run();
    release();
    expect(await Promise.all([...first, later])).toEqual([1, 1, 2]);
  });
});
