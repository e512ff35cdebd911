import type { MachineLocation } from '../../domain/worker.js';
import { ignoreNotFound, ProviderError } from '../errors.js';
import type { MachineRef, Machines, Observation, ProviderContext } from '../provider.js';
import { gone } from '../shared/gone.js';
import { listLocations } from '../shared/partial-listing.js';
import type { ComputeCalls } from './calls.js';
import { causeOf, explainEnd } from './explain.js';
import { getInstance, listInstances, observation, type ZoneRef } from './instances.js';
import { deleteRequestId } from './names.js';
import { errorsOf, isDone, type Operation } from './operations.js';
import { reasonsOf } from './operation-errors.js';
import { ofDeployment } from './tags.js';

const REMOVAL_STEP = 'instance';
/** Google takes a minute and a half for an ordinary one: the guest may shut down first. */
const REMOVAL_REPEAT_MS = 2 * 60_000;
const HOUR_MS = 60 * 60_000;
/** Deletions of one machine that have failed within the hour; a further one is the next hour's. */
const MAX_FAILED_DELETIONS = 5;

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
    deleteResource: (machine) => deleteInstance(calls, machine),
    explain: (machine) => explainEnd(calls, refOf(machine), machine.workerId),
    causeOf,
  };
}

/**
 * A repeat within the hour gives the operation of the first again, so that Google never has two of one machine, which it
 * would refuse. One that has failed is followed by another.
 */
async function deleteInstance(calls: ComputeCalls, machine: MachineRef): Promise<void> {
  const { project, zone } = refOf(machine);
  const instance = machine.workerId;
  let turn = String(Math.floor(Date.now() / HOUR_MS));
  for (let failed = 0; failed < MAX_FAILED_DELETIONS; failed++) {
    const request = { project, instance, requestId: deleteRequestId(instance, turn) };
    const operation = (await ignoreNotFound(
      calls.call({
        service: 'instances',
        method: 'delete',
        callClass: 'delete',
        zone,
        request,
        resource: `instances/${instance}`,
      }),
    )) as Operation | null;
    if (!operation || !isDone(operation) || errorsOf(operation).length === 0) return;
    turn = `${turn} ${operation.name}`;
    if (failed === MAX_FAILED_DELETIONS - 1) throw keepsFailing(operation);
  }
}

const keepsFailing = (operation: Operation): ProviderError => {
  const [reason] = reasonsOf(errorsOf(operation));
  const message = `Google cannot delete the machine: ${reason?.message ?? 'no further words'}`;
  return new ProviderError({ code: 'Unavailable', message });
};

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
