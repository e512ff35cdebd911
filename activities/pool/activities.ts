import type { Decision, DecisionInputs, LaunchOutcome } from '../../domain/decision.js';
import type { EstimatorKind } from '../../domain/estimator.js';
import type { LaunchConfigOption } from '../../domain/selection.js';
import { dropLaunches } from '../../database/launch-failures.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { reportLaunches } from './launch-report.js';
import { assessPool } from './assess.js';
import { concludeReconciliation } from './conclude.js';
import { reserveLaunches } from './reserve.js';
import { lifecycleStarts } from '../worker/start-lifecycles.js';

export interface PoolActivities {
  /** Everything that a reconciliation needs to know, in a few KiB; null when the pool does not exist any more. */
  assessPool(workerPoolId: string): Promise<PoolAssessment | null>;
  /** Writes the intents, within the deployment's limits. Idempotent by token. */
  reserveLaunches(request: ReserveRequest): Promise<Reserved>;
  /** Gives up intents that were never sent; a blocked pool launches nothing. */
  dropLaunches(tokens: readonly string[]): Promise<void>;
  /** Tells the owner of each of these launches, once, that it has been in doubt for too long. */
  reportLaunches(tokens: readonly string[], nowMs: number): Promise<void>;
  /**
   * Starts the lifecycles of a launch's machines; those that have been started stay as they are. False: the time was over
   * before all were tried.
   */
  startLifecycles(token: string, startedBy: string): Promise<boolean>;
  /** Ends a reconciliation: marks running workers that should stop when idle, closes the launches, records the decision. */
  concludeReconciliation(
    workerPoolId: string,
    decision: Omit<Decision, 'terminations'>,
    outcome: ReconciliationOutcome,
  ): Promise<void>;
}

export interface PoolAssessment {
  readonly workerPoolId: string;
  readonly estimator: EstimatorKind;
  readonly inputs: DecisionInputs;
  readonly options: readonly LaunchConfigOption[];
  readonly unfinished: readonly UnfinishedLaunch[];
  /** Why nothing may be launched, in words; empty when it may. */
  readonly blockedBy: readonly string[];
  /** Whether polls know of a reason too. */
  readonly blockedForPolls: boolean;
  /** Providers that this deployment can call. */
  readonly providers: readonly string[];
}

export interface PendingLaunch {
  readonly token: string;
  readonly providerId: string;
  readonly launchConfigId: string;
  readonly count: number;
}

export interface UnfinishedLaunch extends PendingLaunch {
  /** No attempt of it can have made anything: a blocked pool gives it up. */
  readonly neverSent?: boolean;
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
}

export interface Reserved {
  readonly launches: readonly PendingLaunch[];
  /** Choices of which no request can be made. */
  readonly refused: readonly LaunchOutcome[];
  readonly limitedBy: readonly string[];
  /** When a limit that bound it leaves room again; null when none bound it, or nobody knows. */
  readonly limitEndsAt: number | null;
}

/** What a decision does not say, and polls after it need to know. */
export interface ReconciliationOutcome {
  /** Capacity that its own launches have made or may have made. */
  readonly launchedCapacity: number;
  readonly limitEndsAt: number | null;
  /** As it was assessed. */
  readonly blockedForPolls: boolean;
}

export function poolActivities(deps: ActivityDeps): PoolActivities {
  const starts = lifecycleStarts(deps);
  return {
    assessPool: assessPool(deps),
    reserveLaunches: reserveLaunches(deps),
    dropLaunches: async (tokens) => await dropLaunches(deps.database.db, tokens, engineNow()),
    reportLaunches: async (tokens, nowMs) => await reportLaunches(deps, tokens, nowMs),
    startLifecycles: (token, startedBy) => starts.ofLaunch(token, startedBy),
    concludeReconciliation: concludeReconciliation(deps),
  };
}
