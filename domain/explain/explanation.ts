/**
 * Why there is, or is not, a machine at one instant: what pages, the API and the command line show. The sentence and
 * the arithmetic are made from the same numbers.
 */

import type { WeightParts } from '../selection.js';

/** The words are public: pages, commands and scripts compare them. */
export const poolCauses = [
  'nothing-wanted',
  'idle-not-claiming',
  'still-booting',
  'launching',
  'at-maximum',
  'room-taken-by-stopping',
  'room-taken-by-quarantined',
  'replacement-under-way',
  'held',
  'schedule-paused',
  'demand-unreadable',
  'provider-down',
  'backed-off-no-capacity',
  'quota',
  'bad-definition-or-permission',
  'no-eligible-config',
  'launch-in-doubt',
  'deployment-limit',
  'cloud-call-limit',
  'not-evaluated',
  'no-such-pool',
  'no-record',
] as const;
export type PoolCause = (typeof poolCauses)[number];

export const workerCauses = [
  'booting',
  'running',
  'never-registered',
  'ended',
  'stuck-or-kept',
  'no-such-worker',
  'no-record',
] as const;
export type WorkerCause = (typeof workerCauses)[number];

export type Cause = PoolCause | WorkerCause;

/**
 * - `exact`: what it says is recorded for this very instant;
 * - `between-polls`: counts are those of the poll before it, and the poll after it read others;
 * - `not-evaluated`: nobody polled or decided then;
 * - `no-record`: evidence does not reach back so far.
 */
export const certainties = ['exact', 'between-polls', 'not-evaluated', 'no-record'] as const;
export type Certainty = (typeof certainties)[number];

/** A row that the answer rests on. */
export interface Source {
  readonly kind: 'poll' | 'decision' | 'span' | 'launch' | 'attempt' | 'revision' | 'audit' | 'worker' | 'worker-event';
  readonly id: string;
  /** Epoch ms, as every instant here. */
  readonly at: number;
}

/** One step, as people write it: its text is an expression whose value is `value`. */
export interface Step {
  readonly name: string;
  readonly text: string;
  readonly value: number;
}

export interface Change {
  readonly what: string;
  readonly at: number;
}

/** What the numbers were, and how old the queue's were. */
export interface Inputs {
  readonly pendingTasks: number | null;
  readonly claimedTasks: number | null;
  readonly requestedCapacity: number;
  readonly runningCapacity: number;
  readonly stoppingCapacity: number;
  readonly quarantinedCapacity: number;
  readonly inDoubtCapacity: number;
  readonly currentCapacity: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly scalingRatio: number;
  /** From the queue's counts to the instant; null when there are none. */
  readonly ageMs: number | null;
}

export const candidateOutcomes = [
  'usable',
  'weight 0',
  'no capacity left',
  'backing off',
  'launch unfinished',
  'awaiting a registration',
  'no room in the pool',
] as const;
export type CandidateOutcome = (typeof candidateOutcomes)[number];

/** One launch config as a choice between them would have seen it. */
export interface Candidate {
  readonly launchConfigId: string;
  readonly revision: number;
  readonly where: string | null;
  readonly type: string | null;
  readonly weight: WeightParts & {
    /** What it would be drawn with. */
    readonly drawn: number;
  };
  readonly outcome: CandidateOutcome;
  /** The cloud's words, where it backs off. */
  readonly reason: string | null;
  readonly until: number | null;
  readonly requestIds: readonly string[];
}

export interface Explanation<C extends Cause = Cause> {
  readonly subject: string;
  readonly at: number;
  readonly certainty: Certainty;
  readonly cause: C;
  readonly sentence: string;
  /** From when to when it was so, as far as is known; `until` null: it still is, or nobody knows. */
  readonly since: number | null;
  readonly until: number | null;
  readonly inputs: Inputs | null;
  readonly arithmetic: readonly Step[];
  /** What kept the pool from more, in one word of the estimate; null where nothing was estimated. */
  readonly bound: string | null;
  /** What else would have kept it, had the cause not. */
  readonly also: readonly { readonly cause: C; readonly sentence: string }[];
  readonly nextChange: Change | null;
  readonly candidates: readonly Candidate[];
  readonly evidence: readonly Source[];
}
