import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { ProviderError } from '../../providers/errors.js';
import { isRefusedForGood } from '../../database/client/failures.js';
import { REFUSED_FOR_GOOD } from '../../temporal/messages.js';

/** Histories keep failures: a cloud's answer may be pages long, and the engine truncates at 4 KiB. */
const MAX_MESSAGE_LENGTH = 500;

/** What a failure that is not retried says beside its type, which is the error's code. */
export interface FailureDetails {
  readonly title: string | null;
  readonly cloudCode: string | null;
}

/**
 * The one place where a provider's or the database's failure becomes Temporal's. Throttling is not reported: the
 * retry waits as long as the cloud says and raises no alarm. What a retry cannot cure is not retried.
 */
export function toApplicationFailure(error: unknown): Error {
  if (isRefusedForGood(error)) {
    return ApplicationFailure.nonRetryable(error.message.slice(0, MAX_MESSAGE_LENGTH), REFUSED_FOR_GOOD);
  }
  if (!(error instanceof ProviderError)) return error instanceof Error ? error : new Error(String(error));
  return ApplicationFailure.create({
    message: error.message.slice(0, MAX_MESSAGE_LENGTH),
    type: error.code,
    nonRetryable: !error.retryable,
    // guard(a-clouds-pause-is-kept-and-spread): drop
    nextRetryDelay: error.retryAfterMs === null ? undefined : spread(error.retryAfterMs),
    category: error.code === 'Throttled' ? ApplicationFailureCategory.BENIGN : undefined,
    ...(!error.retryable && { details: [{ title: error.title, cloudCode: error.cloudCode } satisfies FailureDetails] }),
  });
}

/** For every activity of a worker: whatever it throws passes through `toApplicationFailure`. */
export const failuresInWords: ActivityInterceptorsFactory = () => ({
  inbound: {
    async execute(input, next) {
      try {
        return await next(input);
      } catch (error) {
        throw toApplicationFailure(error);
      }
    },
  },
});

/** Many callers get the same instant and would come back at once: each waits up to a quarter longer, and none less. */
const spread = (ms: number): number => Math.round(ms * (1 + Math.random() / 4));
