import type { VirtualMachine } from '@azure/arm-compute';
import type { AzureCalls } from '../arm/client.js';
import { emptyIfGroupMissing, pages } from '../arm/pages.js';
import type { ResourceGroupRef } from '../arm/scope.js';
import {
  diskResource,
  networkInterfaceResource,
  publicIpResource,
  type RemovalStep,
  type Resource,
  statusesOf,
  vmResource,
} from '../model/resources.js';

/**
 * Everything in a resource group that machines consist of; disks only where `needsDisks` says so of the VMs: those of
 * VMs that are well tell nothing, and are as many as these. Throws when it is not complete.
 */
export async function listGroup(
  calls: AzureCalls,
  groupRef: ResourceGroupRef,
  needsDisks: (vms: readonly Resource[]) => boolean,
): Promise<Resource[]> {
  const [vms = [], ...network] = await Promise.all(
    (['vm', 'networkInterface', 'publicIp'] as const).map((step) => listStep(calls, groupRef, step)),
  );
  const disks = needsDisks(vms) ? await listStep(calls, groupRef, 'disks') : [];
  return [...vms, ...network.flat(), ...disks];
}

/** Everything of one kind in a resource group; nothing when the group is gone. */
export const listStep = (calls: AzureCalls, groupRef: ResourceGroupRef, step: RemovalStep): Promise<Resource[]> =>
  emptyIfGroupMissing(lists[step](calls, groupRef));

const lists: Readonly<Record<RemovalStep, (calls: AzureCalls, groupRef: ResourceGroupRef) => Promise<Resource[]>>> = {
  networkInterface: async (calls, groupRef) =>
    (
      await pages(calls, groupRef, 'LIST networkInterfaces', ({ network }) =>
        network.networkInterfaces.list(groupRef.group),
      )
    ).map(networkInterfaceResource),
  publicIp: async (calls, groupRef) =>
    (
      await pages(calls, groupRef, 'LIST publicIPAddresses', ({ network }) =>
        network.publicIPAddresses.list(groupRef.group),
      )
    ).map(publicIpResource),
  disks: async (calls, groupRef) =>
    (
      await pages(calls, groupRef, 'LIST disks', ({ compute }) => compute.disks.listByResourceGroup(groupRef.group))
    ).map(diskResource),
  vm: listVms,
};

/**
 * Azure gives instance views of many VMs only for a whole subscription (REST: Virtual Machines, List All, `statusOnly`;
 * `$expand` of the list of a group needs the filter of a scale set), and does not promise tags and states with them:
 * where those are missing the group is listed as well.
 */
async function listVms(calls: AzureCalls, groupRef: ResourceGroupRef): Promise<Resource[]> {
  const all = await pages(calls, groupRef, 'LIST virtualMachines', ({ compute }) =>
    compute.virtualMachines.listAll({ statusOnly: 'true' }),
  );
  const inGroup = `/resourcegroups/${groupRef.group}/`.toLowerCase();
  const viewed = all.filter(({ id }) => id?.toLowerCase().includes(inGroup));
  if (viewed.every(({ tags, provisioningState }) => tags !== undefined && provisioningState !== undefined)) {
    return viewed.map((vm) => vmResource(vm, statusesOf(vm)));
  }
  const vms = await pages(calls, groupRef, 'LIST virtualMachines', ({ compute }) =>
    compute.virtualMachines.list(groupRef.group),
  );
  const key = ({ id }: VirtualMachine) => id?.toLowerCase();
  const statuses = new Map(viewed.map((vm) => [key(vm), statusesOf(vm)]));
  return vms.map((vm) => vmResource(vm, statuses.get(key(vm)) ?? null));
}
