import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { lowestRemaining, readQuota, remainingOf } from '../../../../providers/azure/arm/quota.js';
import { seededRuns } from '../../../support/seeded-random.js';

const subscription = (bucket: string): string => `x-ms-ratelimit-remaining-subscription-${bucket}`;
const resource = 'x-ms-ratelimit-remaining-resource';
const read = (headers: Record<string, string>) => readQuota(Object.entries(headers));
const policy = (name: string): string => `Microsoft.Compute/${name}`;

describe('the quota that Azure reports', () => {
  test('the remaining quota is read from an answer as it is', () => {
    const quota = read({
      'content-type': 'application/json',
      [subscription('writes')]: '199',
      [subscription('global-writes')]: '2999',
      [resource]: 'Microsoft.Compute/PutVM3Min;239,Microsoft.Compute/PutVM30Min;1198',
    });
    expect([...quota]).toEqual([
      ['writes', 199],
      ['global-writes', 2999],
      [policy('PutVM3Min'), 239],
      [policy('PutVM30Min'), 1198],
    ]);
    expect(remainingOf(quota, 'create')).toBe(199);
    expect(remainingOf(quota, 'read')).toBeNull();
    expect(lowestRemaining(quota)).toBe(199);
  });

  test('the remaining quota is the lower of one’s own calls and everybody’s', () => {
    const quota = read({ [subscription('deletes')]: '150', [subscription('global-deletes')]: '12' });
    expect(remainingOf(quota, 'delete')).toBe(12);
  });

  test('a resource provider’s count of some operations limits no others, but tells which bucket refused', () => {
    const quota = read({ [subscription('reads')]: '240', [resource]: 'Microsoft.Compute/HighCostGet;0' });
    expect(remainingOf(quota, 'read')).toBe(240);
    expect(lowestRemaining(quota)).toBe(0);
  });

  test('the remaining quota for a resource and for its subscription under one name is the lower', () => {
    const twice = 'Microsoft.Compute/DeleteVM;1499, Microsoft.Compute/DeleteVM;11';
    expect(read({ [resource]: twice }).get(policy('DeleteVM'))).toBe(11);
  });

  test('the remaining quota is unknown where the header makes no sense', () => {
    for (const value of ['', '-1', '1.5', 'many', '1e3', '9999999999', '0x10']) {
      expect(read({ [subscription('reads')]: value, [resource]: `Microsoft.Compute/Get;${value}` }).size).toBe(0);
    }
    for (const value of [
      'Get;5',
      '/Get;5',
      'Microsoft.Compute/;5',
      'Microsoft.Compute/Get',
      'A/b;1;2',
      'A/"b;1',
      ';;,,;',
    ]) {
      expect(read({ [resource]: value }).size).toBe(0);
    }
    expect(lowestRemaining(read({}))).toBeNull();
  });

  const words = fc.oneof(
    fc.string(),
    fc.constantFrom(';', ',', '/', '-1', '7', 'reads', policy('PutVM3Min;107'), '__proto__', 'Microsoft.Compute/x;0'),
  );
  const value = fc.array(words, { maxLength: 400 }).map((parts) => parts.join(''));
  const name = fc.oneof(fc.constantFrom(resource, subscription('reads')), words.map(subscription), words);

  test('the remaining quota is few buckets with whole counts, whatever the headers hold', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 40 }), (headers) => {
        const quota = readQuota(headers);
        expect(quota.size).toBeLessThanOrEqual(16);
        for (const [bucket, left] of quota) {
          expect(bucket).toMatch(/^[A-Za-z][A-Za-z0-9./_-]{0,121}$/);
          expect(Number.isSafeInteger(left) && left >= 0).toBe(true);
        }
      }),
      seededRuns,
    );
  });

  test('the remaining quota is found again, in any order and spacing', () => {
    const counts = fc.dictionary(fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,20}$/), fc.nat(999_999), { maxKeys: 8 });
    fc.assert(
      fc.property(counts, fc.constantFrom(',', ', ', ' ,'), (left, comma) => {
        const header = Object.entries(left).map(([bucket, count]) => `${policy(bucket)};${count}`);
        expect(Object.fromEntries(read({ [resource]: header.join(comma) }))).toEqual(
          Object.fromEntries(Object.entries(left).map(([bucket, count]) => [policy(bucket), count])),
        );
      }),
      seededRuns,
    );
  });
});
