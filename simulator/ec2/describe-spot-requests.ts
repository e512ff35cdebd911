import type { Performed } from './performed.js';
import type { Cloud } from './cloud.js';
import { type FilterReader, readFilters, unknownFilter } from './filters.js';
import type { Instance } from './instance.js';
import type { Parameters } from './parameters.js';
import { element, set } from './xml.js';

interface SpotRequest {
  readonly instanceId: string;
  readonly type: 'one-time' | 'persistent';
  readonly state: 'active' | 'closed' | 'open';
}

/**
 * A request for each spot machine: active while that is there. A one-time one is closed with its machine; a persistent
 * one is open again, and would get another machine from EC2. Here it gets none, so that what it would cost is visible
 * and ends.
 */
export function describeSpotRequests(cloud: Cloud, region: string, parameters: Parameters, nowMs: number): Performed {
  const matches = readFilters(parameters, requestFilters);
  const found = [...cloud.all(nowMs)]
    .filter((instance) => instance.region === region)
    .flatMap((instance) => requestOf(cloud, instance, nowMs) ?? [])
    .filter(matches);
  return { body: set('spotInstanceRequestSet', found.map(renderRequest)), details: { returned: found.length } };
}

function requestOf(cloud: Cloud, instance: Instance, nowMs: number): SpotRequest | null {
  const { spot, isSpotPersistent } = cloud.launchOf(instance);
  if (!spot) return null;
  const { instanceId } = instance;
  const after = isSpotPersistent ? 'open' : 'closed';
  const state = cloud.stateOf(instance, nowMs) === 'terminated' ? after : 'active';
  return { instanceId, type: isSpotPersistent ? 'persistent' : 'one-time', state };
}

const requestFilters: FilterReader<SpotRequest> = (name) => {
  if (name === 'state') return ({ state }) => [state];
  if (name === 'type') return ({ type }) => [type];
  throw unknownFilter(name);
};

const renderRequest = ({ instanceId, type, state }: SpotRequest): string =>
  element('spotInstanceRequestId', `sir-${instanceId.slice(-8)}`) +
  element('type', type) +
  element('state', state) +
  element('instanceId', instanceId);
