import type { MachineLocation } from '../../../domain/worker.js';
import { orNull, ProviderError } from '../../errors.js';
import { listPlaces } from '../../shared/partial-listing.js';
import type { MachineRef, Machines, Observation, ProviderContext } from '../../provider.js';
import type { AzureCalls, AzureClients } from '../arm/client.js';
import { listOthers, removeOthers } from './remaining-resources.js';
import { rememberedOwners, withDeployments } from './deployments.js';
import type { DeploymentRecords } from '../arm/deployments.js';
import { nameOf, rememberedFor } from '../model/resource-ids.js';
import { listPlace, listStep } from './resource-listing.js';
import { type Place, placeKey, placeOf } from '../arm/scope.js';
import { look } from './machine.js';
import { namesOf } from '../model/names.js';
import { observationOf, resourcesByWorker } from './observations.js';
import { type RemovalStep, removalSteps, type Resource } from '../model/resources.js';
import { SharedListings } from './shared-listings.js';

const DISKS_OF_NOBODY_MS = 5 * 60_000;

/** Looking at machines and taking them away, whichever way they were made. */
export function azureMachines(calls: AzureCalls, records: DeploymentRecords, context: ProviderContext): Machines {
  const listings = new SharedListings((place, step) => listStep(calls, place, step), context.deploymentId);
  /** `known` are those of this place. */
  async function* observePlace(place: Place, known: readonly MachineRef[]): AsyncGenerator<Observation[]> {
    // Deployments come first: what they have made by then is in the other lists.
    const deployments = await records.list(place);
    const begunAt = performance.now();
    const steps = new Set<RemovalStep>(removalSteps);
    const [others, listed] = await Promise.all([
      listOthers(calls, place, known),
      listPlace(calls, place, (vms) => {
        const needed = needsDisks(place, vms, known);
        if (!needed) steps.delete('disks');
        return needed;
      }),
    ]);
    const resources = [...others, ...listed];
    const byWorker = resourcesByWorker(resources, context.deploymentId, rememberedOwners(known));
    listings.note(place, { steps, begunAt, byWorker, resources });
    const groupOf = new Map(known.map(({ workerId, workerGroup }) => [workerId, workerGroup]));
    const machines = [...byWorker].map(([workerId, own]) => observationOf(workerId, own, place, groupOf.get(workerId)));
    yield withDeployments(machines, deployments.values(), { place, deploymentId: context.deploymentId, known });
  }
  const disksListedAt = new Map<string, number>();
  /** Where a VM is missing its disks may be all that is left; disks of nobody are looked for now and then. */
  function needsDisks(place: Place, vms: readonly Resource[], known: readonly MachineRef[]): boolean {
    const names = new Set(vms.map(({ name }) => name.toLowerCase()));
    const complete = known.length > 0 && known.every(({ workerId }) => names.has(workerId.toLowerCase()));
    const rested = performance.now() - (disksListedAt.get(placeKey(place)) ?? -Infinity) >= DISKS_OF_NOBODY_MS;
    if (complete && !rested) return false;
    disksListedAt.set(placeKey(place), performance.now());
    return true;
  }
  return {
    removalSteps,
    observe(locations, known = []) {
      const locationsByPlace = Map.groupBy(locations, placeKey);
      const knownByPlace = Map.groupBy(known, ({ location }) => placeKey(location));
      return listPlaces(
        placesOf(locations).map((place) => ({
          locations: locationsByPlace.get(placeKey(place)) ?? [],
          pages: observePlace(place, knownByPlace.get(placeKey(place)) ?? []),
        })),
      );
    },
    lookup: (machine) => look(calls, machine, placeOf(machine.location), context.deploymentId),
    async remove(machine, name) {
      const step = stepOf(name);
      const place = placeOf(machine.location);
      const names = new Set(await namesToRemove(machine, place, step));
      const verdicts = await Promise.allSettled([...names].map((each) => deleteOne(calls, place, step, each)));
      const failed = verdicts.find((verdict) => verdict.status === 'rejected');
      if (failed) throw failed.reason;
      if (step === 'disks') await removeOthers(calls, machine, context.deploymentId);
    },
  };

  async function namesToRemove(machine: MachineRef, place: Place, step: RemovalStep): Promise<string[]> {
    const vms = rememberedFor(machine, 'vm').map(nameOf);
    // A template may call its VM as it likes; one that is not remembered is found by its tags.
    if (step === 'vm' && (vms.length > 0 || !machine.made?.length))
      return [...deterministic(step, machine.workerId), ...vms];
    const others = await listings.namesOf(place, step, machine);
    // What a template made has names of its own; those that are still there are listed.
    return machine.made?.length && step !== 'vm' ? others : [...deterministic(step, machine.workerId), ...others];
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
async function deleteOne(calls: AzureCalls, { account, group }: Place, step: RemovalStep, name: string): Promise<void> {
  const begin: Readonly<Record<RemovalStep, (clients: AzureClients) => { submitted(): Promise<void> }>> = {
    vm: ({ compute }) => compute.virtualMachines.delete(group, name),
    networkInterface: ({ network }) => network.networkInterfaces.delete(group, name),
    publicIp: ({ network }) => network.publicIPAddresses.delete(group, name),
    disks: ({ compute }) => compute.disks.delete(group, name),
  };
  await orNull(calls.call(account, 'delete', `DELETE ${types[step]}`, (clients) => begin[step](clients).submitted()));
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

const placesOf = (locations: readonly MachineLocation[]): Place[] => [
  ...new Map(
    locations.flatMap(({ account, group }) =>
      account === null || group === null ? [] : [[placeKey({ account, group }), { account, group }] as const],
    ),
  ).values(),
];
