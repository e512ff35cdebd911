import { expect, test } from '@jest/globals';
import { batches } from '../../../../dev/start/feed.js';

const pools = ['a/one', 'a/two', 'b/three'];
function firstOf(seed: number, count: number) {
  const work = batches(pools, seed);
  return Array.from({ length: count }, () => work.next().value);
}

test('feeds with the same seed feed the same tasks, with another seed others', () => {
  expect(firstOf(1, 50)).toEqual(firstOf(1, 50));
  expect(firstOf(2, 50)).not.toEqual(firstOf(1, 50));
});

test('the feed gives every pool something to do at once, and after that a few tasks now and then', () => {
  const work = firstOf(7, 500);
  expect(work.slice(0, 3).map(({ workerPoolId, afterMs }) => ({ workerPoolId, afterMs }))).toEqual(
    pools.map((workerPoolId) => ({ workerPoolId, afterMs: 0 })),
  );
  for (const { afterMs, tasks, seconds, workerPoolId } of work.slice(3)) {
    expect(pools).toContain(workerPoolId);
    expect(afterMs).toBeGreaterThanOrEqual(10_000);
    expect(afterMs).toBeLessThanOrEqual(20_000);
    expect(tasks).toBeGreaterThanOrEqual(1);
    expect(tasks).toBeLessThanOrEqual(6);
    expect(seconds).toBeLessThanOrEqual(40);
  }
});
