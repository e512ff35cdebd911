import { describe, expect, test } from '@jest/globals';
import { adminCredentials } from '../../../../providers/azure/create/admin.js';
import { dataDiskName, namesOf, workerIdOf } from '../../../../providers/azure/model/names.js';
import {
  networkInterfaceBody,
  publicIpBody,
  type SequentialRequest,
  virtualMachineBody,
} from '../../../../providers/azure/create/sequential-request.js';
import { identifierPattern } from '../../../../domain/ids.js';
import {
  azureAt,
  azureLaunchConfig,
  azureSpec,
  detached,
  GROUP,
  SUBSCRIPTION,
} from '../../../support/azure-harness.js';
import { realPools, testRealData } from '../../../support/shared-data.js';

const { launching, context } = azureAt(null);
const prepare = (configuration: object, changes: object = {}) => {
  const launch = launching.prepare(
    azureSpec({ token: 'token', configuration: { ...configuration }, count: 2, ...changes }),
  );
  const machines = launching.machines(launch);
  const subjects = machines.map((machine) => ({ request: launch.request as SequentialRequest, ...machine }));
  return { launch, machines, subject: subjects[0]!, other: subjects[1]! };
};
const nicId = (name: string) =>
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.Network/networkInterfaces/${name}`;
const admin = { adminUsername: 'name', adminPassword: 'secret' };

describe('namesOf', () => {
  test('names follow from token and location, keep Azure’s limits, and differ', () => {
    const ids = Array.from({ length: 200 }, (_, index) => workerIdOf('token', index));
    expect(new Set(ids).size).toBe(200);
    expect(ids[0]).toBe(workerIdOf('token', 0));
    expect(ids[0]).not.toBe(workerIdOf('other', 0));
    for (const id of ids) {
      expect(id).toMatch(/^vm-[a-z0-9]{35}$/);
      expect(id).toMatch(identifierPattern);
      const names = namesOf(id);
      expect(names.computer).toMatch(/^[a-z][a-z0-9]{14}$/);
      expect(names.networkInterface).toMatch(/^nic-[a-z0-9]{20}$/);
      expect(names.publicIp).toMatch(/^pip-[a-z0-9]{20}$/);
      expect(dataDiskName(id, 1)).toBe(`disk-${id.slice(3)}-1`);
    }
  });
});

describe('a sequential launch request', () => {
  test('a sequential request is the same every time, and holds nothing secret', () => {
    const osProfile = { adminUsername: 'mine', adminPassword: 'hunter2', windowsConfiguration: { timeZone: 'UTC' } };
    const { launch, machines } = prepare({ ...azureLaunchConfig, osProfile });
    expect(prepare({ ...azureLaunchConfig, osProfile }).launch).toEqual(launch);
    expect(JSON.parse(JSON.stringify(launch))).toEqual(launch);
    expect(JSON.stringify(launch)).not.toMatch(/hunter2|admin/i);
    expect(launch.location).toEqual({ account: SUBSCRIPTION, region: 'eastus', group: GROUP });
    expect(machines.map(({ workerId }) => workerId)).toEqual([workerIdOf('token', 0), workerIdOf('token', 1)]);
    expect(machines[0]!.identityAttributes).toEqual({ vmId: null, subscriptionId: SUBSCRIPTION });
  });

  test('a sequential request has a step for an address only where one is wanted', () => {
    expect(launching.steps(prepare(azureLaunchConfig).launch)).toEqual(['networkInterface', 'vm']);
    expect(launching.steps(prepare(detached).launch)).toEqual(['publicIp', 'networkInterface', 'vm']);
  });

  test('a sequential request tags every resource as Taskcluster does, and as ours, whatever tags the definition has', () => {
    const tags = { Owner: 'thief', 'worker-manager-deployment': 'theirs', 'Worker-Id': 'x', purpose: 'tests' };
    const { subject } = prepare({ ...azureLaunchConfig, tags });
    const expected = {
      purpose: 'tests',
      'created-by': 'taskcluster-wm-azure',
      'managed-by': 'taskcluster',
      'provider-id': 'azure',
      'root-url': context.rootUrl,
      owner: 'me@example.com',
      'launch-config-id': 'lc-1',
      'worker-group': 'eastus',
      'worker-pool-id': 'proj/azure',
      'worker-manager-deployment': context.deploymentId,
      'worker-manager-launch': 'token',
      'worker-manager-names': 'follow-worker-id',
      'worker-id': subject.workerId,
    };
    for (const body of [publicIpBody(subject), networkInterfaceBody(subject), virtualMachineBody(subject, admin)]) {
      expect(body.tags).toEqual(expected);
    }
  });

  test('a sequential request gives the machine what it needs to find us, and no workerConfig', () => {
    const { subject } = prepare({ ...azureLaunchConfig, workerConfig: { big: 'thing' } });
    const { osProfile } = virtualMachineBody(subject, admin);
    expect(JSON.parse(Buffer.from(osProfile?.customData ?? '', 'base64').toString())).toEqual({
      workerPoolId: 'proj/azure',
      providerId: 'azure',
      workerGroup: 'eastus',
      rootUrl: context.rootUrl,
      workerConfig: {},
    });
    expect(osProfile).toMatchObject({ ...admin, computerName: namesOf(subject.workerId).computer });
  });

  test('a sequential request has all deleted with the VM, under names of the machine’s own', () => {
    const storageProfile = {
      osDisk: { createOption: 'FromImage', name: 'mine' },
      dataDisks: [
        { lun: 0, createOption: 'Empty', name: 'mine' },
        { lun: 1, createOption: 'Attach', managedDisk: { id: 'theirs' } },
      ],
    };
    const { subject, other } = prepare({ ...azureLaunchConfig, storageProfile, workerManager: { publicIp: true } });
    const names = namesOf(subject.workerId);
    expect(virtualMachineBody(subject, admin)).toMatchObject({
      networkProfile: {
        networkInterfaces: [{ id: nicId(names.networkInterface), primary: true, deleteOption: 'Delete' }],
      },
      storageProfile: {
        osDisk: { name: names.osDisk, deleteOption: 'Delete' },
        dataDisks: [
          { name: dataDiskName(subject.workerId, 1), deleteOption: 'Delete' },
          { lun: 1, createOption: 'Attach', managedDisk: { id: 'theirs' } },
        ],
      },
    });
    expect(networkInterfaceBody(subject).ipConfigurations).toMatchObject([
      { publicIPAddress: { id: expect.stringContaining(names.publicIp), deleteOption: 'Delete' } },
    ]);
    expect(virtualMachineBody(other, admin).storageProfile?.osDisk?.name).toBe(namesOf(other.workerId).osDisk);
  });

  test('a sequential request neither renames nor deletes an attached disk, whatever case the word is in', () => {
    const attached = { lun: 0, createOption: 'attach', managedDisk: { id: 'theirs' } };
    const storageProfile = { osDisk: { createOption: 'FromImage' }, dataDisks: [attached] };
    const { subject } = prepare({ ...azureLaunchConfig, storageProfile });
    expect(virtualMachineBody(subject, admin).storageProfile?.dataDisks).toEqual([attached]);
  });

  test('a sequential request keeps what the definition wants kept', () => {
    const { subject } = prepare(detached);
    expect(virtualMachineBody(subject, admin)).toMatchObject({
      networkProfile: { networkInterfaces: [{ deleteOption: 'Detach' }] },
      storageProfile: { osDisk: { deleteOption: 'Detach' }, dataDisks: [{ deleteOption: 'Detach' }] },
    });
    expect(networkInterfaceBody(subject).ipConfigurations).toMatchObject([
      { publicIPAddress: { deleteOption: 'Detach' } },
    ]);
  });

  test('a sequential request is rejected when it can never be sent', () => {
    const long = azureAt(null, {}, { ...context, rootUrl: `https://${'x'.repeat(70_000)}` }).launching;
    expect(() => long.prepare(azureSpec())).toThrow(
      expect.objectContaining({ code: 'InvalidRequest', title: 'Custom data is too long' }),
    );
    const owner = `${'x'.repeat(300)}@example.com`;
    expect(() => prepare(azureLaunchConfig, { owner })).toThrow(expect.objectContaining({ code: 'InvalidRequest' }));
  });

  testRealData('a sequential request is prepared for every real pool of this shape', () => {
    const real = realPools().flatMap(({ config }) => config.launchConfigs?.filter((one) => 'subnetId' in one) ?? []);
    expect(real.length).toBeGreaterThanOrEqual(29);
    for (const configuration of real) {
      const { subject } = prepare(configuration);
      const body = virtualMachineBody(subject, admin);
      expect(body).toMatchObject({ hardwareProfile: configuration.hardwareProfile, priority: configuration.priority });
      expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['workerConfig']));
    }
  });
});

test('the administrator’s credentials are the same every time, and others for every machine', () => {
  const { adminUsername, adminPassword } = adminCredentials(context, 'vm-1');
  expect(adminCredentials(context, 'vm-1')).toEqual({ adminUsername, adminPassword });
  expect(adminCredentials(context, 'vm-2').adminPassword).not.toBe(adminPassword);
  expect(adminUsername).toMatch(/^[a-z][a-z0-9]{19}$/);
  expect(adminPassword.length).toBeLessThanOrEqual(72);
  for (const kind of [/[a-z]/, /[A-Z]/, /[0-9]/, /[\W_]/]) expect(adminPassword).toMatch(kind);
});
