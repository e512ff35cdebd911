import type { MachineLocation } from '../../../domain/worker.js';
import { ignoreNotFound, ProviderError } from '../../errors.js';
import { listLocations } from '../../shared/partial-listing.js';
import type { MachineRef, Machines, Observation, ProviderContext } from '../../provider.js';
import type { AzureCalls, AzureClients } from '../arm/client.js';
import { listOthers, removeOthers } from './remaining-resources.js';
import { trackedOwners, withDeployments } from './deployments.js';
import type { Deployments } from '../arm/deployments.js';
import { nameOf, trackedIdsFor } from '../model/resource-ids.js';
import { listGroup, listStep } from './resource-listing.js';
import { type ResourceGroupRef, groupKey, groupRefOf } from '../arm/scope.js';
import { readMachine } from './machine.js';
import { namesOf } from '../model/names.js';
import { observationOf, resourcesByWorker } from './observations.js';
import { type RemovalStep, removalSteps, type Resource } from '../model/resources.js';
import { SharedListings } from './shared-listings.js';

const DISKS_OF_NOBODY_MS = 5 * 60_000;

/** Reading machines and deleting them, whichever way they were made. */
export function azureMachines(calls: AzureCalls, deployments: Deployments, context: ProviderContext): Machines {
  const listings = new SharedListings((groupRef, step) => listStep(calls, groupRef, step), context.deploymentId);
  /** `known` are those of this place. */
  async function* observeGroup(
    groupRef: ResourceGroupRef,
    known: readonly MachineRef[],
  ): AsyncGenerator<Observation[]> {
    // Deployments come first: what they have made by then is in the other lists.
    const deploymentsByName = await deployments.list(groupRef);
    const begunAt = performance.now();
    const steps = new Set<RemovalStep>(removalSteps);
    const [others, listed] = await Promise.all([
      listOthers(calls, groupRef, known),
      listGroup(calls, groupRef, (vms) => {
        const needed = needsDisks(groupRef, vms, known);
        if (!needed) steps.delete('disks');
        return needed;
      }),
    ]);
    const resources = [...others, ...listed];
    const byWorker = resourcesByWorker(resources, context.deploymentId, trackedOwners(known));
    listings.note(groupRef, { steps, begunAt, byWorker, resources });
    const groupOf = new Map(known.map(({ workerId, workerGroup }) => [workerId, workerGroup]));
    const machines = [...byWorker].map(([workerId, own]) =>
      observationOf(workerId, own, groupRef, groupOf.get(workerId)),
    );
    yield withDeployments(machines, deploymentsByName.values(), {
      groupRef,
      deploymentId: context.deploymentId,
      known,
    });
  }
  const disksListedAt = new Map<string, number>();
  /** Where a VM is missing its disks may be all that is left; disks of nobody are listed now and then. */
  function needsDisks(groupRef: ResourceGroupRef, vms: readonly Resource[], known: readonly MachineRef[]): boolean {
    const names = new Set(vms.map(({ name }) => name.toLowerCase()));
    const complete = known.length > 0 && known.every(({ workerId }) => names.has(workerId.toLowerCase()));
    const isDue = performance.now() - (disksListedAt.get(groupKey(groupRef)) ?? -Infinity) >= DISKS_OF_NOBODY_MS;
    if (complete && !isDue) return false;
    disksListedAt.set(groupKey(groupRef), performance.now());
    return true;
  }
  return {
    removalSteps,
    observe(locations, known = []) {
      const locationsByGroup = Map.groupBy(locations, groupKey);
      const knownByGroup = Map.groupBy(known, ({ location }) => groupKey(location));
      return listLocations(
        groupsOf(locations).map((groupRef) => ({
          locations: locationsByGroup.get(groupKey(groupRef)) ?? [],
          pages: observeGroup(groupRef, knownByGroup.get(groupKey(groupRef)) ?? []),
        })),
      );
    },
    get: (machine) => readMachine(calls, machine, groupRefOf(machine.location), context.deploymentId),
    async remove(machine, name) {
      const step = stepOf(name);
      const groupRef = groupRefOf(machine.location);
      const names = new Set(await namesToRemove(machine, groupRef, step));
      const verdicts = await Promise.allSettled([...names].map((each) => deleteOne(calls, groupRef, step, each)));
      const failed = verdicts.find((verdict) => verdict.status === 'rejected');
      if (failed) throw failed.reason;
      if (step === 'disks') await removeOthers(calls, machine, context.deploymentId);
    },
  };

  async function namesToRemove(machine: MachineRef, groupRef: ResourceGroupRef, step: RemovalStep): Promise<string[]> {
    const vms = trackedIdsFor(machine, 'vm').map(nameOf);
    // A template may call its VM as it likes; one that is not tracked is found by its tags.
    if (step === 'vm' && (vms.length > 0 || !machine.resourceIds?.length))
      return [...deterministic(step, machine.workerId), ...vms];
    const others = await listings.namesOf(groupRef, step, machine);
    // What a template made has names of its own; those that are still there are listed.
    return machine.resourceIds?.length && step !== 'vm'
      ? others
      : [...deterministic(step, machine.workerId), ...others];
  }
}

const deterministic = (step: RemovalStep, workerId: string): string[] => {
  const names = namesOf(workerId);
  return {
    vm: [names.vm],
    networkInterface: [names.networkInterface],
    publicIp: [names.publicIp],
    disks: [names.osDisk],
  }[step];
};

/** Accepted, or not there. Another operation on it (409) is Unavailable: the caller asks again. */
async function deleteOne(
  calls: AzureCalls,
  { account, group }: ResourceGroupRef,
  step: RemovalStep,
  name: string,
): Promise<void> {
  const begin: Readonly<Record<RemovalStep, (clients: AzureClients) => { submitted(): Promise<void> }>> = {
    vm: ({ compute }) => compute.virtualMachines.delete(group, name),
    networkInterface: ({ network }) => network.networkInterfaces.delete(group, name),
    publicIp: ({ network }) => network.publicIPAddresses.delete(group, name),
    disks: ({ compute }) => compute.disks.delete(group, name),
  };
  await ignoreNotFound(
    calls.call(account, 'delete', `DELETE ${types[step]}`, (clients) => begin[step](clients).submitted()),
  );
}

const types: Readonly<Record<RemovalStep, string>> = {
  vm: 'virtualMachines',
  networkInterface: 'networkInterfaces',
  publicIp: 'publicIPAddresses',
  disks: 'disks',
};

function stepOf(name: string): RemovalStep {
  const step = removalSteps.find((each) => each === name);
  if (step) return step;
  throw new ProviderError({ code: 'InvalidRequest', message: `There is no step ${name} to remove` });
}

const groupsOf = (locations: readonly MachineLocation[]): ResourceGroupRef[] => [
  ...new Map(
    locations.flatMap(({ account, group }) =>
      account === null || group === null ? [] : [[groupKey({ account, group }), { account, group }] as const],
    ),
  ).values(),
];
