import { randomBytes } from 'node:crypto';
import { Refusal } from '../errors.js';
import { hashOf, listAt, objectAt, textAt, type Ending, type Properties } from './resource.js';
import type { Resource, ResourceKind } from './resource.js';
import type { ArmStore, ArmTimes } from './store.js';
import { resourceId } from './target.js';

interface Checked {
  readonly store: ArmStore;
  /** Of the resource itself. */
  readonly id: string;
  readonly body: Properties;
  readonly location: string;
}

/** What sets one kind of resource apart from the others. */
interface KindRules {
  readonly name: RegExp;
  /** The state while it is made, as the real provider names it. */
  readonly creating: 'Creating' | 'Updating';
  /** Whether its properties may change later. */
  readonly changeable: boolean;
  readonly createMs: (times: ArmTimes) => number;
  readonly deleteMs: (times: ArmTimes) => number;
  readonly busy: (resource: Resource) => Refusal;
  /** Throws what the service refuses at once. */
  readonly check: (checked: Checked) => void;
  /** The properties as GET shows them. */
  readonly shown: (properties: Properties, resource: Resource) => Properties;
  /** Marks what it uses; gives the ids of what came into being with it. */
  readonly attach: (store: ArmStore, resource: Resource, nowMs: number) => string[];
  /** How its creation ends when no fault says it. */
  readonly ending?: (store: ArmStore, resource: Resource, asked: Ending) => Ending;
  /** Throws while something holds it. */
  readonly mayDelete: (resource: Resource) => void;
}

const networkBusy = (resource: Resource): Refusal =>
  new Refusal(
    'AnotherOperationInProgress',
    `Another operation on this or dependent resource is in progress: ${resource.id}.`,
    409,
  );
const computeBusy = (resource: Resource): Refusal =>
  new Refusal(
    'OperationNotAllowed',
    `Another operation is in progress on '${resource.name}' (${resource.state}).`,
    409,
  );

const networkRules = {
  name: /^[A-Za-z0-9]([\w.-]{0,78}\w)?$/,
  creating: 'Updating',
  changeable: true,
  createMs: (times: ArmTimes) => times.networkCreateMs,
  deleteMs: (times: ArmTimes) => times.networkDeleteMs,
  busy: networkBusy,
  attach: (): string[] => [],
} as const;

const publicIPAddresses: KindRules = {
  ...networkRules,
  check: () => undefined,
  shown: (properties, resource) => ({
    publicIPAddressVersion: 'IPv4',
    idleTimeoutInMinutes: 4,
    ...properties,
    ipAddress: `198.18.${(resource.sequence >> 8) & 0xff}.${resource.sequence & 0xff}`,
  }),
  mayDelete: (address) => {
    if (address.usedBy === null) return;
    throw new Refusal(
      'PublicIPAddressCannotBeDeleted',
      `Public IP address ${address.id} can not be deleted since it is still allocated to resource ${address.usedBy}.`,
    );
  },
};

const publicAddressIds = (nic: Properties): string[] =>
  listAt(nic, 'ipConfigurations').flatMap((one) => textAt(one, 'properties', 'publicIPAddress', 'id') ?? []);

const networkInterfaces: KindRules = {
  ...networkRules,
  check: ({ store, id, body }) => {
    const configurations = listAt(body, 'properties', 'ipConfigurations');
    if (configurations.length === 0) {
      throw new Refusal('NetworkInterfaceMustHaveAtLeastOneIpConfiguration', `${id} has no IP configuration.`);
    }
    for (const one of configurations) requireSubnet(textAt(one, 'properties', 'subnet', 'id'));
    for (const address of publicAddressIds(objectAt(body, 'properties')))
      requireFree(store, address, id, 'PublicIPAddressInUse');
    const group = textAt(body, 'properties', 'networkSecurityGroup', 'id');
    if (group !== null) requireReady(store, group);
  },
  shown: (properties, resource) => ({
    ...properties,
    ipConfigurations: listAt(properties, 'ipConfigurations').map((one) => ({
      ...one,
      id: `${resource.id}/ipConfigurations/${textAt(one, 'name') ?? ''}`,
      properties: {
        ...objectAt(one, 'properties'),
        provisioningState: 'Succeeded',
        privateIPAddress: `10.${(resource.sequence >> 16) & 0xff}.${(resource.sequence >> 8) & 0xff}.${resource.sequence & 0xff}`,
      },
    })),
  }),
  attach: (store, nic) => {
    for (const id of publicAddressIds(nic.properties)) hold(store, id, nic);
    return [];
  },
  mayDelete: (nic) => {
    if (nic.usedBy === null) return;
    throw new Refusal('NicInUse', `Network Interface ${nic.id} is used by existing resource ${nic.usedBy}.`);
  },
};

const networkSecurityGroups: KindRules = {
  ...networkRules,
  check: () => undefined,
  shown: (properties) => properties,
  mayDelete: () => undefined,
};

