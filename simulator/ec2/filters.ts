import { Refusal } from '../errors.js';
import type { Cloud } from './cloud.js';
import type { Instance } from './instance.js';
import type { Parameters } from './parameters.js';

/** A predicate for all `Filter.N` together: every filter must match, and each matches with any of its values. */
export function readFilters(parameters: Parameters, cloud: Cloud, nowMs: number): (instance: Instance) => boolean {
  const filters: ((instance: Instance) => boolean)[] = [];
  for (let index = 1; index <= parameters.structures('Filter'); index++) {
    const name = parameters.get(`Filter.${index}.Name`) ?? '';
    const values = parameters.list(`Filter.${index}.Value`);
    if (values.length === 0) throw new Refusal('InvalidParameterValue', `The filter '${name}' has no values.`);
    const wanted = values.map(wildcard);
    const read = reader(name, cloud, nowMs);
    filters.push((instance) => read(instance).some((value) => wanted.some((matches) => matches.test(value))));
  }
  return (instance) => filters.every((filter) => filter(instance));
}

function reader(name: string, cloud: Cloud, nowMs: number): (instance: Instance) => readonly string[] {
  if (name.startsWith('tag:')) {
    const key = name.slice('tag:'.length);
    return (instance) => cloud.launchOf(instance).tags.flatMap((tag) => (tag.key === key ? [tag.value] : []));
  }
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
      throw new Refusal('InvalidParameterValue', `The filter '${name}' is invalid`);
  }
}

/** `*` stands for any characters, `?` for one; values are case-sensitive. */
function wildcard(value: string): RegExp {
  const pattern = value
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${pattern}$`, 's');
}
