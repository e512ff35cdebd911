import type { Performed } from './performed.js';
import type { Cloud } from './cloud.js';
import { type FilterReader, readFilters, unknownFilter } from './filters.js';
import type { Parameters } from './parameters.js';
import { element, set } from './xml.js';

interface NetworkInterface {
  readonly networkInterfaceId: string;
  readonly status: 'available' | 'in-use';
}

/**
 * Network interfaces that were launched to outlive their machine, as describe-volumes.ts has volumes. They bear no
 * tags: those of a machine are not theirs.
 */
export function describeNetworkInterfaces(
  cloud: Cloud,
  region: string,
  parameters: Parameters,
  nowMs: number,
): Performed {
  const matches = readFilters(parameters, interfaceFilters);
  const found = [...cloud.all(nowMs)]
    .filter((instance) => instance.region === region)
    .flatMap((instance): NetworkInterface[] => {
      const status = cloud.stateOf(instance, nowMs) === 'terminated' ? 'available' : 'in-use';
      return cloud.launchOf(instance).keptInterfaces.map((index) => ({
        networkInterfaceId: `eni-${instance.instanceId.slice(2, -1)}${index % 10}`,
        status,
      }));
    })
    .filter(matches);
  return { body: set('networkInterfaceSet', found.map(renderInterface)), details: { returned: found.length } };
}

const interfaceFilters: FilterReader<NetworkInterface> = (name) => {
  if (name === 'status') return ({ status }) => [status];
  throw unknownFilter(name);
};

const renderInterface = ({ networkInterfaceId, status }: NetworkInterface): string =>
  element('networkInterfaceId', networkInterfaceId) + element('status', status);
