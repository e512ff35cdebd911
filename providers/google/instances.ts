import type { MachineLocation } from '../../domain/worker.js';
import { ProviderError } from '../errors.js';
import type { LaunchedMachine, Observation } from '../provider.js';
import { type ComputeCalls, regionOf } from './calls.js';
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
const PAGE_SIZE = 500;
/** Says that a zone has nothing; every other warning, that something is left out. */
const NOTHING_THERE = 'NO_RESULTS_ON_PAGE';

interface Page {
  readonly kind?: string | null;
  readonly items?: readonly Instance[];
  readonly nextPageToken?: string | null;
  readonly warning?: { readonly code?: string | null; readonly message?: string | null } | null;
}

/** A zone of a project, as a call names it. */
export interface ZoneRef {
  readonly project: string;
  readonly zone: string;
}

/** All instances of a zone that the filter fits, page by page; throws where something may be left out. */
export async function* listInstances(calls: ComputeCalls, { project, zone }: ZoneRef, filter: string) {
  let pageToken = '';
  do {
    const page = (await calls.call({
      service: 'instances',
      method: 'list',
      callClass: 'read',
      zone,
      request: { project, filter, maxResults: PAGE_SIZE, ...(pageToken && { pageToken }) },
      fields: `kind,items(${INSTANCE}),nextPageToken,warning`,
    })) as Page;
    assertComplete(page);
    yield page.items ?? [];
    pageToken = page.nextPageToken ?? '';
  } while (pageToken);
}

/** An answer that is none of Compute Engine's, or says that it lacks something, proves no absence. */
function assertComplete({ kind, warning }: Page): void {
  const message =
    kind !== 'compute#instanceList'
      ? 'instances.list was answered without a list'
      : warning?.code && warning.code !== NOTHING_THERE
        ? `instances.list is not complete: ${warning.code}: ${warning.message ?? ''}`
        : null;
  if (message !== null) throw new ProviderError({ code: 'Unavailable', message });
}

export const getInstance = async (calls: ComputeCalls, { project, zone }: ZoneRef, id: string): Promise<Instance> =>
  (await calls.call({
    service: 'instances',
    method: 'get',
    callClass: 'read',
    zone,
    request: { project, instance: id },
    fields: INSTANCE,
    resource: `instances/${id}`,
  })) as Instance;

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
