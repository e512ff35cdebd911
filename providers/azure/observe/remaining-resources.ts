import { ignoreNotFound, ProviderError } from '../../errors.js';
import type { MachineRef } from '../../provider.js';
import type { AzureCalls } from '../arm/client.js';
import { emptyIfGroupMissing, shown } from '../arm/pages.js';
import { type ResourceGroupRef, groupRefOf } from '../arm/scope.js';
import { belongsToAnother } from '../model/tags.js';
import { suffixOf } from '../model/names.js';
import { type BriefResource, briefResource, type Resource } from '../model/resources.js';
import { apiVersionOf, bearsName, trackedIds, otherTrackedIds, typeOf } from '../model/resource-ids.js';

const RESOURCES_API_VERSION = '2021-04-01';

/**
 * What is left of a machine of all that is tracked: one list of what bears its name, and one read for each of what that
 * does not show, or what no other list shows either. What bears others' tags is not the machine's.
 */
export async function remainingTrackedResources(
  calls: AzureCalls,
  machine: MachineRef,
  deploymentId: string,
): Promise<Resource[]> {
  const groupRef = groupRefOf(machine.location);
  const others = otherTrackedIds(machine);
  const { named = [], nameless = [] } = Object.groupBy(
    trackedIds(machine).filter((id) => !others.includes(id)),
    (id) => (bearsName(id, machine.workerId) ? 'named' : 'nameless'),
  );
  const ids = new Set(named.map((id) => id.toLowerCase()));
  const [listed, read] = await Promise.all([
    listFiltered(calls, groupRef, `substringof('${suffixOf(machine.workerId)}', name)`),
    readEach(calls, groupRef, [...nameless, ...others]),
  ]);
  return ownOf(machine, [...listed.filter(({ id }) => ids.has(id?.toLowerCase() ?? '')), ...read], deploymentId);
}

/** Those that are there. */
export async function readEach(
  calls: AzureCalls,
  { account }: ResourceGroupRef,
  ids: readonly string[],
): Promise<BriefResource[]> {
  const found = await Promise.all(
    ids.map((id) =>
      ignoreNotFound(
        calls.raw(account, 'read', `GET ${kindOf(id)}`, { method: 'GET', path: versioned(id) }).then(shown),
      ),
    ),
  );
  return found.filter((one) => one !== null) as BriefResource[];
}

/** Without those that bear the tags of others. */
export const ownOf = ({ workerId }: MachineRef, found: readonly BriefResource[], deploymentId: string): Resource[] =>
  found.map(briefResource).filter((one) => !belongsToAnother(one, deploymentId, workerId));

/**
 * Resources of a group of the types that other lists do not show and that are tracked for some machine: one call for
 * each such type and page.
 */
export async function listOthers(
  calls: AzureCalls,
  groupRef: ResourceGroupRef,
  known: readonly MachineRef[],
): Promise<Resource[]> {
  const types = new Set(known.flatMap(otherTrackedIds).map((id) => typeOf(id) ?? ''));
  const lists = [...types].map((type) => listFiltered(calls, groupRef, `resourceType eq '${type}'`));
  return (await Promise.all(lists)).flat().map(briefResource);
}

/**
 * Resources of all types in a group that a filter of Resource Manager lets through, all pages; nothing when the group
 * is gone (REST: Resources, List By Resource Group).
 */
export const listFiltered = (calls: AzureCalls, groupRef: ResourceGroupRef, filter: string): Promise<BriefResource[]> =>
  emptyIfGroupMissing(allPages(calls, groupRef, filter));

/**
 * Resources of all types in a subscription that a filter lets through, whatever their group (REST: Resources, List).
 */
export const listSubscription = (calls: AzureCalls, account: string, filter: string): Promise<BriefResource[]> =>
  pagesAt(calls, account, `/subscriptions/${account}/resources`, filter);

const allPages = (calls: AzureCalls, { account, group }: ResourceGroupRef, filter: string): Promise<BriefResource[]> =>
  pagesAt(calls, account, `/subscriptions/${account}/resourceGroups/${encodeURIComponent(group)}/resources`, filter);

async function pagesAt(calls: AzureCalls, account: string, list: string, filter: string): Promise<BriefResource[]> {
  const listed: BriefResource[] = [];
  let path: string | null = `${list}?$filter=${encodeURIComponent(filter)}&api-version=${RESOURCES_API_VERSION}`;
  while (path !== null) {
    const answer: unknown = await calls.raw(account, 'read', 'LIST resources', { method: 'GET', path });
    const { value, nextLink } = (answer ?? {}) as { value?: BriefResource[]; nextLink?: string };
    // What is no list proves nothing.
    if (!Array.isArray(value)) {
      throw new ProviderError({ code: 'Unavailable', message: 'LIST resources: the answer has no list' });
    }
    listed.push(...value);
    path = nextLink === undefined ? null : calls.pathOf(nextLink);
  }
  return listed;
}

export const kindOf = (id: string): string => typeOf(id)?.split('/').at(-1) ?? 'resource';
/** The path that reads or deletes it. */
export const versioned = (id: string): string => `${id}?api-version=${apiVersionOf(id)}`;
