import { orNull, ProviderError } from '../../errors.js';
import type { MachineRef } from '../../provider.js';
import type { AzureCalls } from '../calls.js';
import { type Place, placeOf } from '../listing.js';
import { isOfOthers } from '../marks.js';
import { suffixOf } from '../names.js';
import { type BriefResource, briefResource, type Resource } from '../resources.js';
import { apiVersionOf, bearsName, remembered, rememberedOthers, typeOf } from './resources.js';

const RESOURCES_API_VERSION = '2021-04-01';

/**
 * What is left of a machine of all that is remembered: one list of what bears its name, and one read for each of what that
 * does not show, or what no other list shows either. What bears others' marks is not the machine's.
 */
export async function rememberedLeft(
  calls: AzureCalls,
  machine: MachineRef,
  deploymentId: string,
): Promise<Resource[]> {
  const place = placeOf(machine.location);
  const others = new Set(rememberedOthers(machine));
  const { named = [], single = [] } = Object.groupBy(remembered(machine), (id) =>
    bearsName(id, machine.workerId) && !others.has(id) ? 'named' : 'single',
  );
  const ids = new Set(named.map((id) => id.toLowerCase()));
  const [listed, read] = await Promise.all([
    listFiltered(calls, place, `substringof('${suffixOf(machine.workerId)}', name)`),
    Promise.all(single.map((id) => readOne(calls, place, id))),
  ]);
  return [...listed.filter(({ id }) => ids.has(id?.toLowerCase() ?? '')), ...read.filter((one) => one !== null)]
    .map(briefResource)
    .filter(({ tags }) => !isOfOthers(tags, deploymentId, machine.workerId));
}

async function readOne(calls: AzureCalls, { account }: Place, id: string): Promise<BriefResource | null> {
  const request = { method: 'GET', path: versioned(id) } as const;
  return (await orNull(calls.raw(account, 'read', `GET ${kindOf(id)}`, request))) as BriefResource | null;
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
  const first =
    `/subscriptions/${account}/resourceGroups/${encodeURIComponent(group)}/resources` +
    `?$filter=${encodeURIComponent(filter)}&api-version=${RESOURCES_API_VERSION}`;
  for (let path: string | null = first; path !== null;) {
    const page = { method: 'GET', path } as const;
    const answer = await orGroupGone(calls.raw(account, 'read', 'LIST resources', page));
    if (answer === GROUP_GONE && path === first) return [];
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

const GROUP_GONE = Symbol('the group is gone');

async function orGroupGone<T>(call: Promise<T>): Promise<T | typeof GROUP_GONE> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ProviderError && error.cloudCode === 'ResourceGroupNotFound') return GROUP_GONE;
    throw error;
  }
}

/** Of those that are left and do not bear others' marks: Azure accepts the deletion, or has no such resource. */
export async function removeOthers(calls: AzureCalls, machine: MachineRef, deploymentId: string): Promise<void> {
  const others = new Set(rememberedOthers(machine).map((id) => id.toLowerCase()));
  if (others.size === 0) return;
  const { account } = placeOf(machine.location);
  const left = (await rememberedLeft(calls, machine, deploymentId)).filter(({ id }) => others.has(id.toLowerCase()));
  await Promise.all(
    left.map(({ id }) =>
      orNull(calls.raw(account, 'delete', `DELETE ${kindOf(id)}`, { method: 'DELETE', path: versioned(id) })),
    ),
  );
}

const kindOf = (id: string): string => typeOf(id)?.split('/').at(-1) ?? 'resource';
const versioned = (id: string): string => `${id}?api-version=${apiVersionOf(id)}`;
