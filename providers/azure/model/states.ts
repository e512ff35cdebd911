import type { MachineState } from '../../../domain/machine.js';

/** What Azure says of one VM, as far as it matters whether it will work. */
export interface VmView {
  /** Of the resource, such as `Succeeded`; null when Azure gave none. */
  readonly provisioningState: string | null;
  /** Of the instance view; null when Azure did not show one, which happens for a while to VMs that are well. */
  readonly statuses: readonly VmStatus[] | null;
  /** Codes of failures to provision that the pool ignores. */
  readonly ignoredFailures: readonly string[];
  /** Whether Azure may take its capacity back. */
  readonly isSpot: boolean;
}

export interface VmStatus {
  readonly code: string;
  readonly message: string | null;
}

export interface Verdict {
  readonly state: MachineState;
  /** Azure's words; null when all is well. */
  readonly reason: string | null;
}

interface Row {
  readonly name: string;
  readonly holds: (view: VmView) => boolean;
  readonly state: MachineState;
  readonly reason?: (view: VmView) => string | null;
}

const failing = ['failed', 'canceled', 'deallocating'];
const making = ['creating', 'updating'];
const evictedPowers = ['deallocating', 'deallocated'];
const stoppedPowers = ['stopping', 'stopped', 'deallocating', 'deallocated'];

/**
 * The decision table for a list of VMs: the first row that holds decides
 * (docs/taskcluster-compatibility.md#azure-states). It knows no worker: a VM that failed to provision and does not run
 * has failed, although the worker on it may have registered before. That a VM is missing is for whoever reads two
 * complete lists to say.
 */
export const rows: readonly Row[] = [
  { name: 'is being deleted', holds: (view) => provisioning(view) === 'deleting', state: 'stopping' },
  {
    // Nobody here deallocates a VM, and one that shuts itself down is stopped.
    name: 'is evicted',
    holds: (view) => view.isSpot && evictedPowers.includes(power(view)),
    state: 'failed',
    reason: (view) => `preempted: the Spot VM is ${power(view)}`,
  },
  {
    name: 'is stopped or deallocated, or on its way there',
    holds: (view) => stoppedPowers.includes(power(view)),
    state: 'failed',
    reason: (view) => `the VM is ${power(view)}`,
  },
  {
    name: 'failed to provision in a way that the pool ignores',
    holds: (view) => failures(view).length > 0 && counted(view).length === 0,
    state: 'running',
  },
  {
    name: 'failed to provision, but runs',
    holds: (view) => counted(view).length > 0 && power(view) === 'running',
    state: 'running',
  },
  {
    name: 'failed to provision and does not run',
    holds: (view) => counted(view).length > 0,
    state: 'failed',
    reason: (view) => {
      const [first] = counted(view);
      return [failureCode(first), first?.message].filter(Boolean).join(': ') || 'the VM failed to provision';
    },
  },
  {
    name: 'is not viewed, and its resource failed',
    holds: (view) => view.statuses === null && failing.includes(provisioning(view)),
    state: 'failed',
    reason: (view) => `the VM has provisioning state ${view.provisioningState}`,
  },
  { name: 'is being created', holds: (view) => making.includes(provisioning(view)), state: 'pending' },
  { name: 'exists', holds: () => true, state: 'running' },
];

export function verdictOn(view: VmView): Verdict {
  const row = rows.find(({ holds }) => holds(view))!;
  return { state: row.state, reason: row.reason?.(view) ?? null };
}

const provisioning = ({ provisioningState }: VmView): string => provisioningState?.toLowerCase() ?? '';

/** `PowerState/running` and the like; empty while there is none. */
const power = ({ statuses }: VmView): string =>
  /^powerstate\/(.+)$/.exec(
    statuses?.map(({ code }) => code.toLowerCase()).find((code) => code.startsWith('power')) ?? '',
  )?.[1] ?? '';

const failures = ({ statuses }: VmView): VmStatus[] =>
  (statuses ?? []).filter(({ code }) => /^provisioningstate\/failed(\/|$)/i.test(code));

const counted = (view: VmView): VmStatus[] =>
  failures(view).filter((status) => !view.ignoredFailures.includes(failureCode(status)));

const failureCode = (status: VmStatus | undefined): string => status?.code.split('/')[2] ?? '';
