import type { Instance, Reservation } from '@aws-sdk/client-ec2';
import type { LaunchedMachine, MachineState, Observation } from '../provider.js';
import { causeByWords } from '../shared/end-cause.js';
import { readTags } from './tags.js';

/**
 * EC2's instance states in ours. A stopped instance, or one on its way there, never works again: workers that shut
 * themselves down leave it so, and it costs its disks until somebody terminates it.
 */
const states: Readonly<Record<string, MachineState>> = {
  pending: 'pending',
  running: 'running',
  'shutting-down': 'stopping',
  terminated: 'gone',
  stopping: 'failed',
  stopped: 'failed',
};

/** By the codes of a StateReason, which are part of its message (EC2 API Reference, StateReason). */
export const causeOf = causeByWords(
  [/Insufficient\w*Capacity|SpotInstance/i, 'capacity'],
  [/LimitExceeded|Quota/i, 'quota'],
);

/** The facts that an identity document is compared with; `launchTime` is ISO text and is compared by its distance. */
export const attributesOf = (
  reservation: Reservation,
  instance: Instance,
  region: string,
): Record<string, string | null> => ({
  instanceId: instance.InstanceId ?? null,
  accountId: reservation.OwnerId ?? null,
  region,
  availabilityZone: instance.Placement?.AvailabilityZone ?? null,
  architecture: instance.Architecture ?? null,
  imageId: instance.ImageId ?? null,
  instanceType: instance.InstanceType ?? null,
  privateIp: instance.PrivateIpAddress ?? null,
  launchTime: instance.LaunchTime?.toISOString() ?? null,
});

export function launchedMachines(reservation: Reservation, region: string): LaunchedMachine[] {
  return identified(reservation).map((instance) => ({
    workerGroup: region,
    workerId: instance.InstanceId,
    location: { account: reservation.OwnerId ?? null, region, group: null },
    identityAttributes: attributesOf(reservation, instance, region),
  }));
}

export function observations(reservation: Reservation, region: string, deploymentId: string): Observation[] {
  return identified(reservation).map((instance) => ({
    workerGroup: region,
    workerId: instance.InstanceId,
    location: { account: reservation.OwnerId ?? null, region, group: null },
    // A state that EC2 invents later exists, and is no reason to do anything.
    state: states[instance.State?.Name ?? ''] ?? 'running',
    reason: instance.StateReason?.Message || instance.StateTransitionReason || null,
    ...readTags(instance.Tags, deploymentId),
    resources: {},
  }));
}

const identified = (reservation: Reservation): (Instance & { InstanceId: string })[] =>
  (reservation.Instances ?? []).filter(
    (instance): instance is Instance & { InstanceId: string } => !!instance.InstanceId,
  );
