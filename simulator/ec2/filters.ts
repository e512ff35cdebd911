import { Refusal } from '../errors.js';
import type { Cloud } from './cloud.js';
import type { Instance, Launch } from './instance.js';
import type { Parameters } from './parameters.js';

/** Gives what a filter of this name compares; throws for an unknown one. */
export type FilterReader<Item> = (name: string) => (item: Item) => readonly string[];

/** A predicate for all `Filter.N` together: every filter must match, and each matches with any of its values. */
export function readFilters<Item>(parameters: Parameters, reader: FilterReader<Item>): (item: Item) => boolean {
  const filters: ((item: Item) => boolean)[] = [];
  for (let index = 1; index <= parameters.structures('Filter'); index++) {
    const name = parameters.get(`Filter.${index}.Name`) ?? '';
    const values = parameters.list(`Filter.${index}.Value`);
    if (values.length === 0) throw new Refusal('InvalidParameterValue', `The filter '${name}' has no values.`);
    const wanted = values.map(wildcard);
    const read = reader(name);
    filters.push((item) => read(item).some((value) => wanted.some((matches) => matches.test(value))));
  }
  return (item) => filters.every((filter) => filter(item));
}

export const instanceFilters =
  (cloud: Cloud, nowMs: number): FilterReader<Instance> =>
  (name) => {
    if (name.startsWith('tag:')) return (instance) => tagValues(cloud.launchOf(instance), name);
    switch (name) {
      case 'tag-key':
        return (instance) => cloud.launchOf(instance).tags.map((tag) => tag.key);
      case 'instance-state-name':
        return (instance) => [cloud.stateOf(instance, nowMs)];
      case 'client-token':
        return (instance) => [cloud.launchOf(instance).clientToken ?? ''];
      case 'instance-id':
        return (instance) => [instance.instanceId];
      case 'instance-type':
        return (instance) => [cloud.launchOf(instance).instanceType];
      case 'reservation-id':
        return (instance) => [instance.reservationId];
      default:
        throw unknownFilter(name);
    }
  };

/** Values of the tag that a filter `tag:<key>` names. */
export const tagValues = ({ tags }: Pick<Launch, 'tags'>, name: string): string[] =>
  tags.flatMap(({ key, value }) => (key === name.slice('tag:'.length) ? [value] : []));

export const unknownFilter = (name: string): Refusal =>
  new Refusal('InvalidParameterValue', `The filter '${name}' is invalid`);

/** `*` stands for any characters, `?` for one; values are case-sensitive. */
function wildcard(value: string): RegExp {
  const pattern = value
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${pattern}$`, 's');
}
