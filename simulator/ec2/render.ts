import type { Cloud } from './cloud.js';
import { stateCodes, type Instance, type InstanceState, type Launch } from './instance.js';
import { element, parent, set } from './xml.js';

/** The account that owns everything here. */
export const ACCOUNT_ID = '000000000001';

export const renderState = (name: string, state: InstanceState): string =>
  parent(name, element('code', stateCodes[state]), element('name', state));

export function renderInstance(cloud: Cloud, instance: Instance, nowMs: number): string {
  const launch = cloud.launchOf(instance);
  const state = cloud.stateOf(instance, nowMs);
  const gone = state === 'terminated';
  const host = `ip-${instance.privateIp.replaceAll('.', '-')}.${instance.region}.compute.internal`;
  return (
    element('instanceId', instance.instanceId) +
    element('imageId', launch.imageId) +
    renderState('instanceState', state) +
    element('privateDnsName', gone ? '' : host) +
    element('reason', instance.stateReason ? transitionReason(instance) : '') +
    element('amiLaunchIndex', instance.launchIndex) +
    element('instanceType', launch.instanceType) +
    element('launchTime', new Date(launch.launchedMs).toISOString()) +
    parent('placement', element('availabilityZone', launch.availabilityZone), element('tenancy', 'default')) +
    parent('monitoring', element('state', 'disabled')) +
    // A terminated machine has given its address back; EC2 describes it without one.
    element('privateIpAddress', gone ? null : instance.privateIp) +
    element('subnetId', gone ? null : launch.subnetId) +
    renderGroups(launch) +
    (instance.stateReason
      ? parent(
          'stateReason',
          element('code', instance.stateReason.code),
          element('message', `${instance.stateReason.code}: ${instance.stateReason.message}`),
        )
      : '') +
    element('architecture', launch.architecture) +
    element('rootDeviceType', 'ebs') +
    element('virtualizationType', 'hvm') +
    element('instanceLifecycle', launch.spot ? 'spot' : null) +
    element('clientToken', launch.clientToken ?? '') +
    set(
      'tagSet',
      launch.tags.map((tag) => element('key', tag.key) + element('value', tag.value)),
    ) +
    element('hypervisor', 'xen')
  );
}

export const renderReservation = (launch: Launch, instances: readonly string[]): string =>
  element('reservationId', launch.reservationId) +
  element('ownerId', ACCOUNT_ID) +
  set('groupSet', []) +
  set('instancesSet', instances);

const renderGroups = (launch: Launch): string =>
  set(
    'groupSet',
    launch.groupIds.map((id) => element('groupId', id) + element('groupName', id)),
  );

function transitionReason(instance: Instance): string {
  const who = instance.stateReason?.code.startsWith('Server.') ? 'Service' : 'User';
  const when = new Date(instance.endingMs ?? 0).toISOString().replace('T', ' ').slice(0, 19);
  return `${who} initiated (${when} GMT)`;
}