const nicIds = (vm: Properties): string[] =>
  listAt(vm, 'networkProfile', 'networkInterfaces').flatMap((one) => textAt(one, 'id') ?? []);

/** 64 KiB before encoding. */
const MAX_CUSTOM_DATA_BYTES = 65_535;

const virtualMachines: KindRules = {
  name: /^[A-Za-z0-9]([\w.-]{0,62}\w)?$/,
  creating: 'Creating',
  changeable: false,
  createMs: (times) => times.vmCreateMs,
  deleteMs: (times) => times.vmDeleteMs,
  busy: computeBusy,
  check: ({ store, id, body }) => {
    if (!textAt(body, 'properties', 'hardwareProfile', 'vmSize')) throw missing('hardwareProfile.vmSize');
    if (listAt(body, 'properties', 'networkProfile', 'networkInterfaces').length === 0) {
      throw missing('networkProfile.networkInterfaces');
    }
    if (Object.keys(objectAt(body, 'properties', 'storageProfile')).length === 0) throw missing('storageProfile');
    checkOsProfile(body);
    for (const nic of nicIds(objectAt(body, 'properties'))) requireFree(store, nic, id, 'NicInUse');
  },
  shown: (properties, resource) => {
    const os = objectAt(properties, 'osProfile');
    const { adminPassword: _password, customData: _data, ...osProfile } = os;
    const { userData: _userData, ...rest } = properties;
    return {
      ...rest,
      vmId: resource.machine?.vmId,
      storageProfile: namedDisks(objectAt(properties, 'storageProfile'), resource),
      ...(Object.keys(os).length > 0 && { osProfile }),
      timeCreated: new Date(resource.createdMs).toISOString(),
    };
  },
  attach: (store, vm, nowMs) => {
    for (const id of nicIds(vm.properties)) hold(store, id, vm);
    return disksOf(vm).flatMap((disk) => makeDisk(store, vm, disk, nowMs));
  },
  ending: (store, vm, asked) => {
    const vmSize = textAt(vm.properties, 'hardwareProfile', 'vmSize') ?? '';
    if (asked.how !== 'succeed' || store.room(vm.location, vmSize) > 0) return asked;
    const message = `Allocation failed. There is no capacity for the size ${vmSize} in ${vm.location}.`;
    return { how: 'fail', failure: { code: 'AllocationFailed', message } };
  },
  mayDelete: () => undefined,
};

const extensions: KindRules = {
  ...virtualMachines,
  name: /^[\w./-]{1,160}$/,
  createMs: (times) => times.networkCreateMs,
  check: () => undefined,
  shown: (properties) => ({ ...properties, protectedSettings: undefined }),
  attach: () => [],
  ending: (_store, _resource, asked) => asked,
};

const disks: KindRules = {
  ...virtualMachines,
  name: /^[\w.-]{1,80}$/,
  createMs: (times) => times.networkCreateMs,
  deleteMs: (times) => times.diskDeleteMs,
  check: () => undefined,
  shown: (properties) => properties,
  attach: () => [],
  ending: (_store, _resource, asked) => asked,
  mayDelete: (disk) => {
    if (disk.usedBy === null) return;
    throw new Refusal('OperationNotAllowed', `Disk ${disk.name} is attached to VM ${disk.usedBy}.`, 409);
  },
};

export const kindRules: Readonly<Record<ResourceKind, KindRules>> = {
  publicIPAddresses,
  networkInterfaces,
  networkSecurityGroups,
  virtualMachines,
  extensions,
  disks,
};

/** The virtual machine is gone: lets go of what it held; what its `deleteOption` names goes with it. Ids of those. */
export function releaseMachine(store: ArmStore, vm: Resource): string[] {
  const gone: string[] = [];
  const forget = (resource: Resource): void => {
    store.forget(resource);
    gone.push(resource.id);
  };
  for (const one of listAt(vm.properties, 'networkProfile', 'networkInterfaces')) {
    const nic = letGo(store, textAt(one, 'id'), vm);
    if (!nic || textAt(one, 'properties', 'deleteOption') !== 'Delete') continue;
    for (const address of releaseInterface(store, nic)) forget(address);
    forget(nic);
  }
  for (const { id, deleteOption } of disksOf(vm)) {
    const disk = letGo(store, id, vm);
    if (disk && deleteOption === 'Delete') forget(disk);
  }
  for (const resource of [...store.resources()]) {
    if (resource.kind === 'extensions' && resource.usedBy === vm.id) forget(resource);
  }
  return gone;
}

/** The network interface is gone; gives the addresses that its `deleteOption` takes along (only when a machine goes). */
export function releaseInterface(store: ArmStore, nic: Resource): Resource[] {
  return listAt(nic.properties, 'ipConfigurations').flatMap((one) => {
    const address = letGo(store, textAt(one, 'properties', 'publicIPAddress', 'id'), nic);
    const taken = textAt(one, 'properties', 'publicIPAddress', 'properties', 'deleteOption') === 'Delete';
    return address && taken ? [address] : [];
  });
}

