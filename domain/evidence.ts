import type { FailureClass } from './backoff.js';
import type { DecisionBasis, DecisionInputs, LaunchOutcome } from './decision-record.js';
import type { Estimate, EstimatorKind } from './estimator.js';
import type { DeploymentLimit } from './limits.js';
import type { PassedOverReason } from './selection.js';
import type { PoolConfig } from './worker-pool.js';

/**
 * What rows of evidence say, from which "why?" is answered for any past second. Instants are epoch milliseconds. Texts
 * are bounded, and lists too: what was left out is counted.
 */

/** What a poll made of a pool, the first that holds. */
export const pollVerdicts = [
  /** The queue did not answer for it. */
  'unanswered',
  /** The poll was over before its turn came. */
  'left-out',
  /** It was triggered: its situation has changed, or the instant has come at which to decide again. */
  'triggered',
  /** It should have been, and the trigger failed; the next poll makes up for it. */
  'not-triggered',
  'held',
  /** Its provider launches nothing. */
  'blocked',
  /** Its last decision stands. */
  'unchanged',
] as const;
export type PollVerdict = (typeof pollVerdicts)[number];

/** One pool in a poll; of a quiet pool that is not read each time, what the queue last said. */
export interface PollEntry {
  /** Null while the queue does not answer. */
  readonly pending: number | null;
  readonly claimed: number | null;
  readonly requested: number;
  readonly running: number;
  readonly stopping: number;
  readonly quarantined: number;
  /** Of launches that have been in doubt for so long that nobody counts on their machines. */
  readonly inDoubt: number;
  /** As it counts for triggers: 0 while polls know of a reason to launch nothing. */
  readonly wanted: number;
  readonly room: number;
  readonly verdict: PollVerdict;
  /** How long after a poll its queue is read again. */
  readonly dueMs: number;
  /** Index in the row's `errors`. */
  readonly error?: number;
}

export const spanKinds = ['hold', 'schedule', 'backoff', 'provider', 'call-pause', 'outage'] as const;
export type SpanKind = (typeof spanKinds)[number];

export interface HoldData {
  readonly reason: string;
  readonly clientId: string;
}

export interface BackoffData {
  readonly revision: number;
  readonly failureClass: FailureClass;
  /** In a row, this one included. */
  readonly failures: number;
  /** Where it began with a launch, or with the end of a machine of one. */
  readonly launchToken: string | null;
  readonly errorId: string | null;
  readonly title: string | null;
  /** The cloud's words, cut. */
  readonly message: string | null;
  readonly code: string | null;
  /** It began with a machine that ended, or ran out of time, before it had registered. */
  readonly unregistered: boolean;
  /** When it was to end, whenever it has ended; absent: as its span. */
  readonly until?: number;
}

export interface ProviderData {
  /** `unconfigured`: pools or machines name it, and this process's configuration does not. */
  readonly state: 'failed' | 'draining' | 'unconfigured';
  readonly message: string | null;
  /** Whose view it is. */
  readonly process: string;
}

/** `schedule`: the pool's cron Schedule is paused; its begin is when that was first seen. */
export interface ScheduleData {
  readonly note: string | null;
}

export interface CallPauseData {
  /** Calls that the cloud answers at once when it is over. */
  readonly left: number;
}

/** `outage`: nobody polled; from the end of the last poll to the begin of the next. */
export interface OutageData {
  /** Of the poll that found it. */
  readonly process: string;
}

export type SpanData = HoldData | BackoffData | ProviderData | ScheduleData | CallPauseData | OutageData;

/** Who or what ended a span. */
export interface SpanEnd {
  /** `replaced`: by a span that begins then. */
  readonly by: 'released' | 'replaced' | 'seen';
  readonly clientId?: string;
}

/** Version of ReconciliationEvidence. */
export const EVIDENCE_VERSION = 1;
/** Launch configs that one round lists at most: those that were chosen first. */
export const MAX_CANDIDATES = 200;

