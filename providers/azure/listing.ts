import type { MachineLocation } from '../../domain/worker.js';
import type { VirtualMachine } from '@azure/arm-compute';
import { ProviderError } from '../errors.js';
import type { AzureCalls, AzureClients } from './calls.js';
import {
  diskResource,
  networkInterfaceResource,
  publicIpResource,
  type RemovalStep,
  type Resource,
  statusesOf,
  vmResource,
} from './resources.js';

/** A subscription and a resource group in it. */
export interface Place {
  readonly account: string;
  readonly group: string;
}

/** Where a row says that its machine is. Throws InvalidRequest for a row that was never a machine of Azure. */
export function placeOf({ account, group }: MachineLocation): Place {
  if (account !== null && group !== null) return { account, group };
  throw new ProviderError({
    code: 'InvalidRequest',
    message: 'A machine of Azure has a subscription and a resource group',
  });
}

/**
 * Everything of the four kinds in a resource group. Disks come before the VMs that hold them, so that a disk without a VM
 * tells something. Throws when it is not complete.
 */
export async function listPlace(calls: AzureCalls, place: Place): Promise<Resource[]> {
  const others = await Promise.all(
    (['networkInterface', 'publicIp', 'disks'] as const).map((step) => listStep(calls, place, step)),
  );
  return [...others.flat(), ...(await listStep(calls, place, 'vm'))];
}

/** Everything of one kind in a resource group; nothing when the group is gone. */
export async function listStep(calls: AzureCalls, place: Place, step: RemovalStep): Promise<Resource[]> {
  try {
    return await lists[step](calls, place);
  } catch (error) {
    if (error instanceof ProviderError && error.cloudCode === 'ResourceGroupNotFound') return [];
    throw error;
  }
}

const lists: Readonly<Record<RemovalStep, (calls: AzureCalls, place: Place) => Promise<Resource[]>>> = {
  networkInterface: async (calls, place) =>
    (
      await pages(calls, place, 'LIST networkInterfaces', ({ network }) => network.networkInterfaces.list(place.group))
    ).map(networkInterfaceResource),
  publicIp: async (calls, place) =>
    (
      await pages(calls, place, 'LIST publicIPAddresses', ({ network }) => network.publicIPAddresses.list(place.group))
    ).map(publicIpResource),
  disks: async (calls, place) =>
    (await pages(calls, place, 'LIST disks', ({ compute }) => compute.disks.listByResourceGroup(place.group))).map(
      diskResource,
    ),
  vm: listVms,
};

/**
 * Azure gives instance views only of a whole subscription, and those without all properties (REST: Virtual Machines, List
 * All, `statusOnly`; `$expand` of the list of a group needs the filter of a scale set).
 */
async function listVms(calls: AzureCalls, place: Place): Promise<Resource[]> {
  const [vms, viewed] = await Promise.all([
    pages(calls, place, 'LIST virtualMachines', ({ compute }) => compute.virtualMachines.list(place.group)),
    pages(calls, place, 'LIST virtualMachines status', ({ compute }) =>
      compute.virtualMachines.listAll({ statusOnly: 'true' }),
    ),
  ]);
  const key = ({ id }: VirtualMachine) => id?.toLowerCase();
  const statuses = new Map(viewed.map((vm) => [key(vm), statusesOf(vm)]));
  return vms.map((vm) => vmResource(vm, statuses.get(key(vm)) ?? null));
}

interface Pages<Item> {
  byPage(settings: { continuationToken?: string }): AsyncIterator<Item[] & { continuationToken?: string }>;
}

/** All items of a list, one call for each page. */
export async function pages<Item>(
  calls: AzureCalls,
  { account }: Place,
  operation: string,
  list: (clients: AzureClients) => Pages<Item>,
): Promise<Item[]> {
  const items: Item[] = [];
  let continuationToken: string | undefined;
  do {
    const settings = continuationToken === undefined ? {} : { continuationToken };
    const page = await calls.call(account, 'read', operation, (clients) => list(clients).byPage(settings).next());
    if (page.done) break;
    items.push(...page.value);
    continuationToken = page.value.continuationToken;
  } while (continuationToken !== undefined);
  return items;
}
