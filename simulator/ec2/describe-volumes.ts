import type { Performed } from './performed.js';
import type { Cloud } from './cloud.js';
import type { Instance } from './instance.js';
import { element, set } from './xml.js';

/**
 * Volumes that were launched to outlive their machine: in use while it is there, available afterwards, as long as the
 * machine is described. Volumes that go with their machine are not kept track of, and neither are filters and pages.
 */
export function describeVolumes(cloud: Cloud, region: string, nowMs: number): Performed {
  const items = [...cloud.all(nowMs)]
    .filter((instance) => instance.region === region)
    .flatMap((instance) => volumesOf(cloud, instance, nowMs));
  return { body: set('volumeSet', items), details: { returned: items.length } };
}

function volumesOf(cloud: Cloud, instance: Instance, nowMs: number): string[] {
  const status = cloud.stateOf(instance, nowMs) === 'terminated' ? 'available' : 'in-use';
  return cloud
    .launchOf(instance)
    .keptVolumes.map(
      (_, index) => element('volumeId', `vol-${instance.instanceId.slice(2, -1)}${index}`) + element('status', status),
    );
}
