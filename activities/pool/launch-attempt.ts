import { ApplicationFailure } from '@temporalio/common';
import { MAX_IN_DOUBT_MS } from '../../domain/launch.js';
import { ProviderError } from '../../providers/errors.js';
import type { BulkLaunching, ProviderErrorReason } from '../../providers/provider.js';
import { type BegunAttempt, noteFailure, type Proof, resolveAttempt } from '../../database/launch-attempts.js';
import { failLaunch } from '../../database/launch-failures.js';
import { creationError, logPoolError, reasonOf, backoffAfter, worstFailureClass } from '../support/pool-errors.js';
import { takenCalls } from '../support/attempt-log.js';
import type { ActivityDeps } from '../support/deps.js';
import { toApplicationFailure } from '../support/application-failures.js';
import type { LaunchResult } from './types.js';
import { logLaunchEnd, recordLaunch } from './launch-record.js';

/** One attempt, or search, of a launch in bulk. `nowMs` is the workflow's instant at which it was scheduled. */
export interface Attempt extends BegunAttempt {
  readonly launching: BulkLaunching;
  readonly nowMs: number;
}

/**
 * The in-doubt protocol (ARCHITECTURE.md#closed-by-proof). An attempt calls the cloud once. Its answer is recorded; a
 * definite refusal closes the launch only where no other attempt may have created something; anything else leaves the
 * attempt in doubt. A launch that may not be sent (any more) is searched for: all of its machines, or those that a list
 * shows long after the last attempt, are an answer. Throws when there is none yet; the launch stays open then.
 */
export const attemptLaunch = (deps: ActivityDeps) => {
  const { db } = deps.database;
  const record = recordLaunch(deps);

  return async (attempt: Attempt): Promise<LaunchResult> => {
    // guard(launch-not-sent-when-overdue): false
    if (!attempt.maySend) return await search(attempt);
    const { launch, launching, nowMs } = attempt;
    try {
      const { machines, shortfall } = await launching.submit(launch);
      if (machines.length > 0)
        return (await record(launch, { machines, shortfall, nowMs })) ?? withoutPool(launch.token);
      return await closeSettled(deps, attempt, shortfall);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      return await handleRefusal(attempt, error);
    }
  };

  async function handleRefusal(attempt: Attempt, error: ProviderError): Promise<LaunchResult> {
    const { launch, attempts, nowMs } = attempt;
    // Nobody knows what this attempt did, or it says that another has done something.
    if (error.code === 'Unavailable' || error.code === 'TokenSpent') {
      await noteFailure(db, launch.token, error.message, takenCalls());
      if (error.code === 'Unavailable') throw toApplicationFailure(error);
      return await search(attempt);
    }
    const waited = isUnsent(error) && nowMs - launch.created >= MAX_IN_DOUBT_MS;
    if ((!error.retryable || waited) && (await close(deps, attempt, [reasonOf(error)], { attempts, by: 'refused' }))) {
      return failed(error.message);
    }
    await resolveAttempt(db, attempt, error.message, takenCalls());
    if (error.retryable) throw toApplicationFailure(error);
    return await search(attempt);
  }

  /** Lists show new machines late, so a part of them, or none, proves something only long after the last attempt. */
  async function search(attempt: Attempt): Promise<LaunchResult> {
    const { launch, launching, attempts, nowMs } = attempt;
    const { machines, shortfall, isSettled } = await launching.find(launch).catch((error: unknown) => {
      throw toApplicationFailure(error);
    });
    const proof: Proof = { attempts, by: isSettled ? 'settled' : { listedFrom: nowMs } };
    // guard(launch-part-needs-proof): true
    const isComplete = machines.length >= launch.count;
    if (machines.length > 0) {
      const recorded = await record(launch, { machines, shortfall, nowMs, ...(isComplete ? {} : { proof }) });
      if (recorded) return recorded;
      if (isComplete) withoutPool(launch.token);
      throw inDoubt();
    }
    if (isSettled && shortfall.length > 0) return await closeSettled(deps, attempt, shortfall);
    const message = launch.lastFailure ?? 'The cloud gave no answer, and has none of its machines';
    const nothing = { code: 'Unavailable', message, cloudCode: null } as const;
    if (await close(deps, attempt, [nothing], proof)) return failed(message);
    throw inDoubt();
  }
};

/** The call waits for its turn, or did not leave: without credentials, say. Its owner should not wait as long. */
const isUnsent = ({ code }: ProviderError): boolean => code === 'Throttled' || code === 'GivenUp';

/** The cloud has carried the launch out, and nothing came of it. */
async function closeSettled(
  deps: ActivityDeps,
  attempt: Attempt,
  shortfall: readonly ProviderErrorReason[],
): Promise<LaunchResult> {
  const proof = { attempts: attempt.attempts, by: 'settled' } as const;
  if (await close(deps, attempt, shortfall, proof)) return failed(wordsOf(shortfall));
  throw inDoubt();
}

/** Closes the launch as one that created nothing, its launch config backs off, and its owner hears of it. */
async function close(
  deps: ActivityDeps,
  { launch, nowMs }: Attempt,
  reasons: readonly ProviderErrorReason[],
  proof: Proof,
): Promise<boolean> {
  const errors = reasons.map((reason) => creationError({ ...launch, reason }));
  const backoff = backoffAfter(worstFailureClass(reasons), nowMs);
  const failure = wordsOf(reasons);
  const change = { ...backoff, failure, errors, proof, calls: takenCalls() };
  const closed = await failLaunch(deps.database.db, launch.token, change);
  if (closed) {
    for (const error of errors) logPoolError(deps.log, error);
    logLaunchEnd(deps, launch, 'failed', 0);
  }
  return closed;
}

const wordsOf = (reasons: readonly ProviderErrorReason[]): string => reasons.map(({ message }) => message).join('; ');

export const failed = (failure: string): LaunchResult => ({ launched: 0, outcome: 'failed', failure, group: null });

const inDoubt = () => ApplicationFailure.nonRetryable('An earlier attempt is still in doubt', 'InDoubt');

export const withoutPool = (token: string): never => {
  throw ApplicationFailure.nonRetryable(`The pool of launch ${token} has gone`, 'PoolGone');
};
