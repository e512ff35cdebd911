import { estimate, type Estimate, type EstimatorInput } from '../estimator.js';
import { candidatesOf } from './candidates.js';
import type { Poll, PoolDefinition, PoolEvidence } from './evidence.js';
import type { Candidate, Change, Inputs, PoolCause, Source, Step } from './explanation.js';

/** What the rules judge: a pool that exists and that was polled, with its numbers at the instant. */
export interface Situation {
  readonly evidence: PoolEvidence;
  readonly at: number;
  readonly pool: PoolDefinition;
  readonly poll: Poll;
  readonly input: EstimatorInput;
  readonly estimate: Estimate;
  readonly candidates: readonly Candidate[];
}

/** One thing that keeps a pool from machines. */
export interface Finding {
  readonly cause: PoolCause;
  readonly sentence: string;
  readonly since: number | null;
  readonly until?: number | null;
  readonly nextChange?: Change | null;
  /** It follows from the queue's counts, and is as certain as they are. */
  readonly restsOnCounts: boolean;
  readonly sources: readonly (Source | null)[];
}

/** Null where it does not hold. */
export type Rule = (situation: Situation) => Finding | null;

export function situationOf(evidence: PoolEvidence, pool: PoolDefinition, poll: Poll, at: number): Situation {
  const input: EstimatorInput = {
    ...evidence.capacity,
    minCapacity: pool.minCapacity,
    maxCapacity: pool.maxCapacity,
    scalingRatio: pool.scalingRatio,
    pendingTasks: poll.counts?.pendingTasks ?? null,
    claimedTasks: poll.counts?.claimedTasks ?? null,
  };
  const estimated = estimate(pool.estimator, input);
  const candidates = candidatesOf(evidence.launchConfigs, {
    poolMaxCapacity: pool.maxCapacity,
    poolRoom: estimated.roomCapacity,
    nowMs: at,
  });
  return { evidence, at, pool, poll, input, estimate: estimated, candidates };
}

export const inputsOf = ({ input, poll, at }: Situation): Inputs => ({
  ...input,
  ageMs: poll.counts ? at - poll.at : null,
});

/** Machines that have nothing to do. */
export const freeCapacity = ({ runningCapacity, claimedTasks }: EstimatorInput): number =>
  Math.max(0, runningCapacity - (claimedTasks ?? 0));

export const occupiedCapacity = (input: EstimatorInput): number =>
  input.requestedCapacity +
  input.runningCapacity +
  input.stoppingCapacity +
  input.quarantinedCapacity +
  input.inDoubtCapacity;

/** What the estimate computed, written out with the numbers that it had; sentences have the same ones. */
export function arithmeticOf({ pool, input, estimate: estimated }: Situation): Step[] {
  const steps = pool.estimator === 'corrected' ? corrected(input, estimated) : original(input, estimated);
  const taken = [
    input.requestedCapacity,
    input.runningCapacity,
    input.stoppingCapacity,
    input.quarantinedCapacity,
    input.inDoubtCapacity,
  ];
  return [
    step('free', `max(0, ${input.runningCapacity} − ${input.claimedTasks ?? 0})`, freeCapacity(input)),
    step('occupied', taken.join(' + '), occupiedCapacity(input)),
    ...steps,
  ];
}

function corrected(input: EstimatorInput, estimated: Estimate): Step[] {
  const { requestedCapacity, currentCapacity, minCapacity, maxCapacity, scalingRatio } = input;
  const { idleCapacity, wantedCapacity, roomCapacity, spawnCapacity } = estimated;
  const demanded = `⌈${input.pendingTasks ?? 0} × ${scalingRatio}⌉ − ${idleCapacity}`;
  return [
    step('idle', `${requestedCapacity} + ${freeCapacity(input)}`, idleCapacity),
    step('want', `max(0, ⌈${minCapacity} − ${currentCapacity}⌉, ${demanded})`, wantedCapacity),
    step('room', `⌊${maxCapacity} − ${occupiedCapacity(input)}⌋`, roomCapacity),
    step('spawn', `max(0, min(${wantedCapacity}, ${roomCapacity}))`, spawnCapacity),
  ];
}

/** Taskcluster's formula (docs/taskcluster-compatibility.md#estimator). */
function original(input: EstimatorInput, estimated: Estimate): Step[] {
  const { requestedCapacity, minCapacity, maxCapacity, scalingRatio } = input;
  const { existingCapacity, idleCapacity, wantedCapacity, roomCapacity, spawnCapacity } = estimated;
  const total = existingCapacity + input.stoppingCapacity + input.inDoubtCapacity;
  const demanded = `max(0, ${input.pendingTasks ?? 0} − ${idleCapacity}) × ${scalingRatio}`;
  const desired = `max(${minCapacity}, min(${demanded} + ${total}, ${maxCapacity}))`;
  return [
    step('idle', `max(0, ${existingCapacity} − ${input.claimedTasks ?? 0})`, idleCapacity),
    step(
      'want',
      `max(0, ${minCapacity} − ${total} − ${requestedCapacity}, ${demanded} − ${requestedCapacity})`,
      wantedCapacity,
    ),
    step('room', `max(${minCapacity}, ${maxCapacity}) − ${total}`, roomCapacity),
    step('spawn', `max(0, max(0, ${desired} − ${total}) − ${requestedCapacity})`, spawnCapacity),
  ];
}

const step = (name: string, text: string, value: number): Step => ({ name, text, value });

/** The same pool with less on its way: what would be wanted without it. */
export function wantedWithout({ pool, input }: Situation, capacity: number): number {
  const less = { ...input, requestedCapacity: Math.max(0, input.requestedCapacity - capacity) };
  const current = Math.max(0, input.currentCapacity - capacity);
  return estimate(pool.estimator, { ...less, currentCapacity: current }).wantedCapacity;
}
