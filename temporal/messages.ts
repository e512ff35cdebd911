import type { EndCause, FailureClass } from '../domain/backoff.js';
import type { LifecycleTiming } from '../domain/lifecycle.js';
import type { MachineState } from '../domain/machine.js';
import type { MachineLocation, WorkerState } from '../domain/worker.js';

/**
 * What goes into a lifecycle and what it answers: plain names and JSON-safe types, so that the API, the activities and
 * the workflows share them without loading each other. Instants are epoch milliseconds.
 */

/** The same for all machines of one launch. */
export interface LifecycleCommon {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly launchConfigId: string | null;
  readonly launchToken: string | null;
  readonly capacity: number;
  readonly timing: LifecycleTiming;
  readonly location: MachineLocation;
  /** Null for static workers: they begin at running. */
  readonly registrationDeadline: number | null;
  /** Resources to create, in order; empty where the launch itself creates the machine. */
  readonly creationSteps: readonly string[];
  /** Resources to delete, in order; empty where there is no cloud behind the machine. */
  readonly removalSteps: readonly string[];
  /** What people call the steps; one that is not here is called by its name. */
  readonly stepLabels?: Readonly<Record<string, string>>;
  /** How long a removal may stay unconfirmed before it is requested again, where that is not the usual time. */
  readonly removalRepeatMs?: number;
  /** Set where the first deletion is sent from the workflow task that has decided it. */
  readonly deletesAtOnce?: true;
  /** Of these, steps in which the launch creates nothing: what a scan shows there is removed all the same. */
  readonly skippedSteps?: readonly string[];
  /** Set where the cloud takes the machine back by deleting it, without a word. */
  readonly vanishesWhenPreempted?: true;
  /** Set where the machine's resources are written down once it is built, and again before they are removed. */
  readonly tracksResources?: true;
}

export interface LifecycleInput extends LifecycleCommon {
  readonly workerGroup: string;
  readonly workerId: string;
  /** Only for static workers: what their first row says. */
  readonly static?: StaticWorker;
  /** Set where another lifecycle of this worker may have begun to build its machine. */
  readonly replaces?: true;
  /**
   * What an earlier lifecycle of this worker left: set by continue-as-new, and from the row of one that was terminated.
   */
  readonly resumeFrom?: LifecycleState;
}

export interface StaticWorker {
  readonly expires: number;
  readonly capacity: number;
  /** Keyed fingerprint of the secret; never the secret. */
  readonly secretFingerprint: string;
}

/** All that a lifecycle must not forget; a few hundred bytes. */
export interface LifecycleState {
  readonly state: WorkerState;
  readonly registeredAt: number | null;
  /** When the row may no longer be used: registration, then credentials, then (static) the user's own instant. */
  readonly deadline: number | null;
  readonly secretGeneration: number;
  /** True after a re-registration: the secret before it is still good, because the answer may have been lost. */
  readonly previousSecretAccepted: boolean;
  readonly capacity: number;
  readonly stop: StopReason | null;
  readonly createdSteps: readonly string[];
  readonly removed: readonly string[];
  /** The resource that was being created: it may exist. */
  readonly creating: string | null;
  /** Resources that a scan has shown. */
  readonly listed: readonly string[];
  readonly lastObservation: Observed | null;
  /** Whether that was begun while the row said stopping, when nothing is created any more. */
  readonly seenWhileStopping: boolean;
}

export interface StopReason {
  readonly reason: string;
  /** The worker-pool error to write with it; null when nothing failed. */
  readonly failure: WorkerFailure | null;
  /** The cloud took the machine back. */
  readonly preempted?: true;
  /** Who wanted it; left out where nobody did. */
  readonly clientId?: string;
}

export interface WorkerFailure {
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  /** The cloud's own code, for the error's `extra`. */
  readonly code?: string | null;
  /** Set when the failure is one of the launch config: how long that backs off depends on it. */
  readonly failureClass?: FailureClass;
  /** Set when the machine was there, and ended or ran out of time before it had registered. */
  readonly unregistered?: true;
}

