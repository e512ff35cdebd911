import { expect, test } from '@jest/globals';
import { LimitsUnreadError, ProviderError } from '../../../../providers/errors.js';
import { takePlace } from '../../../../providers/shared/reported-call.js';

const call = { providerId: 'aws', operation: 'DescribeRegions', callClass: 'read', region: 'us-east-1' } as const;
const limit = { burst: 1, perSecond: 1 };
const placeAfter = (acquire: () => Promise<void>) => takePlace({ acquire, reportQuota: async () => {} }, call, limit);

test('a call has no place while the limits cannot be read, and says so with what failed', async () => {
  const failure = Object.assign(new Error('no answer from the database'), { code: '08006' });
  const refused = await placeAfter(() => Promise.reject(failure)).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(LimitsUnreadError);
  expect(refused).toMatchObject({ message: failure.message, code: '08006', cause: failure });
});

test('a call whose line is too long is refused as by the cloud', async () => {
  const throttled = new ProviderError({ code: 'Throttled', message: 'too many' });
  await expect(placeAfter(() => Promise.reject(throttled))).rejects.toBe(throttled);
});
