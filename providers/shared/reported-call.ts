import { LimitsUnreadError, ProviderError } from '../errors.js';
import type { CallOutcome } from '../provider.js';
import type { CallLimit, CloudCall, Limiter } from '../rate-limit.js';
import { noteRefusedPlace } from './attempts.js';
import { untilGivenUp } from './call-scope.js';

/** What a report says of a call's end: null, it was answered. */
export const endOf = (error: ProviderError | null): Pick<CallOutcome, 'result' | 'cloudCode' | 'message'> => ({
  result: error?.code ?? 'ok',
  cloudCode: error?.cloudCode ?? null,
  message: error?.message ?? null,
});

/**
 * Waits for the call's place among all calls, and gives how long it waited. Throws as `Limiter.acquire`, or
 * LimitsUnreadError.
 */
export async function takePlace(limiter: Limiter, call: CloudCall, limit: CallLimit): Promise<number> {
  const begunAt = performance.now();
  const waitedMs = () => performance.now() - begunAt;
  try {
    await untilGivenUp(limiter.acquire(call, limit));
  } catch (error) {
    if (!(error instanceof ProviderError)) throw new LimitsUnreadError(error);
    if (error.code === 'Throttled') {
      noteRefusedPlace(call, { ...endOf(error), durationMs: 0, waitedMs: waitedMs(), requestId: null });
    }
    throw error;
  }
  return waitedMs();
}
