import type { MachineLocation } from '../../domain/worker.js';
import { ProviderError } from '../errors.js';
import type { LaunchedMachine, Observation } from '../provider.js';
import { type ComputeCalls, regionOf } from './calls.js';
import { type Listing, listPages, type ZoneRef } from './lists.js';
import { stateOf } from './states.js';
import { readTags } from './tags.js';

/** What of an instance is read; its metadata is most of it, and is not. */
export interface Instance {
  readonly id: string;
  readonly name: string;
  readonly status?: string | null;
  readonly statusMessage?: string | null;
  readonly creationTimestamp?: string | null;
  readonly labels?: Readonly<Record<string, string>> | null;
  readonly description?: string | null;
}

const INSTANCE = 'id,name,status,statusMessage,creationTimestamp,labels,description';
const listing: Listing = { service: 'instances', kind: 'compute#instanceList', fields: INSTANCE };

/** All instances of a zone that the filter fits, page by page; throws where something may be left out. */
export const listInstances = (calls: ComputeCalls, ref: ZoneRef, filter: string): AsyncIterable<readonly Instance[]> =>
  listPages<Instance>(calls, listing, ref, filter);

/** Throws NotFound where Google says that there is no such machine; an answer without one says nothing of it. */
export async function getInstance(calls: ComputeCalls, { project, zone }: ZoneRef, id: string): Promise<Instance> {
  const instance = (await calls.call({
    service: 'instances',
    method: 'get',
    callClass: 'read',
    zone,
    request: { project, instance: id },
    fields: INSTANCE,
    resource: `instances/${id}`,
  })) as Partial<Instance>;
  if (instance.id) return instance as Instance;
  throw new ProviderError({ code: 'Unavailable', message: 'instances.get was answered without a machine' });
}

export const locationOf = ({ project, zone }: ZoneRef): MachineLocation => ({
  account: project,
  region: regionOf(zone),
  group: zone,
});

/** What an identity token is compared with is fixed when the machine is created. */
export const launchedMachine = (
  instance: Pick<Instance, 'id' | 'creationTimestamp'> & { readonly name: string | null },
  ref: ZoneRef,
): LaunchedMachine => ({
  workerGroup: ref.zone,
  workerId: instance.id,
  location: locationOf(ref),
  identityAttributes: { name: instance.name, creationTimestamp: instance.creationTimestamp ?? null },
});

export const observation = (instance: Instance, ref: ZoneRef, deploymentId: string): Observation => ({
  workerGroup: ref.zone,
  workerId: instance.id,
  location: locationOf(ref),
  state: stateOf(instance.status),
  reason: instance.statusMessage || null,
  ...readTags(instance, deploymentId),
  resources: {},
});
