import { Refusal } from '../errors.js';
import { listAt, objectAt, textAt } from '../members.js';
import { shortageCodes } from '../shortages.js';
import { disksOf, makeDisk, namedDisks } from './disks.js';
import { computeRules, type KindRules } from './kind-rules.js';
import { same } from './lists.js';
import { releaseInterface } from './network-kinds.js';
import { hold, letGo, requireFree } from './references.js';
import type { Properties, Resource } from './resource.js';
import type { ArmStore } from './store.js';

const nicIds = (vm: Properties): string[] =>
  listAt(vm, 'networkProfile', 'networkInterfaces').flatMap((one) => textAt(one, 'id') ?? []);

/** 64 KiB before encoding. */
const MAX_CUSTOM_DATA_BYTES = 65_535;

export const virtualMachines: KindRules = {
  ...computeRules,
  name: /^[A-Za-z0-9]([\w.-]{0,62}\w)?$/,
  createMs: (times) => times.vmCreateMs,
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
  ending: (store, vm, requested) => {
    const vmSize = textAt(vm.properties, 'hardwareProfile', 'vmSize') ?? '';
    if (requested.how !== 'succeed' || store.room(vm.location, vmSize) > 0) return requested;
    const message = `Allocation failed. There is no capacity for the size ${vmSize} in ${vm.location}.`;
    return { how: 'fail', failure: { code: shortageCodes.azure, message } };
  },
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
    if (!nic || !same(textAt(one, 'properties', 'deleteOption'), 'Delete')) continue;
    for (const address of releaseInterface(store, nic)) forget(address);
    forget(nic);
  }
  for (const { id, deleteOption } of disksOf(vm)) {
    const disk = letGo(store, id, vm);
    if (disk && same(deleteOption, 'Delete')) forget(disk);
  }
  for (const resource of [...store.resources()]) {
    if (resource.kind === 'extensions' && resource.usedBy === vm.id) forget(resource);
  }
  return gone;
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

const missing = (name: string): Refusal =>
  new Refusal('InvalidParameter', `Required parameter '${name}' is missing (null).`);

export const extensions: KindRules = {
  ...computeRules,
  name: /^[\w./-]{1,160}$/,
  createMs: (times) => times.networkCreateMs,
  shown: (properties) => ({ ...properties, protectedSettings: undefined }),
};
