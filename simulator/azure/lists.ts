import { Refusal } from '../errors.js';
import { resourceTypes, type Resource } from './resource.js';

export interface Page<T> {
  readonly items: readonly T[];
  /** What `$skiptoken` of the next page is; null on the last one. */
  readonly next: string | null;
}

/** Cuts a list in order of creation into pages; what is created while somebody pages comes at the end. */
export function pageOf<T extends { readonly sequence: number }>(
  all: readonly T[],
  query: URLSearchParams,
  size: number,
): Page<T> {
  const token = query.get('$skiptoken') ?? '0';
  const top = query.get('$top') ?? String(size);
  if (!/^\d{1,12}$/.test(token)) throw new Refusal('InvalidSkipToken', 'The skip token is not one of ours.');
  if (!/^\d{1,5}$/.test(top) || Number(top) < 1)
    throw new Refusal('InvalidTopParameter', '$top must be a positive number.');
  const rest = all.filter((one) => one.sequence > Number(token));
  const items = rest.slice(0, Math.min(size, Number(top)));
  return { items, next: rest.length > items.length ? String(items.at(-1)?.sequence) : null };
}

const condition = /^(tagName|tagValue|resourceType|resourceGroup|name)\s+eq\s+'((?:[^']|'')*)'$/i;

const partOfName = /^substringof\('((?:[^']|'')*)',\s*name\)$/i;

/**
 * `$filter` of the list of resources: a part of the name, or equalities joined by `and`. An unknown one is refused
 * instead of passed over. The real service does not combine tags with anything else, and neither does this.
 */
export function resourceFilter(filter: string | null): (resource: Resource) => boolean {
  if (filter === null || filter.trim() === '') return () => true;
  const part = partOfName.exec(filter.trim())?.[1]?.replaceAll("''", "'").toLowerCase();
  if (part !== undefined) return ({ name }) => name.toLowerCase().includes(part);
  const wanted = new Map<string, string>();
  for (const part of filter.trim().split(/\s+and\s+/i)) {
    const [, field = '', value = ''] = condition.exec(part) ?? [];
    if (field === '')
      throw new Refusal('InvalidFilterInQueryString', `The filter '${filter.slice(0, 200)}' is not known.`);
    wanted.set(field.toLowerCase(), value.replaceAll("''", "'"));
  }
  const byTag = wanted.has('tagname') || wanted.has('tagvalue');
  if (byTag && (!wanted.has('tagname') || [...wanted.keys()].some((field) => !field.startsWith('tag')))) {
    throw new Refusal('InvalidFilterInQueryString', 'Tag filters cannot be combined with other filters.');
  }
  return (resource) => [...wanted].every(([field, value]) => matches(resource, field, value, wanted));
}

function matches(resource: Resource, field: string, value: string, wanted: ReadonlyMap<string, string>): boolean {
  switch (field) {
    case 'tagname':
      return tagOf(resource, value) !== undefined;
    case 'tagvalue':
      return tagOf(resource, wanted.get('tagname') ?? '') === value;
    case 'resourcetype':
      return same(resourceTypes[resource.kind], value);
    case 'resourcegroup':
      return same(resource.resourceGroup, value);
    default:
      return same(resource.name, value);
  }
}

/** Names of tags are in any case, their values are not. */
const tagOf = (resource: Resource, name: string): string | undefined =>
  Object.entries(resource.tags).find(([own]) => same(own, name))?.[1];

/** Names, and words of enumerations, are the same in any case. */
export const same = (a: string | null, b: string): boolean => a?.toLowerCase() === b.toLowerCase();
