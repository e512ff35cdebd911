import { ProviderError } from '../errors.js';
import type { Machines, ProviderContext, TaggedResource } from '../provider.js';
import { mergePages } from '../shared/merge-pages.js';
import type { ComputeCalls } from './calls.js';
import { type Instance, locationOf } from './instances.js';
import { type AnyPage, missingBy, pagesOf, type Warning } from './lists.js';
import { isDiskName, isMachineName, launchLabel } from './names.js';
import { LAUNCH_TAG } from '../shared/tags.js';
import { isOfDeployment, ofDeployment, readTags } from './tags.js';

/** All that there is of a machine while it is there. */
export const REMOVAL_STEP = 'instance';
/** Of a disk that outlived its machine. */
export const DISK_STEP = 'disk';

interface Disk {
  readonly id: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>> | null;
  /** Machines that hold it. */
  readonly users?: readonly string[] | null;
}

interface Page extends AnyPage {
  readonly kind?: string | null;
  readonly items?: Readonly<Record<string, { readonly warning?: Warning | null } & Readonly<Record<string, unknown>>>>;
  readonly unreachables?: readonly string[] | null;
  readonly warning?: Warning | null;
}

/** One list over all zones of each project for machines, and one for the disks that no machine holds. */
export const inventoryOf =
  (calls: ComputeCalls, { deploymentId }: ProviderContext): Machines['inventory'] =>
  (locations, tokens) => {
    const projects = new Set([calls.project, ...locations.flatMap(({ account }) => account ?? [])]);
    const filter = ofDeployment(deploymentId);
    const known = launchesByLabel(tokens);

    async function* instances(project: string): AsyncGenerator<TaggedResource[]> {
      for await (const found of aggregated<Instance>(calls, 'instances', project, filter)) {
        yield found.map(({ item, zone }) => taggedInstance(item, { project, zone }, deploymentId));
      }
    }
    async function* disks(project: string): AsyncGenerator<TaggedResource[]> {
      for await (const found of aggregated<Disk>(calls, 'disks', project, filter)) {
        const free = found.filter(({ item }) => !item.users?.length && isOfDeployment(item, deploymentId));
        const launches = free.length > 0 ? await known() : new Map<string, string>();
        yield free.map(({ item, zone }) => taggedDisk(item, { project, zone }, launches));
      }
    }
    return mergePages([...projects].flatMap((project) => [instances(project), disks(project)]));
  };

/** Tokens of the known launches by what a label says of them; read once, and only when a disk needs it. */
function launchesByLabel(tokens: () => Promise<readonly string[]>): () => Promise<ReadonlyMap<string, string>> {
  let reading: Promise<ReadonlyMap<string, string>> | undefined;
  const read = async () => new Map((await tokens()).map((token) => [launchLabel(token), token]));
  return () => (reading ??= read());
}

/** Its description, which fits its labels, has the token; its name is one of those that the launch requested. */
function taggedInstance(
  instance: Instance,
  ref: Parameters<typeof locationOf>[0],
  deploymentId: string,
): TaggedResource {
  const { launchToken, workerPoolId } = readTags(instance, deploymentId);
  return {
    workerGroup: ref.zone,
    workerId: instance.id,
    location: locationOf(ref),
    resourceId: `${ref.zone}/${instance.name}`,
    step: REMOVAL_STEP,
    isMachine: true,
    launchToken,
    isOurs: launchToken !== null && workerPoolId !== null && isMachineName(instance.name, workerPoolId, launchToken),
  };
}

/** A disk is called after its machine, and its label tells the launch. */
function taggedDisk(
  { id, name, labels }: Disk,
  ref: Parameters<typeof locationOf>[0],
  launches: ReadonlyMap<string, string>,
): TaggedResource {
  const label = labels?.[LAUNCH_TAG] ?? '';
  return {
    workerGroup: ref.zone,
    workerId: id,
    location: locationOf(ref),
    resourceId: `${ref.zone}/disks/${name}`,
    step: DISK_STEP,
    isMachine: false,
    launchToken: launches.get(label) ?? null,
    isOurs: isDiskName(name, label),
  };
}

/** All items of all zones, page by page; throws where something may be left out. */
async function* aggregated<Item>(calls: ComputeCalls, kind: 'instances' | 'disks', project: string, filter: string) {
  const read = (paging: object) =>
    calls.call({
      service: kind,
      method: 'aggregatedList',
      callClass: 'read',
      zone: null,
      request: { project, filter, ...paging },
      fields: `kind,items/*(${kind}(id,name,status,labels,${kind === 'disks' ? 'users' : 'description'}),warning),nextPageToken,unreachables,warning`,
    });
  for await (const page of pagesOf<Page>(`${kind}.aggregatedList`, 'project', read)) {
    assertComplete(page, kind);
    yield Object.entries(page.items ?? {}).flatMap(([scope, found]) =>
      ((found[kind] ?? []) as readonly Item[]).map((item) => ({ item, zone: scope.replace(/^zones\//, '') })),
    );
  }
}

/** An answer that is none of Compute Engine's, or says that it lacks something, proves no absence. */
function assertComplete({ kind, items = {}, unreachables, warning }: Page, list: string): void {
  const expected = list === 'disks' ? 'compute#diskAggregatedList' : 'compute#instanceAggregatedList';
  const missing = [warning, ...Object.values(items).map((found) => found.warning)].flatMap(
    (one) => missingBy(one) ?? [],
  );
  const message =
    kind !== expected
      ? `${list}.aggregatedList was answered without a list`
      : unreachables?.length
        ? `${list}.aggregatedList does not reach ${unreachables.join(', ')}`
        : missing[0]
          ? `${list}.aggregatedList is not complete: ${missing[0]}`
          : null;
  if (message !== null) throw new ProviderError({ code: 'Unavailable', message });
}
