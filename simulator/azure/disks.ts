import { randomBytes } from 'node:crypto';
import { Refusal } from '../errors.js';
import { listAt, objectAt, textAt } from '../members.js';
import { computeRules, type KindRules } from './kind-rules.js';
import { hashOf, type Properties, type Resource } from './resource.js';
import type { ArmStore } from './store.js';
import { resourceId } from './target.js';

export const disks: KindRules = {
  ...computeRules,
  name: /^[\w.-]{1,80}$/,
  createMs: (times) => times.networkCreateMs,
  deleteMs: (times) => times.diskDeleteMs,
  shown: (properties) => properties,
  mayDelete: (disk) => {
    if (disk.usedBy === null) return;
    throw new Refusal('OperationNotAllowed', `Disk ${disk.name} is attached to VM ${disk.usedBy}.`, 409);
  },
};

interface DiskRequest {
  readonly id: string;
  readonly name: string;
  readonly deleteOption: string;
}

/** All disks of a machine's storage profile, as shown. Without a `deleteOption` they are detached. */
export function disksOf(vm: Resource): DiskRequest[] {
  const profile = objectAt(vm.properties, 'storageProfile');
  return [objectAt(profile, 'osDisk'), ...listAt(profile, 'dataDisks')].flatMap((disk) => {
    const [id, name] = [textAt(disk, 'managedDisk', 'id'), textAt(disk, 'name')];
    return id && name ? { id, name, deleteOption: textAt(disk, 'deleteOption') ?? 'Detach' } : [];
  });
}

/** Disks without a name get one like the real service's: `<machine>_OsDisk_1_<32 hexadecimal digits>`. */
export function namedDisks(profile: Properties, vm: Resource): Properties {
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

export function makeDisk(store: ArmStore, vm: Resource, { id, name }: DiskRequest, nowMs: number): string[] {
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
