import type { MachineLocation } from '../../../domain/worker.js';
import type { VirtualMachine } from '@azure/arm-compute';
import { ProviderError } from '../../errors.js';
import type { AzureCalls, AzureClients } from './client.js';
import {
  diskResource,
  networkInterfaceResource,
  publicIpResource,
  type RemovalStep,
  type Resource,
  statusesOf,
  vmResource,
} from '../model/resources.js';

/** A subscription and a resource group in it. */
export interface Place {
  readonly account: string;
  readonly group: string;
}

/** A stable text form of a place, for maps: Azure's names have no case. */
export const placeKey = ({ account, group }: Pick<MachineLocation, 'account' | 'group'>): string =>
  `${account}/${group}`.toLowerCase();

/** Where a row says that its machine is. Throws InvalidRequest for a row that was never a machine of Azure. */
export function placeOf({ account, group }: MachineLocation): Place {
  if (account !== null && group !== null) return { account, group };
  throw new ProviderError({
    code: 'InvalidRequest',
    message: 'A machine of Azure has a subscription and a resource group',
  });
}

/**
 * Everything in a resource group that machines consist of; disks only where `needsDisks` says so of the VMs: those of VMs
 * that are well tell nothing, and are as many as these. Throws when it is not complete.
 */
export async function listPlace(
  calls: AzureCalls,
  place: Place,
  needsDisks: (vms: readonly Resource[]) => boolean,
): Promise<Resource[]> {
  const [vms = [], ...network] = await Promise.all(
    (['vm', 'networkInterface', 'publicIp'] as const).map((step) => listStep(calls, place, step)),
  );
  const disks = needsDisks(vms) ? await listStep(calls, place, 'disks') : [];
  return [...vms, ...network.flat(), ...disks];
}

/** Everything of one kind in a resource group; nothing when the group is gone. */
export const listStep = (calls: AzureCalls, place: Place, step: RemovalStep): Promise<Resource[]> =>
  noneWithoutGroup(lists[step](calls, place));

/** What a list of a resource group gives; nothing when the group is gone, and all in it. */
export async function noneWithoutGroup<Item>(listing: Promise<Item[]>): Promise<Item[]> {
  try {
    return await listing;
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
 * Azure gives instance views of many VMs only for a whole subscription (REST: Virtual Machines, List All, `statusOnly`;
 * `$expand` of the list of a group needs the filter of a scale set), and does not promise tags and states with them: where
 * those are missing the group is listed as well.
 */
async function listVms(calls: AzureCalls, place: Place): Promise<Resource[]> {
  const all = await pages(calls, place, 'LIST virtualMachines', ({ compute }) =>
    compute.virtualMachines.listAll({ statusOnly: 'true' }),
  );
  const inGroup = `/resourcegroups/${place.group}/`.toLowerCase();
  const viewed = all.filter(({ id }) => id?.toLowerCase().includes(inGroup));
  if (viewed.every(({ tags, provisioningState }) => tags !== undefined && provisioningState !== undefined)) {
    return viewed.map((vm) => vmResource(vm, statusesOf(vm)));
  }
  const vms = await pages(calls, place, 'LIST virtualMachines', ({ compute }) =>
    compute.virtualMachines.list(place.group),
  );
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
