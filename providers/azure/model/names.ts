import { createHash } from 'node:crypto';

/**
 * Names of everything that belongs to one machine. They follow from the launch's token and the machine's place in it,
 * so a repeated PUT meets what the first one created; and from the worker id alone, so a row is enough to clean up.
 * Forms and lengths are Taskcluster's (docs/taskcluster-compatibility.md#azure-names), within Azure's limits: 64 for a
 * VM, 80 for network resources and disks, 64 for a deployment, 15 for a Windows computer name.
 */
export interface MachineNames {
  /** Also the worker id: 38 characters. */
  readonly vm: string;
  /** Begins with a letter: Windows refuses a name of digits. */
  readonly computer: string;
  readonly networkInterface: string;
  readonly publicIp: string;
  readonly osDisk: string;
  readonly deployment: string;
}

/** Machines in one launch: each is a lifecycle of its own, so the number only bounds a reconciliation's work. */
export const MAX_PER_LAUNCH = 250;

const PREFIX = 'vm-';
const SUFFIX_LENGTH = 35;

/** `index` counts the machines of a launch from 0. */
export function workerIdOf(token: string, index: number): string {
  const digest = createHash('sha256').update(`${token}/${index}`).digest('hex');
  return PREFIX + BigInt(`0x${digest}`).toString(36).padStart(50, '0').slice(-SUFFIX_LENGTH);
}

/** The part of a worker id that nobody can guess: what bears it in its name was created for this worker. */
export const suffixOf = (workerId: string): string =>
  workerId.startsWith(PREFIX) ? workerId.slice(PREFIX.length) : workerId;

/** For a worker id of any form; one that is not of ours gives names that nothing has. */
export function namesOf(workerId: string): MachineNames {
  const suffix = suffixOf(workerId);
  return {
    vm: workerId,
    computer: `w${suffix.slice(0, 14)}`,
    networkInterface: `nic-${suffix.slice(0, 20)}`,
    publicIp: `pip-${suffix.slice(0, 20)}`,
    osDisk: `disk-${suffix}-os`,
    deployment: `deploy-${suffix}`,
  };
}

/** `number` counts a machine's data disks from 1. */
export const dataDiskName = (workerId: string, number: number): string =>
  namesOf(workerId).osDisk.replace(/os$/, String(number));

/** Whether what was created one by one for this worker may be called so; disks of an image are Azure's to name. */
export function isNameOf(name: string, workerId: string): boolean {
  const { vm, networkInterface, publicIp, osDisk } = namesOf(workerId.toLowerCase());
  const given = name.toLowerCase();
  if ([vm, networkInterface, publicIp, osDisk].includes(given)) return true;
  const dataDisk = osDisk.replace(/os$/, '');
  if (given.startsWith(dataDisk)) return /^\d+$/.test(given.slice(dataDisk.length));
  return given.startsWith(`${vm}_`) && /^[0-9a-z_]+_[0-9a-f]{32}$/.test(given.slice(vm.length + 1));
}
