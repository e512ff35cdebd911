import type { MachineLocation } from '../../domain/worker.js';
import { ignoreNotFound } from '../errors.js';
import type { MachineRef, Machines, Observation, ProviderContext } from '../provider.js';
import { gone } from '../shared/gone.js';
import { listLocations } from '../shared/partial-listing.js';
import type { ComputeCalls } from './calls.js';
import { deleteInstance } from './delete-instance.js';
import { causeOf, explainEnd } from './explain.js';
import { getInstance, listInstances, observation, type ZoneRef } from './instances.js';
import { ofDeployment } from './tags.js';

const REMOVAL_STEP = 'instance';
/** Google takes a minute and a half for an ordinary one: the guest may shut down first. */
const REMOVAL_REPEAT_MS = 2 * 60_000;

export function googleMachines(calls: ComputeCalls, context: ProviderContext): Machines {
  async function* observeZone(ref: ZoneRef): AsyncGenerator<Observation[]> {
    for await (const instances of listInstances(calls, ref, ofDeployment(context.deploymentId))) {
      yield instances.map((instance) => observation(instance, ref, context.deploymentId));
    }
  }
  return {
    removalSteps: [REMOVAL_STEP],
    removalRepeatMs: REMOVAL_REPEAT_MS,
    observe: (locations) =>
      listLocations(
        [...byZone(locations).values()].map(({ ref, locations: own }) => ({ locations: own, pages: observeZone(ref) })),
      ),
    async get(machine) {
      const ref = refOf(machine);
      const instance = await ignoreNotFound(getInstance(calls, ref, machine.workerId));
      return instance === null ? gone(machine) : observation(instance, ref, context.deploymentId);
    },
    deleteResource: (machine) => deleteInstance(calls, refOf(machine), machine.workerId),
    explain: (machine) => explainEnd(calls, refOf(machine), machine.workerId),
    causeOf,
  };
}

/** Where the row says that the machine is; the worker group is the zone too. */
const refOf = ({ location, workerGroup }: MachineRef): ZoneRef => ({
  project: location.account ?? '',
  zone: location.group ?? workerGroup,
});

function byZone(locations: readonly MachineLocation[]) {
  const zones = new Map<string, { ref: ZoneRef; locations: MachineLocation[] }>();
  for (const location of locations) {
    if (location.account === null || location.group === null) continue;
    const key = `${location.account}/${location.group}`;
    const known = zones.get(key) ?? { ref: { project: location.account, zone: location.group }, locations: [] };
    known.locations.push(location);
    zones.set(key, known);
  }
  return zones;
}
