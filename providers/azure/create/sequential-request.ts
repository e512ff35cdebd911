import type { VirtualMachine } from '@azure/arm-compute';
import type { NetworkInterface, PublicIPAddress } from '@azure/arm-network';
import type { MachineLocation } from '../../../domain/worker.js';
import type { LaunchConfiguration } from '../../../domain/worker-pool.js';
import { ProviderError } from '../../errors.js';
import type { PreparedLaunch, LaunchSpec, ProviderContext } from '../../provider.js';
import type { AdminCredentials } from './admin.js';
import { customData } from './custom-data.js';
import { launchTags, MAX_TAG_LENGTH, type Tags, tooLongTag, withOwnNames, withWorker } from '../model/tags.js';
import { dataDiskName, namesOf } from '../model/names.js';
import { isWord } from '../model/words.js';

type DeleteOption = 'Delete' | 'Detach';

/** The request of a launch in sequential mode; the machines of one launch differ in their names only. */
export interface SequentialRequest {
  readonly mode: 'sequential';
  readonly publicIp: boolean;
  readonly location: string;
  readonly tags: Tags;
  readonly subnetId: string;
  /** What becomes of network interface and address when the VM is deleted. */
  readonly networkDeleteOption: DeleteOption;
  readonly customData: string;
  /** The definition of the VM, without what is a machine's own. */
  readonly vm: VirtualMachine;
}

/** Members of a launch config that are not the VM's. */
const ours = [
  'armDeployment',
  'armDeploymentResourceGroup',
  'capacityPerInstance',
  'ignoreFailedProvisioningStates',
  'location',
  'subnetId',
  'tags',
  'workerConfig',
  'workerManager',
];

/**
 * The request of an order, with what it leaves behind made explicit: everything is deleted with
 * its VM unless the definition says otherwise. Throws ProviderError(InvalidRequest) when Azure could never take it.
 */
export function prepareSequential(
  spec: LaunchSpec,
  place: Pick<MachineLocation, 'account' | 'group'>,
  context: ProviderContext,
): PreparedLaunch {
  const { configuration } = spec;
  const location = configuration.location as string;
  const request: SequentialRequest = {
    mode: 'sequential',
    publicIp: configuration.workerManager?.publicIp === true,
    location,
    tags: withOwnNames(launchTags(spec, location, context)),
    subnetId: configuration.subnetId as string,
    networkDeleteOption: networkDeleteOption(configuration),
    customData: customData(spec, location, context),
    vm: definitionOf(configuration),
  };
  const tooLong = tooLongTag(request.tags);
  if (tooLong) {
    throw new ProviderError({
      code: 'InvalidRequest',
      message: `The tag ${tooLong[0]} has ${tooLong[1].length} characters; Azure takes ${MAX_TAG_LENGTH}.`,
    });
  }
  return { token: spec.token, count: spec.count, location: { ...place, region: location }, request };
}

/**
 * The definition's own network interfaces exist once and cannot be had by every machine; their `deleteOption` is meant
 * for ours.
 */
function networkDeleteOption(configuration: LaunchConfiguration): DeleteOption {
  const profile = configuration.networkProfile as
    { networkInterfaces?: { primary?: boolean; deleteOption?: string }[] } | undefined;
  const interfaces = profile?.networkInterfaces ?? [];
  const main = interfaces.find(({ primary }) => primary) ?? interfaces[0];
  return isWord(main?.deleteOption, 'Detach') ? 'Detach' : 'Delete';
}

function definitionOf(configuration: LaunchConfiguration): VirtualMachine {
  const vm = Object.fromEntries(
    Object.entries(configuration).filter(([name]) => !ours.includes(name)),
  ) as Partial<VirtualMachine>;
  const { adminUsername: _name, adminPassword: _password, ...osProfile } = vm.osProfile ?? {};
  const { osDisk, dataDisks, ...storage } = vm.storageProfile ?? {};
  return {
    ...vm,
    location: configuration.location as string,
    osProfile,
    networkProfile: { ...vm.networkProfile, networkInterfaces: [] },
    storageProfile: {
      ...storage,
      osDisk: { deleteOption: 'Delete', createOption: 'FromImage', ...osDisk },
      ...(dataDisks && {
        dataDisks: dataDisks.map((disk) =>
          isWord(disk.createOption, 'Attach') ? disk : { deleteOption: 'Delete', ...disk },
        ),
      }),
    },
  };
}

/** What one machine's requests are written for. */
export interface Subject {
  readonly request: SequentialRequest;
  readonly workerId: string;
  readonly location: MachineLocation;
}

export const publicIpBody = ({ request, workerId }: Subject): PublicIPAddress => ({
  location: request.location,
  tags: withWorker(request.tags, workerId),
  publicIPAllocationMethod: 'Static',
  sku: { name: 'Standard' },
});

export function networkInterfaceBody(subject: Subject): NetworkInterface {
  const { request, workerId } = subject;
  const { networkInterface, publicIp } = namesOf(workerId);
  const address = {
    id: networkId(subject, 'publicIPAddresses', publicIp),
    deleteOption: request.networkDeleteOption,
  };
  return {
    location: request.location,
    tags: withWorker(request.tags, workerId),
    ipConfigurations: [
      {
        name: networkInterface,
        privateIPAllocationMethod: 'Dynamic',
        subnet: { id: request.subnetId },
        ...(request.publicIp && { publicIPAddress: address }),
      },
    ],
  };
}

export function virtualMachineBody(subject: Subject, admin: AdminCredentials): VirtualMachine {
  const { request, workerId } = subject;
  const { vm } = request;
  const names = namesOf(workerId);
  const id = networkId(subject, 'networkInterfaces', names.networkInterface);
  const { osDisk, dataDisks } = vm.storageProfile ?? {};
  return {
    ...vm,
    tags: withWorker(request.tags, workerId),
    osProfile: { ...vm.osProfile, computerName: names.computer, ...admin, customData: request.customData },
    networkProfile: {
      ...vm.networkProfile,
      networkInterfaces: [{ id, primary: true, deleteOption: request.networkDeleteOption }],
    },
    // Names of the definition would be the same for every machine (docs/taskcluster-compatibility.md#azure-names).
    storageProfile: {
      ...vm.storageProfile,
      ...(osDisk && { osDisk: { ...osDisk, name: names.osDisk } }),
      ...(dataDisks && {
        dataDisks: dataDisks.map((disk, index) =>
          isWord(disk.createOption, 'Attach') ? disk : { ...disk, name: dataDiskName(workerId, index + 1) },
        ),
      }),
    },
  };
}

const networkId = ({ location }: Subject, type: string, name: string): string =>
  `/subscriptions/${location.account}/resourceGroups/${location.group}/providers/Microsoft.Network/${type}/${name}`;
