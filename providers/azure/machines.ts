import type { MachineLocation } from '../../domain/worker.js';
import { ProviderError } from '../errors.js';
import { mergePages } from '../merge-pages.js';
import type { Machines, Observation, ProviderContext } from '../provider.js';
import type { AzureCalls, AzureClients } from './calls.js';
import { listPlace, listStep, type Place, placeOf } from './listing.js';
import { look } from './lookup.js';
import { namesOf } from './names.js';
import { observationOf, resourcesByWorker } from './observations.js';
import { type RemovalStep, removalSteps, type Resource } from './resources.js';

/** Removals of one scan's machines share one listing; what it misses is asked for again a minute later. */
const SHARED_FOR_MS = 3_000;

/** Looking at machines and taking them away, whichever way they were made. */
export function azureMachines(calls: AzureCalls, context: ProviderContext): Machines {
  const extras = new SharedListings((place, step) => listStep(calls, place, step), context.deploymentId);
  async function* observePlace(place: Place): AsyncGenerator<Observation[]> {
    const resources = await listPlace(calls, place);
    const byWorker = resourcesByWorker(resources, context.deploymentId);
    yield [...byWorker].map(([workerId, own]) => observationOf(workerId, own, place));
  }
  return {
    removalSteps,
    observe: (locations) => mergePages(placesOf(locations).map(observePlace)),
    lookup: (machine) => look(calls, machine, placeOf(machine.location), context.deploymentId),
    async remove(machine, name) {
      const step = stepOf(name);
      const place = placeOf(machine.location);
      // Nothing holds other VMs of a machine's than its own.
      const others = step === 'vm' ? [] : await extras.namesOf(place, step, machine.workerId);
      const names = new Set([...deterministic(step, machine.workerId), ...others]);
      const verdicts = await Promise.allSettled([...names].map((each) => deleteOne(calls, place, step, each)));
      const failed = verdicts.find((verdict) => verdict.status === 'rejected');
      if (failed) throw failed.reason;
    },
  };
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
  try {
    await calls.call(account, 'delete', `DELETE ${types[step]}`, (clients) => begin[step](clients).submitted());
  } catch (error) {
    if (!(error instanceof ProviderError) || error.code !== 'NotFound') throw error;
  }
}

const types: Readonly<Record<RemovalStep, string>> = {
  vm: 'virtualMachines',
  networkInterface: 'networkInterfaces',
  publicIp: 'publicIPAddresses',
  disks: 'disks',
};

/** Names of a machine's resources that do not follow from its id; from listings that removals at the same time share. */
class SharedListings {
  private readonly list: (place: Place, step: RemovalStep) => Promise<Resource[]>;
  private readonly deploymentId: string;
  private readonly latest = new Map<
    string,
    { readonly at: number; readonly byWorker: Promise<Map<string, Resource[]>> }
  >();

  constructor(list: (place: Place, step: RemovalStep) => Promise<Resource[]>, deploymentId: string) {
    this.list = list;
    this.deploymentId = deploymentId;
  }

  async namesOf(place: Place, step: RemovalStep, workerId: string): Promise<string[]> {
    const key = `${place.account}/${place.group}/${step}`;
    let entry = this.latest.get(key);
    if (!entry || performance.now() - entry.at > SHARED_FOR_MS) {
      const byWorker = this.list(place, step).then((resources) => resourcesByWorker(resources, this.deploymentId));
      entry = { at: performance.now(), byWorker };
      this.latest.set(key, entry);
      byWorker.catch(() => this.latest.delete(key));
    }
    return ((await entry.byWorker).get(workerId) ?? []).map(({ name }) => name);
  }
}

function stepOf(name: string): RemovalStep {
  const step = removalSteps.find((each) => each === name);
  if (step) return step;
  throw new ProviderError({ code: 'InvalidRequest', message: `There is no step ${name} to remove` });
}

const placesOf = (locations: readonly MachineLocation[]): Place[] => [
  ...new Map(
    locations.flatMap(({ account, group }) =>
      account === null || group === null ? [] : [[`${account}/${group}`.toLowerCase(), { account, group }] as const],
    ),
  ).values(),
];
