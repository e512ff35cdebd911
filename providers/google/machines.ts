import type { MachineLocation } from '../../domain/worker.js';
import { ignoreNotFound } from '../errors.js';
import type { MachineRef, Machines, Observation, ProviderContext } from '../provider.js';
import { gone } from '../shared/gone.js';
import { listLocations } from '../shared/partial-listing.js';
import type { ComputeCalls } from './calls.js';
import { deleteDisk, deleteInstance, SharedDeletions } from './delete-instance.js';
import { endedMachines } from './ends.js';
import { causeOf, explainEnd, preemptedOf } from './explain.js';
import { getInstance, listInstances, observation } from './instances.js';
import { DISK_STEP, inventoryOf, REMOVAL_STEP } from './inventory.js';
import type { ZoneRef } from './lists.js';
import { ofDeployment } from './tags.js';

/** Google takes a minute and a half for an ordinary one: the guest may shut down first. */
const REMOVAL_REPEAT_MS = 2 * 60_000;

export function googleMachines(calls: ComputeCalls, context: ProviderContext): Machines {
  const deletions = new SharedDeletions();
  async function* observeZone(ref: ZoneRef, known: readonly MachineRef[]): AsyncGenerator<Observation[]> {
    const missing = new Map(known.map((machine) => [machine.workerId, machine]));
    for await (const instances of listInstances(calls, ref, ofDeployment(context.deploymentId))) {
      for (const { id } of instances) missing.delete(id);
      yield instances.map((instance) => observation(instance, ref, context.deploymentId));
    }
    yield await endedMachines(calls, ref, [...missing.values()], context.deploymentId);
  }
  return {
    removalSteps: [REMOVAL_STEP],
    removalRepeatMs: REMOVAL_REPEAT_MS,
    deletesSingly: true,
    observe(locations, known = []) {
      const machinesIn = Map.groupBy(known, (machine) => keyOf(refOf(machine)));
      return listLocations(
        [...byZone(locations)].map(([key, { ref, locations: own }]) => ({
          locations: own,
          pages: observeZone(ref, machinesIn.get(key) ?? []),
        })),
      );
    },
    inventory: inventoryOf(calls, context),
    async get(machine) {
      const ref = refOf(machine);
      const instance = await ignoreNotFound(getInstance(calls, ref, machine.workerId));
      return instance === null ? gone(machine) : observation(instance, ref, context.deploymentId);
    },
    deleteResource: (machine, step) =>
      deletions.run(`${keyOf(refOf(machine))} ${step} ${machine.workerId}`, () =>
        step === DISK_STEP
          ? deleteDisk(calls, refOf(machine), machine.workerId)
          : deleteInstance(calls, refOf(machine), machine.workerId),
      ),
    explain: (machine) => explainEnd(calls, refOf(machine), machine.workerId),
    async explainTogether(machines) {
      const zones = [...Map.groupBy(machines, (machine) => keyOf(refOf(machine))).values()];
      return new Map((await Promise.all(zones.map((own) => preemptedOf(calls, refOf(own[0]!), own)))).flat());
    },
    causeOf,
  };
}

/** Where the row says that the machine is; the worker group is the zone too. */
const refOf = ({ location, workerGroup }: MachineRef): ZoneRef => ({
  project: location.account ?? '',
  zone: location.group ?? workerGroup,
});

const keyOf = ({ project, zone }: ZoneRef): string => `${project}/${zone}`;

function byZone(locations: readonly MachineLocation[]) {
  const zones = new Map<string, { ref: ZoneRef; locations: MachineLocation[] }>();
  for (const location of locations) {
    if (location.account === null || location.group === null) continue;
    const ref = { project: location.account, zone: location.group };
    const key = keyOf(ref);
    const known = zones.get(key) ?? { ref, locations: [] };
    known.locations.push(location);
    zones.set(key, known);
  }
  return zones;
}