interface DiskOrder {
  readonly id: string;
  readonly name: string;
  readonly deleteOption: string;
}

/** All disks of a machine's storage profile, as shown. Without a `deleteOption` they are detached. */
function disksOf(vm: Resource): DiskOrder[] {
  const profile = objectAt(vm.properties, 'storageProfile');
  return [objectAt(profile, 'osDisk'), ...listAt(profile, 'dataDisks')].flatMap((disk) => {
    const [id, name] = [textAt(disk, 'managedDisk', 'id'), textAt(disk, 'name')];
    return id && name ? { id, name, deleteOption: textAt(disk, 'deleteOption') ?? 'Detach' } : [];
  });
}

/** Disks without a name get one like the real service's: `<machine>_OsDisk_1_<32 hexadecimal digits>`. */
function namedDisks(profile: Properties, vm: Resource): Properties {
  const seed = hashOf([vm.id, vm.machine?.vmId]) + hashOf(['disk', vm.machine?.vmId]);
  const complete = (disk: Properties, implicit: string): Properties => {
    const name = textAt(disk, 'name') ?? implicit;
    const id = resourceId(vm.subscriptionId, vm.resourceGroup, 'disks', name);
    return { ...disk, name, managedDisk: { ...objectAt(disk, 'managedDisk'), id } };
  };
  return {
    ...profile,
    osDisk: complete(objectAt(profile, 'osDisk'), `${vm.name}_OsDisk_1_${seed}`),
    dataDisks: listAt(profile, 'dataDisks').map((disk, index) => complete(disk, `${vm.name}_disk${index + 2}_${seed}`)),
  };
}

function makeDisk(store: ArmStore, vm: Resource, { id, name }: DiskOrder, nowMs: number): string[] {
  const known = store.resource(id);
  if (known) {
    known.usedBy = vm.id;
    return [];
  }
  store.keep({
    id,
    kind: 'disks',
    subscriptionId: vm.subscriptionId,
    resourceGroup: vm.resourceGroup,
    name,
    location: vm.location,
    sequence: store.nextSequence(),
    createdMs: nowMs,
    tags: { ...vm.tags },
    properties: { uniqueId: randomBytes(16).toString('hex') },
    extras: {},
    parametersHash: '',
    shapeHash: '',
    state: 'Succeeded',
    failure: null,
    operationId: null,
    usedBy: vm.id,
    machine: null,
  });
  return [id];
}

function checkOsProfile(body: Properties): void {
  const os = objectAt(body, 'properties', 'osProfile');
  if (Object.keys(os).length === 0) return;
  for (const name of ['computerName', 'adminUsername']) if (!textAt(os, name)) throw missing(`osProfile.${name}`);
  const windows = 'windowsConfiguration' in os;
  if ((textAt(os, 'computerName')?.length ?? 0) > (windows ? 15 : 64)) {
    throw new Refusal('InvalidParameter', 'The value of parameter osProfile.computerName is too long.');
  }
  const bytes = Buffer.from(textAt(os, 'customData') ?? '', 'base64').length;
  if (bytes > MAX_CUSTOM_DATA_BYTES) {
    throw new Refusal('InvalidParameter', `Custom data in OSProfile must be at most ${MAX_CUSTOM_DATA_BYTES} bytes.`);
  }
}

/** Any well-formed subnet exists, except one that is called `missing`. */
function requireSubnet(id: string | null): void {
  const pattern =
    /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.Network\/virtualNetworks\/[^/]+\/subnets\/([^/]+)$/i;
  const name = pattern.exec(id ?? '')?.[1];
  if (name === undefined || name === 'missing') {
    throw new Refusal('InvalidResourceReference', `Resource ${(id ?? '').slice(0, 300)} was not found.`);
  }
}

function requireReady(store: ArmStore, id: string): Resource {
  const resource = store.resource(id);
  if (!resource) throw new Refusal('InvalidResourceReference', `Resource ${id.slice(0, 300)} was not found.`);
  if (resource.state !== 'Succeeded') {
    throw new Refusal(
      'ReferencedResourceNotProvisioned',
      `Cannot proceed because resource ${id} is not in Succeeded state. Resource is in ${resource.state} state.`,
      409,
    );
  }
  return resource;
}

function requireFree(store: ArmStore, id: string, by: string, code: string): void {
  const { usedBy } = requireReady(store, id);
  if (usedBy !== null && usedBy !== by) throw new Refusal(code, `${id} is already used by ${usedBy}.`);
}

function hold(store: ArmStore, id: string, by: Resource): void {
  const held = store.resource(id);
  if (held) held.usedBy = by.id;
}

function letGo(store: ArmStore, id: string | null, by: Resource): Resource | null {
  const held = id === null ? undefined : store.resource(id);
  if (held?.usedBy !== by.id) return null;
  held.usedBy = null;
  return held;
}

const missing = (name: string): Refusal =>
  new Refusal('InvalidParameter', `Required parameter '${name}' is missing (null).`);
