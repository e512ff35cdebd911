import type { Decision, DecisionInputs, LaunchOutcome } from '../../domain/decision-record.js';
import type { EstimatorKind } from '../../domain/estimator.js';
import type { Block, LimitNumbers, Round, TriggerCause } from '../../domain/evidence.js';
import type { LaunchConfigOption } from '../../domain/selection.js';
import type { LaunchedGroup } from '../../temporal/messages.js';

/** What workflows ask of a pool's activities, and what they get: it travels through histories. */

export interface PoolActivities {
  /** Everything that a reconciliation needs to know, in a few KiB; null when the pool does not exist any more. */
  assessPool(workerPoolId: string): Promise<PoolAssessment | null>;
  /** Writes the intents, within the deployment's limits. Idempotent by token. */
  reserveLaunches(request: ReserveRequest): Promise<Reserved>;
  /** Gives up intents that were never sent; a blocked pool launches nothing. */
  dropLaunches(tokens: readonly string[]): Promise<void>;
  /** Reports each of these launches to its owner, once: it has been in doubt for too long. */
  reportLaunches(tokens: readonly string[], nowMs: number): Promise<void>;
  /**
   * Starts the lifecycles of a launch's machines; those that have been started stay as they are. False: the time was
   * over before all were tried.
   */
  startLifecycles(token: string, startedBy: string): Promise<boolean>;
  /**
   * Ends a reconciliation: marks running workers that should stop when idle, closes the launches, records the decision.
   */
  concludeReconciliation(
    workerPoolId: string,
    decision: Omit<Decision, 'terminations'>,
    outcome: ReconciliationOutcome,
  ): Promise<void>;
  /** Removes some of what a pool with `forcedRemoval` has too many, or had replaced. Gives how many. */
  removeByForce(workerPoolId: string): Promise<number>;
  /** Leaves evidence of a reconciliation that ends without a decision. */
  recordFailedReconciliation(workerPoolId: string, report: ReconciliationReport, failure: string): Promise<void>;
}

export interface PoolAssessment {
  readonly workerPoolId: string;
  readonly estimator: EstimatorKind;
  readonly inputs: DecisionInputs;
  readonly options: readonly LaunchConfigOption[];
  /** The last adoption of a machine that is counted here. */
  readonly lastAdoption?: number;
  readonly unfinished: readonly UnfinishedLaunch[];
  /** Why nothing may be launched, in words; empty when it may. */
  readonly blockedBy: readonly string[];
  /** The same by kind. */
  readonly blocks: readonly Block[];
  /** Why the queue could not be read; null when it was. */
  readonly demandError: string | null;
  /** Whether polls know of a reason too. */
  readonly blockedForPolls: boolean;
  /** Providers that this deployment can call. */
  readonly providers: readonly string[];
  readonly forcedRemoval?: true;
}

export interface PendingLaunch {
  readonly token: string;
  readonly providerId: string;
  readonly launchConfigId: string;
  readonly count: number;
}

export interface UnfinishedLaunch extends PendingLaunch {
  /** No attempt of it can have created anything: a blocked pool gives it up. */
  readonly neverSent?: boolean;
  /** Its launch config has been archived: nothing more is launched from it. */
  readonly isArchived?: boolean;
  /** Not resumed before; null or absent: at once. */
  readonly nextAttemptAt?: number | null;
  /** It has been in doubt for too long, and its owner has not heard of it. */
  readonly isUnreported?: boolean;
}

export interface ReserveRequest {
  readonly workerPoolId: string;
  readonly tokenPrefix: string;
  readonly choices: readonly {
    readonly launchConfigId: string;
    readonly revision: number;
    readonly machines: number;
  }[];
  readonly maxMachines: number;
  /** Of the assessment: what was adopted after it takes room that it did not see taken. */
  readonly lastAdoption?: number;
}

export interface Reserved {
  readonly launches: readonly PendingLaunch[];
  /** Choices of which no request can be made. */
  readonly refused: readonly LaunchOutcome[];
  readonly limitedBy: readonly string[];
  /** When a limit that bound it leaves room again; null when none bound it, or nobody knows. */
  readonly limitEndsAt: number | null;
  /** The numbers of the limit that bound it. */
  readonly limit: LimitNumbers | null;
}

/** What a decision does not say, and polls after it need to know. */
export interface ReconciliationOutcome {
  /** Capacity that its own launches have created or may have created. */
  readonly launchedCapacity: number;
  /** When what bound it may have ended, where no poll sees that: a limit, or a paused Schedule. */
  readonly limitEndsAt: number | null;
  /** As it was assessed. */
  readonly blockedForPolls: boolean;
  readonly report: ReconciliationReport;
}

/** What only evidence keeps of a reconciliation. */
export interface ReconciliationReport {
  readonly reconciliationId: string;
  readonly triggeredBy: readonly TriggerCause[];
  /** The workflow's instant. */
  readonly begunAt: number;
  readonly estimator: EstimatorKind | null;
  readonly demandError: string | null;
  readonly blocks: readonly Block[];
  readonly rounds: readonly Round[];
}

export interface LaunchActivities {
  /**
   * Carries out the launch of this token, as often as it takes: the same token, the same request. Idempotent.
   * Throws when there is no answer yet; the intent stays open then, and a later call goes on with it.
   */
  launchMachines(attempt: LaunchAttempt): Promise<LaunchResult>;
}

export interface LaunchAttempt {
  readonly token: string;
  /** The workflow's instant. */
  readonly nowMs: number;
  /** False: what an earlier attempt created is searched for, and nothing is launched. */
  readonly mayLaunch: boolean;
}

export interface LaunchResult {
  readonly launched: number;
  readonly outcome: LaunchOutcome['outcome'];
  readonly failure: string | null;
  /** The machines' lifecycles to start; null when they are too many to travel through a history. */
  readonly group: LaunchedGroup | null;
}
