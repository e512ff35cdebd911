import type { LaunchedMachine, MachineState, Observation, TaggedResource } from '../../providers/provider.js';

export interface RecordedCall {
  readonly operation: 'setup' | 'submit' | 'find' | 'observe' | 'inventory' | 'get' | 'remove' | 'explain';
  readonly token?: string;
  readonly workerId?: string;
  readonly step?: string;
}

/** A failure to come: the next `times` calls of this operation. */
export interface ScriptedFailure {
  readonly operation: RecordedCall['operation'];
  /** A ProviderError, unless the provider's own code is to blame. */
  readonly error: Error;
  /** True: the call acts, and the error takes the place of its answer. */
  readonly after?: boolean;
  readonly times?: number;
}

interface RecordedMachine {
  readonly machine: LaunchedMachine;
  readonly launchToken: string;
  readonly workerPoolId: string;
  readonly deploymentId: string;
  /** By step; a bulk machine has one, called `machine`. */
  readonly resources: Map<string, MachineState>;
  reason: string | null;
}

/**
 * A cloud in memory for tests that skip time or count calls: it records its calls, and fails where a test says so.
 * Several providers may share one, as several processes share a cloud.
 */
export class RecordingCloud {
  readonly calls: RecordedCall[] = [];
  /** Machines that may be alive at once. */
  capacity = Number.POSITIVE_INFINITY;
  /** Stepwise: whether a resource is ready as soon as it is submitted. */
  readyAtOnce = true;
  /** Regions that may not be listed, for good. */
  readonly refusedRegions = new Set<string>();
  /** Machines that a read by id shows, and no list. */
  readonly hidden = new Set<string>();
  /** Bulk: why machines ended, by id; null for a cloud that cannot be asked. */
  explanations: Map<string, string> | null = null;
  private readonly machinesById = new Map<string, RecordedMachine>();
  private failures: (ScriptedFailure & { left: number })[] = [];

  fail(failure: ScriptedFailure): void {
    this.failures.push({ ...failure, left: failure.times ?? 1 });
  }

  /** Records a call and does it, unless a failure stands in its way. */
  call<T>(call: RecordedCall, act: () => T): T {
    this.calls.push(call);
    const failure = this.failures.find(({ operation, left }) => operation === call.operation && left > 0);
    if (!failure) return act();
    failure.left--;
    if (failure.after) act();
    throw failure.error;
  }

  /** How often an operation was called. */
  count(operation: RecordedCall['operation']): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  get(workerId: string): RecordedMachine | undefined {
    return this.machinesById.get(workerId);
  }

  all(): RecordedMachine[] {
    return [...this.machinesById.values()];
  }

  add(recorded: Omit<RecordedMachine, 'reason'>): void {
    this.machinesById.set(recorded.machine.workerId, { ...recorded, reason: null });
  }

  alive(): RecordedMachine[] {
    return this.all().filter((recorded) => stateOf(recorded) !== 'gone');
  }

  /** Sets one resource's state, as the cloud finishing or failing it would. */
  finishPending(workerId: string, step: string, state: MachineState, reason: string | null = null): void {
    const recorded = this.machinesById.get(workerId);
    if (!recorded) throw new Error(`there is no machine ${workerId}`);
    recorded.resources.set(step, state);
    recorded.reason = reason;
  }

  /** Takes a machine away from outside, as a spot interruption does. */
  kill(workerId: string, reason = 'taken back'): void {
    const recorded = this.machinesById.get(workerId);
    if (!recorded) throw new Error(`there is no machine ${workerId}`);
    for (const step of recorded.resources.keys()) recorded.resources.set(step, 'gone');
    recorded.reason = reason;
  }

  /** Forgets a machine, so that neither a listing nor a read by id shows it. */
  forget(workerId: string): void {
    this.machinesById.delete(workerId);
  }
}

/**
 * A machine is what its last resource is; one of whose resources some are left, although the last is gone, is stopping.
 */
export function stateOf({ resources }: RecordedMachine): MachineState {
  const states = [...resources.values()];
  if (states.every((state) => state === 'gone')) return 'gone';
  const main = resources.get('vm') ?? resources.get('machine');
  if (main === 'gone') return 'stopping';
  return main ?? 'pending';
}

export function observationOf(recorded: RecordedMachine, isStepwise: boolean): Observation {
  const { machine, launchToken, workerPoolId, reason, resources } = recorded;
  const { workerGroup, workerId, location } = machine;
  return {
    workerGroup,
    workerId,
    location,
    state: stateOf(recorded),
    reason,
    launchToken,
    workerPoolId,
    resources: isStepwise ? Object.fromEntries(resources) : {},
  };
}

export function taggedOf({ machine, launchToken }: RecordedMachine, isStepwise: boolean): TaggedResource {
  const { workerGroup, workerId, location } = machine;
  const step = isStepwise ? 'vm' : 'machine';
  return { workerGroup, workerId, location, resourceId: workerId, step, isMachine: true, launchToken, isOurs: true };
}
