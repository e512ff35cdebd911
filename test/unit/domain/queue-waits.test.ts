import { expect, test } from '@jest/globals';
import { queueWaits } from '../../../domain/queue-waits.js';

const NOW = 1_000_000;
const pending = (...ages: number[]) => ages.map((age) => ({ insertedAt: NOW - age }));

test('waits are those of each pool with pending tasks, and of all tasks together', () => {
  const waits = queueWaits(
    [
      { workerPoolId: 'a', complete: true, entries: pending(100, 40, 20, 10) },
      { workerPoolId: 'b', complete: false, entries: pending(700) },
      { workerPoolId: 'c', complete: true, entries: [] },
    ],
    NOW,
  );
  expect(waits).toEqual([
    { workerPoolId: 'a', complete: true, tasks: 4, oldestMs: 100, p50Ms: 20, p95Ms: 100 },
    { workerPoolId: 'b', complete: false, tasks: 1, oldestMs: 700, p50Ms: 700, p95Ms: 700 },
    { workerPoolId: '*', complete: false, tasks: 5, oldestMs: 700, p50Ms: 40, p95Ms: 700 },
  ]);
});

test('waits are none where nothing is pending, and never below zero', () => {
  expect(queueWaits([{ workerPoolId: 'a', complete: true, entries: [] }], NOW)).toEqual([]);
  expect(queueWaits([{ workerPoolId: 'a', complete: true, entries: pending(-50) }], NOW)[0]).toMatchObject({
    oldestMs: 0,
  });
});