/** Signal `observed`: the provider's machine changed, seen by a scan. */
export interface Observed {
  readonly state: MachineState;
  readonly reason: string | null;
  /** What the reason says of the launch config, where there is a reason. */
  readonly cause?: EndCause;
  readonly at: number;
  /** Resources of a stepwise machine, by step: all that there are. */
  readonly resources?: Readonly<Record<string, MachineState>>;
  /**
   * Whether the row said stopping before the scan began, when nothing is created any more. Always with `resources`, and
   * where it is so.
   */
  readonly removing?: boolean;
}

/**
 * Signal `queueActivity`: what the queue says of this worker. Sent when the poll of the queue's workers finds it
 * inactive, or its quarantine changed; never for each poll.
 */
export interface QueueActivity {
  /** Null: it has never claimed a task. */
  readonly firstClaimAt: number | null;
  /** Null: the queue does not say. */
  readonly lastActiveAt: number | null;
  /** Whether all claimed tasks of its pool were read, and none is its own. */
  readonly idle: boolean;
  /** Null: it is not in quarantine. */
  readonly quarantineUntil: number | null;
}

export const lifecycleMessages = {
  register: 'register',
  reregister: 'reregister',
  remove: 'remove',
  updateWorker: 'updateWorker',
  observed: 'observed',
  queueActivity: 'queueActivity',
  status: 'status',
} as const;

/** Update `register`: the API has verified the proof. */
export interface RegisterRequest {
  /** Whether the worker has shown that it got the credentials of an earlier registration. */
  readonly credentialsUsed: boolean;
  /** When the machine's system booted, as it says; null or left out where it says nothing. */
  readonly systemBootTime?: number | null;
}

/** Update `reregister`: the API has found which generation's secret was presented. */
export interface ReregisterRequest {
  readonly secretGeneration: number;
}

/** Answer of both: what credentials to make. */
export interface Registration {
  readonly secretGeneration: number;
  readonly expires: number;
}

export interface RemoveRequest {
  readonly reason: string;
  /** Who wants it. */
  readonly clientId?: string;
}

/** ApplicationFailure type of an update that the lifecycle refuses; the API answers 400. */
export const REFUSED = 'Refused';

/**
 * ApplicationFailure type of a write that the database refuses for good: for what it says, not for a state that passes.
 */
export const REFUSED_FOR_GOOD = 'RefusedForGood';

/** Query `status`. */
export interface LifecycleStatus {
  readonly state: WorkerState;
  readonly phase: string;
  readonly deadline: number | null;
  readonly stopReason: string | null;
  readonly createdSteps: readonly string[];
  readonly removed: readonly string[];
  readonly lastObservation: Observed | null;
  readonly location: MachineLocation;
}

/** Machines of one launch whose lifecycles are to be started: what they share, said once. */
export interface LaunchedGroup {
  readonly common: LifecycleCommon;
  readonly workers: readonly { readonly workerGroup: string; readonly workerId: string }[];
}

export interface PoolInput {
  readonly workerPoolId: string;
}

export interface ScanInput {
  readonly providerId: string;
  /** Go on every few seconds while machines of the provider are being removed, or built step by step. */
  readonly follow: boolean;
}

/** ApplicationFailure type of a scan that requests the next one: lifecycles still wait for what it will see. */
export const MACHINES_AWAITED = 'MachinesAwaited';

/** What becomes of what nobody owns, in one run of `sweep`. */
export interface OrphanSweepRequest {
  /** Lists, and adopts and removes nothing. */
  readonly isDryRun: boolean;
  /** Removals that an operator lets past the fuse; null: none. */
  readonly confirmed: number | null;
  /** Who wants it; null: the Schedule. */
  readonly clientId: string | null;
}

/** Counts only. */
export interface OrphanSweepResult {
  /** Ours, with and without owner. */
  readonly machines: number;
  readonly orphans: number;
  readonly adopted: number;
  readonly removed: number;
  readonly failed: number;
  /** Why nothing was removed. */
  readonly held: readonly string[];
}
