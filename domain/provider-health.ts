import { MINUTE_MS } from './durations.js';

/**
 * Whether a provider's cloud can be used, from checks at intervals and from what calls meet. Pure. An unhealthy
 * provider launches nothing; what removes machines does not ask.
 */

/** `failed`: it cannot be used now, and is checked again. `unknown`: not checked yet. */
export interface ProviderHealth {
  readonly state: 'ok' | 'failed' | 'unknown';
  /** Why it cannot be used, or what of it works only in part. Null when there is nothing to say. */
  readonly message: string | null;
  /** Since when it is in this state; null while that is unknown. */
  readonly since: number | null;
}

export interface TrackedHealth extends ProviderHealth {
  /** The first of the failed checks that have not made it unhealthy yet; null: the last one succeeded. */
  readonly doubtedSince: number | null;
  /** Until when a check that succeeds proves nothing, because it only reads: the account is suspended. */
  readonly suspendedUntil: number;
}

export const UNCHECKED: TrackedHealth = {
  ...{ state: 'unknown', message: null, since: null },
  ...{ doubtedSince: null, suspendedUntil: 0 },
};

/** A launch is tried again after so long, whether the account is suspended still. */
export const SUSPENDED_MS = 10 * MINUTE_MS;

/**
 * A check: null when it succeeded, with or without remarks. A provider that was well fails with the second in a row.
 */
export function afterCheck(
  before: TrackedHealth,
  { failure, remarks = [] }: { readonly failure: string | null; readonly remarks?: readonly string[] },
  nowMs: number,
): TrackedHealth {
  if (failure === null) {
    if (before.state === 'failed' && nowMs < before.suspendedUntil) return { ...before, doubtedSince: null };
    return entered(before, 'ok', remarks.length === 0 ? null : remarks.join('; '), nowMs);
  }
  // guard(one-lost-answer-makes-no-provider-unhealthy): false
  if (before.state === 'ok' && before.doubtedSince === null) return { ...before, doubtedSince: nowMs };
  return entered(before, 'failed', failure, before.doubtedSince ?? nowMs);
}

/** A call was refused because the account is suspended, whatever it may still read. */
export const afterSuspension = (before: TrackedHealth, message: string, nowMs: number): TrackedHealth => ({
  ...entered(before, 'failed', message, nowMs),
  suspendedUntil: nowMs + SUSPENDED_MS,
});

const entered = (
  before: TrackedHealth,
  state: 'ok' | 'failed',
  message: string | null,
  since: number,
): TrackedHealth => ({
  ...{ state, message, since: before.state === state ? before.since : since },
  ...{ doubtedSince: null, suspendedUntil: 0 },
});
