import { addressIn } from '../addresses.js';
import { Refusal } from '../errors.js';
import { listAt, objectAt, textAt } from '../members.js';
import type { KindRules } from './kind-rules.js';
import { same } from './lists.js';
import { hold, letGo, requireFree, requireReady, requireSubnet } from './references.js';
import type { Properties, Resource } from './resource.js';
import type { ArmStore, ArmTimes } from './store.js';

const networkBusy = (resource: Resource): Refusal =>
  new Refusal(
    'AnotherOperationInProgress',
    `Another operation on this or dependent resource is in progress: ${resource.id}.`,
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

export const publicIPAddresses: KindRules = {
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

export const networkInterfaces: KindRules = {
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
        privateIPAddress: addressIn(10, resource.sequence),
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

/**
 * The network interface is gone; gives the addresses that its `deleteOption` takes along (only when a machine goes).
 */
export function releaseInterface(store: ArmStore, nic: Resource): Resource[] {
  return listAt(nic.properties, 'ipConfigurations').flatMap((one) => {
    const address = letGo(store, textAt(one, 'properties', 'publicIPAddress', 'id'), nic);
    const taken = same(textAt(one, 'properties', 'publicIPAddress', 'properties', 'deleteOption'), 'Delete');
    return address && taken ? [address] : [];
  });
}

export const networkSecurityGroups: KindRules = {
  ...networkRules,
  check: () => undefined,
  shown: (properties) => properties,
  mayDelete: () => undefined,
};
