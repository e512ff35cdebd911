import type { MachineLocation } from '../../../domain/worker.js';
import { listLocations } from '../../shared/partial-listing.js';
import type { MachineRef, Machines, Observation, ProviderContext } from '../../provider.js';
import type { AzureCalls } from '../arm/client.js';
import { listOthers } from './remaining-resources.js';
import { trackedOwners, withDeployments } from './arm-deployments.js';
import type { Deployments } from '../arm/deployments.js';
import { listGroup } from './resource-listing.js';
import { type ResourceGroupRef, groupKey, groupRefOf } from '../arm/scope.js';
import { readMachine } from './machine.js';
import { observationOf, resourcesByWorker } from './observations.js';
import { type RemovalStep, removalSteps, type Resource } from '../model/resources.js';
import type { SharedListings } from './shared-listings.js';

const DISKS_OF_NOBODY_MS = 5 * 60_000;

/**
 * Reads machines, whichever way they were created. What a scan has listed is in `listings` for the deletions that
 * follow.
 */
export function machineReader(
  calls: AzureCalls,
  deployments: Deployments,
  listings: SharedListings,
  { deploymentId }: ProviderContext,
): Pick<Machines, 'observe' | 'get'> {
  /** `known` are those of this place. */
  async function* observeGroup(
    groupRef: ResourceGroupRef,
    known: readonly MachineRef[],
  ): AsyncGenerator<Observation[]> {
    // Deployments come first: what they have created by then is in the other lists.
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
    const byWorker = resourcesByWorker(resources, deploymentId, trackedOwners(known));
    listings.note(groupRef, { steps, begunAt, byWorker, resources });
    const groupOf = new Map(known.map(({ workerId, workerGroup }) => [workerId, workerGroup]));
    const machines = [...byWorker].map(([workerId, own]) =>
      observationOf(workerId, own, groupRef, groupOf.get(workerId)),
    );
    yield withDeployments(machines, deploymentsByName.values(), {
      groupRef,
      deploymentId,
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
    get: (machine) => readMachine(calls, machine, groupRefOf(machine.location), deploymentId),
  };
}

const groupsOf = (locations: readonly MachineLocation[]): ResourceGroupRef[] => [
  ...new Map(
    locations.flatMap(({ account, group }) =>
      account === null || group === null ? [] : [[groupKey({ account, group }), { account, group }] as const],
    ),
  ).values(),
];