/** Why a pool was reconciled. */
export const triggerCauses = [
  /** A poll of the queue. */
  'poll',
  /** A message of the queue: tasks have come. */
  'message',
  /** Its cron Schedule. */
  'cron',
  /** It was created, changed or deleted. */
  'changed',
  'released',
  /** A worker of it registered, which ended a backoff. */
  'registered',
  'stopped',
  /** A scan, or the sweep, found something of it. */
  'observed',
  /** A launch that nobody waited for any more has its outcome. */
  'launched',
  'requested',
] as const;
export type TriggerCause = (typeof triggerCauses)[number];

/** A launch config in one round of a reconciliation. */
export interface Candidate {
  readonly launchConfigId: string;
  readonly revision: number;
  /** 0..1 as configured. */
  readonly initialWeight: number;
  /** Its weight in the draw; 0: it took no part. */
  readonly weight: number;
  readonly usedCapacity: number;
  /** The lower of its own maximum and the pool's. */
  readonly maxCapacity: number;
  readonly capacityPerInstance: number;
  /** Of the last hour. */
  readonly recentErrors: number;
  /** What its weight lost to machines that were preempted; absent: nothing. */
  readonly preemptedPart?: number;
  /** It backs off until then; null: it does not. */
  readonly backoffUntil: number | null;
  readonly outcome: 'chosen' | PassedOverReason;
  /** Machines that it was chosen for, before limits cut them. */
  readonly machines: number;
}

/** The numbers behind a limit of the deployment that cut a round. */
export interface LimitNumbers {
  readonly limit: DeploymentLimit;
  readonly wanted: number;
  readonly allowed: number;
  readonly machines: number;
  readonly maxMachines: number;
  readonly launchedLastMinute: number;
  readonly launchesPerMinute: number;
  /** Other pools that wanted more than they got. */
  readonly others: number;
  /** When it leaves room again, as far as is known. */
  readonly endsAt: number | null;
}

export interface Round {
  /** Capacity that was still missing. */
  readonly wantedCapacity: number;
  readonly roomCapacity: number;
  readonly candidates: readonly Candidate[];
  /** Candidates that are not listed. */
  readonly omitted: number;
  readonly limit: LimitNumbers | null;
}

export interface Block {
  readonly code: 'held' | 'provider' | 'schedule-paused' | 'schedule-unread';
  /** In words. */
  readonly reason: string;
}

/** `evidence` of a row of `reconciliations`. Of one that failed: what was known by then. */
export interface ReconciliationEvidence {
  readonly estimator: EstimatorKind | null;
  readonly inputs: DecisionInputs | null;
  readonly estimate: Estimate | null;
  /** Why the queue could not be read; null: it was. */
  readonly demandError: string | null;
  readonly blocks: readonly Block[];
  readonly limitedBy: readonly string[];
  readonly rounds: readonly Round[];
  readonly launches: readonly LaunchOutcome[];
  /** Ids of the spans that lasted when it ended, and concern it: holds, backoffs, its Schedule, its provider. */
  readonly spans: readonly number[];
  /** Running workers that are advised to stop, by reason. */
  readonly terminations: Readonly<Record<string, number>>;
  readonly basis: DecisionBasis | null;
  /** Why it failed; null: it did not. */
  readonly failure: string | null;
}

export const workerEvents = ['requested', 'registered', 'refused', 'advised', 'spared', 'stopping', 'stopped'] as const;
export type WorkerEvent = (typeof workerEvents)[number];

/** By event; members that are not named are absent. */
export interface WorkerEventData {
  /** requested */
  readonly providerId?: string;
  readonly launchConfigId?: string | null;
  readonly launchConfigRevision?: number | null;
  readonly launchToken?: string | null;
  readonly capacity?: number;
  readonly terminateAfter?: number | null;
  /** registered: since the worker has its row; absent of a static one. */
  readonly tookMs?: number;
  /** stopping, stopped: the state before. */
  readonly from?: string;
  /** stopping: its failure. */
  readonly errorId?: string;
}

/** A pool's definition as it was submitted, its active launch configs included. */
export interface PoolDefinition {
  readonly providerId: string;
  readonly description: string;
  readonly owner: string;
  readonly emailOnError: boolean;
  readonly config: PoolConfig;
  readonly launchConfigs: readonly {
    readonly launchConfigId: string;
    readonly revision: number;
    readonly configuration: unknown;
  }[];
}
