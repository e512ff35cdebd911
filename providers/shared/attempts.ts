import { AsyncLocalStorage } from 'node:async_hooks';
import type { CallOutcome } from '../provider.js';
import type { CloudCall } from '../rate-limit.js';

/**
 * Evidence of calls that may change something in a cloud. What a call is about is no parameter of the contract of
 * providers: whoever has it sent says so (`aboutCalls`), and whoever records what came of it takes what was noted.
 */

/** What calls are about. */
export interface CallSubject {
  readonly launchToken: string | null;
  /** Null where they are about machines of several pools. */
  readonly workerPoolId: string | null;
  /** Instances or resources, in the cloud's names. */
  readonly subjects: readonly string[];
}

/** A call that was sent, or of a launch one that did not get its place among all calls. */
export interface CallAttempt extends CallSubject, Omit<CallOutcome, 'remaining'> {
  readonly call: CloudCall & { readonly callClass: 'create' | 'delete' };
  /** In `performance.now()`. */
  readonly endedAt: number;
}

interface Scope {
  readonly subject: CallSubject;
  /** Attempts that nobody has taken yet; null: each is written at once, by itself. */
  readonly noted: CallAttempt[] | null;
}

const scopes = new AsyncLocalStorage<Scope>();
const nothing: CallSubject = { launchToken: null, workerPoolId: null, subjects: [] };

export const aboutCalls = <T>(subject: CallSubject, work: () => T): T => scopes.run({ subject, noted: null }, work);

/**
 * The same, where `takeAttempts` gives them to the statements that record their consequence; `leftOver` gets those that
 * none of these took.
 */
export async function recordingCalls<T>(
  subject: CallSubject,
  work: () => Promise<T>,
  leftOver: (attempt: CallAttempt) => void,
): Promise<T> {
  const noted: CallAttempt[] = [];
  try {
    return await scopes.run({ subject, noted }, work);
  } finally {
    for (const attempt of noted.splice(0)) leftOver(attempt);
  }
}

export const takeAttempts = (): readonly CallAttempt[] => scopes.getStore()?.noted?.splice(0) ?? [];

/** In the call's own context: notes it, or gives it to `write`. Reads leave no evidence. */
export function noteCall(call: CloudCall, outcome: CallOutcome, write: (attempt: CallAttempt) => void): void {
  const scope = scopes.getStore();
  const attempt = attemptOf(call, outcome, scope);
  if (attempt === null) return;
  if (scope?.noted) scope.noted.push(attempt);
  else write(attempt);
}

/**
 * A call that did not get its place among all calls. Only those of launches in bulk leave evidence: any other is tried
 * again in seconds, of each of thousands of resources.
 */
export function noteRefusedPlace(call: CloudCall, outcome: CallOutcome): void {
  const scope = scopes.getStore();
  const attempt = attemptOf(call, outcome, scope);
  if (attempt !== null) scope?.noted?.push(attempt);
}

function attemptOf(call: CloudCall, outcome: CallOutcome, scope: Scope | undefined): CallAttempt | null {
  const { callClass } = call;
  if (callClass === 'read') return null;
  const { remaining: _, ...rest } = outcome;
  return { ...(scope?.subject ?? nothing), ...rest, call: { ...call, callClass }, endedAt: performance.now() };
}
