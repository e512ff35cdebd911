import type { Disk, VirtualMachine } from '@azure/arm-compute';
import type { NetworkInterface, PublicIPAddress } from '@azure/arm-network';
import type { MachineState } from '../../../domain/machine.js';
import { isSpot } from './spot.js';
import { IGNORED_FAILURES_TAG, type Tags } from './tags.js';
import { type VmStatus, verdictOn } from './states.js';

/** Removal steps, in the order in which a machine's resources must go: each holds the next ones. */
export const removalSteps = ['vm', 'networkInterface', 'publicIp', 'disks'] as const;
export type RemovalStep = (typeof removalSteps)[number];

/** One resource of a listing, in what all types have in common. */
export interface Resource {
  readonly step: RemovalStep;
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly tags: Tags;
  readonly state: MachineState;
  readonly reason: string | null;
  /** Id of the VM that holds it, lower-case; null when none does. */
  readonly heldBy: string | null;
  /** Of disks: for longer than it takes that the VM it was created with is listed. */
  readonly isSettled: boolean;
}

const SETTLED_AFTER_MS = 2 * 60_000;

/** `statuses` of the VM's instance view; null when there is none to be had. */
export function vmResource(vm: VirtualMachine, statuses: readonly VmStatus[] | null): Resource {
  const tags = vm.tags ?? {};
  const verdict = verdictOn({
    provisioningState: vm.provisioningState ?? null,
    statuses,
    ignoredFailures: tags[IGNORED_FAILURES_TAG]?.split(' ') ?? [],
    isSpot: isSpot(vm.priority),
  });
  return { ...common('vm', vm), ...verdict, heldBy: null, isSettled: true };
}

export const statusesOf = ({ instanceView }: VirtualMachine): VmStatus[] | null =>
  instanceView?.statuses?.flatMap(({ code, message, displayStatus }) =>
    code === undefined ? [] : [{ code, message: message ?? displayStatus ?? null }],
  ) ?? null;

export const networkInterfaceResource = (nic: NetworkInterface): Resource => ({
  ...common('networkInterface', nic),
  ...stateOf(nic.provisioningState),
  heldBy: nic.virtualMachine?.id?.toLowerCase() ?? null,
  isSettled: true,
});

export const publicIpResource = (address: PublicIPAddress): Resource => ({
  ...common('publicIp', address),
  ...stateOf(address.provisioningState),
  heldBy: null,
  isSettled: true,
});

export const diskResource = (disk: Disk): Resource => ({
  ...common('disks', disk),
  ...stateOf(disk.provisioningState),
  heldBy: disk.managedBy?.toLowerCase() ?? null,
  isSettled: disk.timeCreated === undefined || Date.now() - disk.timeCreated.getTime() > SETTLED_AFTER_MS,
});

const common = (
  step: RemovalStep,
  { id, name, location, tags }: { id?: string; name?: string; location?: string; tags?: Record<string, string> },
) => ({ step, id: id ?? '', name: name ?? '', location: location ?? '', tags: tags ?? {} });

/** A provisioning state in ours; one that Azure invents later exists, and is no reason to do anything. */
function stateOf(provisioningState: string | undefined): Pick<Resource, 'state' | 'reason'> {
  switch (provisioningState?.toLowerCase()) {
    case 'creating':
    case 'updating':
      return { state: 'pending', reason: null };
    case 'failed':
    case 'canceled':
      return { state: 'failed', reason: `its provisioning state is ${provisioningState}` };
    case 'deleting':
      return { state: 'stopping', reason: null };
    default:
      return { state: 'running', reason: null };
  }
}

/** As lists of resources of all types give it, and what every answer about one resource has. */
export interface BriefResource {
  readonly id?: string;
  readonly name?: string;
  readonly type?: string;
  readonly location?: string;
  readonly tags?: Tags;
}

export const stepOfType: Readonly<Record<string, RemovalStep>> = {
  'microsoft.compute/virtualmachines': 'vm',
  'microsoft.network/networkinterfaces': 'networkInterface',
  'microsoft.network/publicipaddresses': 'publicIp',
  'microsoft.compute/disks': 'disks',
};

/** One that is there; in what state, it does not say. Types without a step of their own go last. */
export const briefResource = (brief: BriefResource): Resource => ({
  ...common(stepOfType[brief.type?.toLowerCase() ?? ''] ?? 'disks', brief),
  state: 'running',
  reason: null,
  heldBy: null,
  isSettled: true,
});
