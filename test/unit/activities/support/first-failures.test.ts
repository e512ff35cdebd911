import { expect, test } from '@jest/globals';
import { FirstFailures } from '../../../../activities/support/first-failures.js';

test('a failure is the first until what failed has worked', () => {
  const failing = new FirstFailures();
  expect(failing.isFirst('a')).toBe(true);
  expect(failing.isFirst('a')).toBe(false);
  failing.worked('a');
  expect(failing.isFirst('a')).toBe(true);
});

test('failures that are no longer among those of a run have worked', () => {
  const failing = new FirstFailures();
  const nameOf = (name: string) => name;
  expect(failing.firstOf(['a', 'b'], nameOf)).toEqual(['a', 'b']);
  expect(failing.firstOf(['b', 'c'], nameOf)).toEqual(['c']);
  expect(failing.firstOf(['a', 'b'], nameOf)).toEqual(['a']);
});

test('no more than 10,000 names that never work again are tracked, and the latest of them are', () => {
  const failing = new FirstFailures();
  for (let n = 0; n <= 10_000; n += 1) failing.isFirst(`lifecycle ${n}`);
  expect(failing.isFirst('lifecycle 10000')).toBe(false);
  expect(failing.isFirst('lifecycle 1')).toBe(false);
  expect(failing.isFirst('lifecycle 0')).toBe(true);
});
