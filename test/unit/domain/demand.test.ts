import { expect, test } from '@jest/globals';
import { isReadingDue, nextReadingAt } from '../../../domain/demand.js';

const NOW = 1_000_000_000;
const SECOND = 1_000;
const none = { pendingTasks: 0, claimedTasks: 0 };
const old = { created: 0 };
const poll = { nowMs: NOW, intervalMs: 10 * SECOND };

test.each([
  ['a quiet pool whose messages are heard in a minute', old, none, true, 60],
  ['a quiet pool whose messages are not heard at the next poll', old, none, false, 10],
  ['a pool with pending tasks at the next poll', old, { ...none, pendingTasks: 1 }, true, 10],
  [
    'a pool with claimed tasks, whose end no message tells, at the next poll',
    old,
    { ...none, claimedTasks: 1 },
    true,
    10,
  ],
  ['a new pool, whose messages may not be heard yet, at the next poll', { created: NOW - 30 * SECOND }, none, true, 10],
])('a poll reads the queue for %s', (_what, pool, counts, heard, seconds) => {
  expect(nextReadingAt(pool, counts, { ...poll, heard })).toBe(NOW + seconds * SECOND);
});

const readBefore = (seconds: number, dueInSeconds: number) => ({
  reading: { readAt: NOW - seconds * SECOND, dueAt: NOW + dueInSeconds * SECOND },
});

test.each([
  ['has never been read', { reading: null }, 3600, true],
  ['was read and is due later', readBefore(10, 50), 3600, false],
  ['was read and is due before the next poll comes', readBefore(56, 4), 3600, true],
  ['is due later, while no messages are heard', readBefore(10, 50), null, true],
  ['is due later, and was read before messages were heard again', readBefore(10, 50), 9, true],
])('whether a poll reads the queue for a pool that %s is said by its last reading', (_what, pool, heard, due) => {
  const heardMs = heard === null ? null : heard * SECOND;
  expect(isReadingDue(pool, { ...poll, heardMs })).toBe(due);
});
