import { expect, test } from '@jest/globals';
import { failureClasses, failureClassOf, MAX_BACKOFF_MS, nextBackoff } from '../../../domain/backoff.js';

test('a launch config without capacity backs off for 10 s, doubling to 10 minutes', () => {
  const backoffs = [1, 2, 3, 4, 5, 6, 7, 8, 100, 5000].map((failures) =>
    nextBackoff({ failureClass: 'capacity', failures }),
  );
  expect(backoffs.map((ms) => ms / 1000)).toEqual([10, 20, 40, 80, 160, 320, 600, 600, 600, 600]);
});

test('a failure that takes longer to cure backs off longer from the start', () => {
  const first = Object.fromEntries(
    failureClasses.map((failureClass) => [failureClass, nextBackoff({ failureClass, failures: 1 }) / 1000]),
  );
  expect(first).toEqual({ capacity: 10, other: 10, quota: 40, permission: 160, invalid: 160 });
});

test.each(failureClasses)(
  '%s never backs off longer than 10 minutes, never shorter than before, and not after a success',
  (failureClass) => {
    let before = nextBackoff({ failureClass, failures: 0 });
    expect(before).toBe(0);
    for (let failures = 1; failures < 50; failures += 1) {
      const backoff = nextBackoff({ failureClass, failures });
      expect(backoff).toBeGreaterThanOrEqual(before);
      expect(backoff).toBeLessThanOrEqual(MAX_BACKOFF_MS);
      before = backoff;
    }
  },
);

test.each([
  ['InsufficientCapacity', 'capacity'],
  ['QuotaExceeded', 'quota'],
  ['PermissionDenied', 'permission'],
  ['InvalidRequest', 'invalid'],
  ['Throttled', 'other'],
  ['constructor', 'other'],
  ['', 'other'],
  [null, 'other'],
  [undefined, 'other'],
] as const)('an error with the code %j is a failure of class %s', (code, failureClass) => {
  expect(failureClassOf(code)).toBe(failureClass);
});
