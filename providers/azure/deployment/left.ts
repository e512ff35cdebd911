import { orNull } from '../../errors.js';
import type { MachineRef } from '../../provider.js';
import type { AzureCalls } from '../calls.js';
import { type Place, placeOf } from '../listing.js';
import { isOfOthers } from '../marks.js';
import { type BriefResource, briefResource, type Resource } from '../resources.js';
import { apiVersionOf, remembered, rememberedOthers, typeOf } from './resources.js';

const RESOURCES_API_VERSION = '2021-04-01';

/** What is left of a machine of all that is remembered: one read for each. What bears others' marks is not the machine's. */
export async function rememberedLeft(
  calls: AzureCalls,
  machine: MachineRef,
  deploymentId: string,
): Promise<Resource[]> {
  const { account } = placeOf(machine.location);
  const found = await Promise.all(
    remembered(machine).map((id) =>
      orNull(calls.raw(account, 'read', `GET ${kindOf(id)}`, { method: 'GET', path: versioned(id) })),
    ),
  );
  return found
    .flatMap((one) => (one ? [briefResource(one as BriefResource)] : []))
    .filter(({ tags }) => !isOfOthers(tags, deploymentId, machine.workerId));
}

/**
 * Resources of a group of the types that other lists do not show and that are remembered of some machine: one call for each
 * such type and page.
 */
export async function listOthers(calls: AzureCalls, place: Place, known: readonly MachineRef[]): Promise<Resource[]> {
  const types = new Set(known.flatMap(rememberedOthers).map((id) => typeOf(id) ?? ''));
  const lists = [...types].map((type) => listFiltered(calls, place, `resourceType eq '${type}'`));
  return (await Promise.all(lists)).flat().map(briefResource);
}

/**
 * Resources of all types in a group that a filter of Resource Manager lets through, all pages; nothing when the group is
 * gone (REST: Resources, List By Resource Group).
 */
export async function listFiltered(
  calls: AzureCalls,
  { account, group }: Place,
  filter: string,
): Promise<BriefResource[]> {
  const listed: BriefResource[] = [];
  let path: string | null =
    `/subscriptions/${account}/resourceGroups/${encodeURIComponent(group)}/resources` +
    `?$filter=${encodeURIComponent(filter)}&api-version=${RESOURCES_API_VERSION}`;
  while (path !== null) {
    const answer: unknown = await orNull(calls.raw(account, 'read', 'LIST resources', { method: 'GET', path }));
    const { value = [], nextLink } = (answer ?? {}) as { value?: BriefResource[]; nextLink?: string };
    listed.push(...value);
    path = nextLink === undefined ? null : calls.pathOf(nextLink);
  }
  return listed;
}

/** Azure accepts the deletion, or has no such resource. */
export async function removeOthers(calls: AzureCalls, machine: MachineRef): Promise<void> {
  const { account } = placeOf(machine.location);
  await Promise.all(
    rememberedOthers(machine).map((id) =>
      orNull(calls.raw(account, 'delete', `DELETE ${kindOf(id)}`, { method: 'DELETE', path: versioned(id) })),
    ),
  );
}

const kindOf = (id: string): string => typeOf(id)?.split('/').at(-1) ?? 'resource';
const versioned = (id: string): string => `${id}?api-version=${apiVersionOf(id)}`;
