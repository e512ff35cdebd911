import type { CapacityByState, EstimatorKind, ScalingBounds } from '../estimator.js';
import type { FailureClass } from '../backoff.js';
import type { LaunchConfigOption } from '../selection.js';
import type { Source } from './explanation.js';

/**
 * What is recorded of one pool at one instant: plain data, whatever tables it comes from. Instants are epoch
 * milliseconds; whatever began later is not in it, but for what came next.
 */
export interface PoolEvidence {
  readonly workerPoolId: string;
  /** From when on there are records; null: from the beginning. */
  readonly recordedSince: number | null;
  /** Its definition in force; null: there was no such pool. */
  readonly pool: PoolDefinition | null;
  /** Of a pool that is no more. */
  readonly deletion: Deed | null;
  /** The last reading of its queue, and the next one. */
  readonly poll: Poll | null;
  readonly nextPoll: Poll | null;
  /** Why nobody polled, where that is known. */
  readonly outage: (Span & { readonly reason: string }) | null;
  /** Those that cover it, its own and those of all pools. */
  readonly holds: readonly Hold[];
  /** `seenAt`: when somebody first found the Schedule paused. */
  readonly schedulePause: (Span & { readonly seenAt: number }) | null;
  /** Why its provider launched nothing; null while it could. `isForGood`: it never does, which is nothing to mend. */
  readonly providerBlock: (Span & { readonly reason: string; readonly isForGood: boolean }) | null;
  readonly capacity: CapacityByState;
  readonly archived: ArchivedCapacity;
  /** Workers that have not registered, by launch; oldest first. */
  readonly booting: readonly BootingMachines[];
  /** Launches without an outcome; oldest first. */
  readonly openLaunches: readonly OpenLaunch[];
  /** Half of the pool's machines had registered within so long by then; null: none was known. */
  readonly medianRegistrationMs: number | null;
  /** From when on each poll has found waiting tasks beside enough idle machines; null: the last one has not. */
  readonly unclaimedSince: number | null;
  /** The active ones. */
  readonly launchConfigs: readonly LaunchConfigEvidence[];
  /** The last reconciliation. */
  readonly decision: DecisionEvidence | null;
}

export interface PoolDefinition extends ScalingBounds {
  readonly providerId: string;
  readonly estimator: EstimatorKind;
  readonly source: Source | null;
}

/** Somebody did something; `who` null: nobody knows. */
export interface Deed {
  readonly at: number;
  readonly who: string | null;
  readonly source: Source | null;
}

/** `end` null: it has not ended. */
export interface Span {
  readonly begin: number;
  readonly end: number | null;
  readonly source: Source | null;
}

export interface Poll {
  readonly at: number;
  /** When the next poll was due. */
  readonly dueAt: number;
  /** From when on the counts were these. */
  readonly since: number;
  /** Null: the queue did not answer. */
  readonly counts: { readonly pendingTasks: number; readonly claimedTasks: number } | null;
  /** The queue's words when it did not. */
  readonly failure: string | null;
  readonly source: Source | null;
}

export interface Hold extends Span {
  readonly ofAllPools: boolean;
  readonly who: string;
  readonly reason: string;
}

/** Of archived launch configs. */
export interface ArchivedCapacity {
  readonly runningCapacity: number;
  readonly stoppingCapacity: number;
}

export interface BootingMachines {
  readonly requestedAt: number;
  readonly machines: number;
  readonly capacity: number;
  readonly source: Source | null;
}

export interface OpenLaunch {
  readonly token: string;
  readonly requestedAt: number;
  readonly machines: number;
  readonly capacity: number;
  /** The answer of an attempt was lost at this instant. */
  readonly inDoubtSince: number | null;
  /** It takes room, and nobody counts on it any more. */
  readonly isOverdue: boolean;
  /** It stands in line before the limit of calls to its cloud. */
  readonly waitsForCalls: { readonly bucket: string; readonly until: number | null } | null;
  readonly source: Source | null;
}

export interface LaunchConfigEvidence extends Omit<LaunchConfigOption, 'backoffUntil' | 'openLaunches'> {
  readonly where: string | null;
  readonly type: string | null;
  readonly backoff: Backoff | null;
  /** Of it without an outcome. */
  readonly openLaunches: number;
}

/** `until`: when it was to end at the time; `end`: when it has ended. */
export interface Backoff extends Span {
  readonly until: number;
  readonly failureClass: FailureClass;
  readonly failures: number;
  /** The cloud's code and words of the failure. */
  readonly code: string | null;
  readonly message: string | null;
  readonly requestIds: readonly string[];
}

export interface DecisionEvidence {
  readonly at: number;
  /** Why it came to no end; null: it did. */
  readonly failure: string | null;
  /** What the limits of the deployment cut. */
  readonly limit: {
    readonly name: 'launchesPerMinute' | 'machines';
    readonly used: number | null;
    readonly max: number;
    readonly until: number | null;
  } | null;
  readonly requestedMachines: number;
  readonly source: Source | null;
}
