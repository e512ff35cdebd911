import type { Estimate, EstimatorInput } from './estimator.js';

/**
 * Why a pool has, or has not, got more machines: what one reconciliation of `provisionPool` saw and did. Operators read
 * it through the API's decisions; two reconciliations that decided the same are one row.
 */
export interface Decision {
  readonly inputs: DecisionInputs;
  /** Null when there was nothing to estimate from. */
  readonly estimate: Estimate | null;
  /** What kept the pool from getting all capacity of the estimate, in words. */
  readonly limitedBy: readonly string[];
  readonly launches: readonly LaunchOutcome[];
  readonly passedOver: readonly { readonly launchConfigId: string; readonly reason: string }[];
  /** How many running workers were advised to stop when idle. */
  readonly terminations: number;
}

export interface DecisionInputs extends EstimatorInput {
  readonly providerId: string;
}

/**
 * What a decision leaves for the polls after it: what its pool wants, has room for and advises once its launches are
 * counted, and when to decide again whatever the poll finds. A pool is triggered when a poll finds anything else.
 */
export interface DecisionBasis {
  readonly wantedCapacity: number;
  readonly roomCapacity: number;
  /** Null while demand was unknown. */
  readonly advisedCapacity: number | null;
  /**
   * End of a backoff or of a limit's window; the earliest. Epoch ms; null when only a change is worth another decision.
   */
  readonly evaluateAgainAt: number | null;
}

export interface LaunchOutcome {
  readonly token: string;
  readonly launchConfigId: string;
  readonly requested: number;
  readonly launched: number;
  /**
   * `launched`, `short` (fewer than requested), `failed`, or `unfinished` (no answer yet; a later reconciliation goes
   * on with it).
   */
  readonly outcome: 'launched' | 'short' | 'failed' | 'unfinished';
  readonly failure: string | null;
}
