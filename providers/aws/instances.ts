import type { Instance, Reservation, Volume } from '@aws-sdk/client-ec2';
import type { LaunchedMachine, MachineState, Observation, TaggedResource } from '../provider.js';
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

/** All that there is of a machine. */
export const REMOVAL_STEP = 'instance';

/** By the codes of a StateReason, which are part of its message (EC2 API Reference, StateReason). */
export const causeOf = causeByWords(
  [/SpotInstance/i, 'preempted'],
  [/Insufficient\w*Capacity/i, 'capacity'],
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

/** What is there and stays. Tags can be copied; the client token is EC2's record of the request. */
export function taggedInstances(reservation: Reservation, region: string, deploymentId: string): TaggedResource[] {
  return identified(reservation).flatMap((instance) => {
    const { launchToken } = readTags(instance.Tags, deploymentId);
    const state = states[instance.State?.Name ?? ''];
    if (state === 'gone' || state === 'stopping') return [];
    return {
      workerGroup: region,
      workerId: instance.InstanceId,
      location: { account: reservation.OwnerId ?? null, region, group: null },
      resourceId: instance.InstanceId,
      step: REMOVAL_STEP,
      isMachine: true,
      launchToken,
      isOurs: launchToken !== null && instance.ClientToken === launchToken,
    };
  });
}

/** EC2 has no record of who created a volume: its tags say all that is known. Those of a machine go with it. */
export const taggedVolume = (
  { VolumeId: id, Tags }: Volume & { VolumeId: string },
  region: string,
  deploymentId: string,
): TaggedResource => ({
  workerGroup: region,
  workerId: id,
  location: { account: null, region, group: null },
  resourceId: id,
  step: 'volume',
  isMachine: false,
  launchToken: readTags(Tags, deploymentId).launchToken,
  isOurs: false,
});

const identified = (reservation: Reservation): (Instance & { InstanceId: string })[] =>
  (reservation.Instances ?? []).filter(
    (instance): instance is Instance & { InstanceId: string } => !!instance.InstanceId,
  );
