import { AsyncLocalStorage } from 'node:async_hooks';
import { ProviderError } from '../errors.js';

/**
 * The attempt that a call to a cloud is made for. It is no parameter of the contract, because it concerns only the
 * single place where a provider sends its calls: reads and waits end when the attempt has been given up; a call that
 * changes something is sent only after `assertMaySend`, and is then awaited to its own time limit.
 */
export interface CallScope {
  /** Aborted when the attempt has been given up. */
  readonly signal: AbortSignal;
  /** Reads clock and signal; throws ProviderError(GivenUp) when the attempt must not change anything any more. */
  assertMaySend(): void;
  /**
   * In `performance.now()`: a place among all calls that comes later is of no use, and is left to others. Left out, it
   * is waited for as long as the limiter lets a call wait.
   */
  readonly turnBy?: number;
}

const scopes = new AsyncLocalStorage<CallScope>();

export const inCallScope = <T>(scope: CallScope, work: () => T): T => scopes.run(scope, work);

/**
 * For calls that several callers share: no single caller's cancellation may end them. They have time limits of their
 * own.
 */
export const outsideCallScope = <T>(work: () => T): T => scopes.exit(work);

/** Null outside an attempt, as in the API. */
export const callSignal = (): AbortSignal | null => scopes.getStore()?.signal ?? null;

export const assertMaySend = (): void => scopes.getStore()?.assertMaySend();

export const turnBy = (): number => scopes.getStore()?.turnBy ?? Number.POSITIVE_INFINITY;

/**
 * Waits for `waiting`, or until the attempt that waits has been given up: then throws ProviderError(GivenUp), and what
 * was waited for goes on to its own end.
 */
export async function untilGivenUp<T>(waiting: Promise<T>): Promise<T> {
  const signal = callSignal();
  if (!signal) return await waiting;
  const { promise, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(givenUp());
  signal.addEventListener('abort', giveUp);
  if (signal.aborted) giveUp();
  try {
    return await Promise.race([promise, waiting]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

export const givenUp = (): ProviderError =>
  new ProviderError({ code: 'GivenUp', message: 'The attempt was given up before the call was sent' });
