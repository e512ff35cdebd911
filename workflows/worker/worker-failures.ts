import { type ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import type { FailureDetails } from '../../activities/support/application-failures.js';
import { failureClassOf } from '../../domain/backoff.js';
import type { LifecycleTiming } from '../../domain/lifecycle.js';
import type { Observed, WorkerFailure } from '../../temporal/messages.js';

/** What a pool's owner hears of a worker that failed, and what its launch config backs off for. */

/** A machine that the cloud ended before it had registered; null where it was preempted. */
export function endedUnregistered({ state, reason, cause = 'other' }: Observed): WorkerFailure | null {
  if (cause === 'preempted') return null;
  return {
    kind: 'early-termination',
    failureClass: cause,
    unregistered: true,
    title: 'Instance went away before it registered',
    description: `The cloud shows the machine as ${state}${reason ? `: ${reason}` : ''}`,
  };
}

/** Whoever reads the row learns it from the first word, whatever the cloud's own are. */
export const preemptedFor = (reason: string): string =>
  reason.startsWith('preempted') ? reason : `preempted: ${reason}`;

export const neverRegistered = ({ registrationMs }: LifecycleTiming): WorkerFailure => ({
  kind: 'registration-timeout',
  failureClass: 'other',
  unregistered: true,
  title: 'Worker did not register in time',
  description: `No registration within ${Math.round(registrationMs / 1000)} seconds of the request`,
});

/** Only what no retry cures comes here: throttled and lost calls are no failures of a worker's. */
export function creationFailure(step: string, error: ActivityFailure): WorkerFailure {
  const { cause } = error;
  const { type, details } = cause instanceof ApplicationFailure ? cause : { type: null, details: null };
  const { title, cloudCode } = (details?.[0] ?? {}) as Partial<FailureDetails>;
  return {
    kind: 'creation-error',
    title: title ?? `${step} could not be created`,
    description: cause?.message ?? error.message,
    code: cloudCode ?? null,
    failureClass: failureClassOf(type),
  };
}

/** An operation that failed, and whose explanation cannot be had. */
export const unexplainedFailure = (error: ActivityFailure): WorkerFailure => ({
  kind: 'operation-error',
  title: 'Operation Error',
  description: `The operation failed; why could not be read: ${error.cause?.message ?? error.message}`,
  failureClass: 'other',
});
