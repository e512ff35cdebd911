import { expect, test } from '@jest/globals';
import type { ApplicationFailure } from '@temporalio/common';
import { toApplicationFailure } from '../../../../activities/support/application-failures.js';
import { ProviderError } from '../../../../providers/errors.js';

test('toApplicationFailure spreads retries of many calls that a cloud put off to one instant, and lets none come sooner', () => {
  const delays = Array.from({ length: 200 }, () => {
    const error = new ProviderError({ code: 'Throttled', message: 'slow down', retryAfterMs: 60_000 });
    return Number((toApplicationFailure(error) as ApplicationFailure).nextRetryDelay);
  });
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(60_000);
  expect(Math.max(...delays)).toBeLessThanOrEqual(75_000);
  expect(new Set(delays).size).toBeGreaterThan(100);
});
