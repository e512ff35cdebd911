import type { Estimate } from './estimator.js';

/**
 * Why a pool has, or has not, got more machines: what one pass of `provisionPool` saw and did. Operators read it through
 * the API's decisions; two passes that decided the same are one row.
 */
export interface Decision {
  readonly inputs: DecisionInputs;
  /** Null when there was nothing to estimate from. */
  readonly estimate: Estimate | null;
  /** What kept the pool from getting all that the estimate asked for, in words. */
  readonly limitedBy: readonly string[];
  readonly launches: readonly LaunchOutcome[];
  readonly passedOver: readonly { readonly launchConfigId: string; readonly reason: string }[];
  /** How many running workers were told to stop when idle. */
  readonly terminations: number;
}

export interface DecisionInputs {
  readonly providerId: string;
  readonly pendingTasks: number | null;
  readonly claimedTasks: number | null;
  readonly existingCapacity: number;
  readonly requestedCapacity: number;
  readonly stoppingCapacity: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly scalingRatio: number;
}

export interface LaunchOutcome {
  readonly token: string;
  readonly launchConfigId: string;
  readonly asked: number;
  readonly made: number;
  /** `launched`, `short` (fewer than asked), `failed`, or `unfinished` (no answer yet; a later pass goes on with it). */
  readonly outcome: 'launched' | 'short' | 'failed' | 'unfinished';
  readonly failure: string | null;
}
