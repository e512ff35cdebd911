import type { Performed } from './performed.js';
import type { Cloud } from './cloud.js';
import { type FilterReader, readFilters, tagValues, unknownFilter } from './filters.js';
import type { Tag } from './instance.js';
import type { Parameters } from './parameters.js';
import { element, set } from './xml.js';

interface Volume {
  readonly volumeId: string;
  readonly status: 'available' | 'in-use';
  readonly tags: readonly Tag[];
}

/**
 * Volumes that were launched to outlive their machine, with its tags: in use while it is there, available afterwards,
 * as long as the machine is described. Volumes that go with their machine are not kept track of, and neither are pages.
 */
export function describeVolumes(cloud: Cloud, region: string, parameters: Parameters, nowMs: number): Performed {
  const matches = readFilters(parameters, volumeFilters);
  const found = [...cloud.all(nowMs)]
    .filter((instance) => instance.region === region)
    .flatMap((instance): Volume[] => {
      const status = cloud.stateOf(instance, nowMs) === 'terminated' ? 'available' : 'in-use';
      const { keptVolumes, tags } = cloud.launchOf(instance);
      return keptVolumes.map((_, index) => ({
        volumeId: `vol-${instance.instanceId.slice(2, -1)}${index}`,
        status,
        tags,
      }));
    })
    .filter(matches);
  return { body: set('volumeSet', found.map(renderVolume)), details: { returned: found.length } };
}

const volumeFilters: FilterReader<Volume> = (name) => {
  if (name.startsWith('tag:')) return (volume) => tagValues(volume, name);
  if (name === 'status') return ({ status }) => [status];
  throw unknownFilter(name);
};

const renderVolume = ({ volumeId, status, tags }: Volume): string =>
  element('volumeId', volumeId) +
  element('status', status) +
  set(
    'tagSet',
    tags.map(({ key, value }) => element('key', key) + element('value', value)),
  );
