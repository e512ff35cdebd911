import type { MachineState } from '../../domain/machine.js';

/**
 * Instance states in ours (Compute Engine, "Instance life cycle"). One that is stopping or has stopped will not work
 * again, and costs its disks until it is deleted: nothing else ends it.
 */
const states: ReadonlyMap<string | null | undefined, MachineState> = new Map(
  Object.entries({
    PENDING: 'pending',
    PROVISIONING: 'pending',
    STAGING: 'pending',
    RUNNING: 'running',
    REPAIRING: 'running',
    PENDING_STOP: 'failed',
    STOPPING: 'failed',
    STOPPED: 'failed',
    SUSPENDING: 'failed',
    SUSPENDED: 'failed',
    TERMINATED: 'failed',
  } as const),
);

/** A state that Google invents later exists, and is no reason to do anything. */
export const stateOf = (status: string | null | undefined): MachineState => states.get(status) ?? 'running';
