import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { FailureClass } from '../domain/backoff.js';
import { ProviderError, type ProviderErrorCode } from '../providers/errors.js';

/** Histories keep failures: a cloud's answer may be pages long, and the engine truncates at 4 KiB. */
const LONGEST_MESSAGE = 500;

/**
 * The one place where a provider's failure becomes Temporal's. Throttling is no news: it waits as long as it was told and
 * raises no alarm. What a retry cannot cure is not retried.
 */
export function toApplicationFailure(error: unknown): Error {
  if (!(error instanceof ProviderError)) return error instanceof Error ? error : new Error(String(error));
  return ApplicationFailure.create({
    message: error.message.slice(0, LONGEST_MESSAGE),
    type: error.code,
    nonRetryable: !error.retryable,
    nextRetryDelay: error.retryAfterMs ?? undefined,
    category: error.code === 'Throttled' ? ApplicationFailureCategory.BENIGN : undefined,
  });
}

const classes: Partial<Record<ProviderErrorCode, FailureClass>> = {
  InsufficientCapacity: 'capacity',
  QuotaExceeded: 'quota',
  PermissionDenied: 'permission',
  InvalidRequest: 'invalid',
};

export const failureClassOf = (error: ProviderError): FailureClass => classes[error.code] ?? 'other';
