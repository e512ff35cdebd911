import { describe, expect, test } from '@jest/globals';
import type { PoolRow } from '../../../api/schemas/overview.js';
import { matches, totalsOf, type Why, whyOf, worstFirst } from '../../../dashboard/overview-rows.js';

const row = (changes: Partial<PoolRow> = {}): PoolRow => ({
  ...{ workerPoolId: 'proj/pool', providerId: 'aws', maxCapacity: 10 },
  ...{ pendingTasks: 0, claimedTasks: 0, polledAt: null },
  ...{ requested: 0, running: 0, stopping: 0, stopped: 0, errorsLastHour: 0 },
  ...{ hold: null, wantedCapacity: 0, limitedBy: [], decidedAt: '2026-11-28T12:00:00.000Z' },
  ...changes,
});
const hold = { clientId: 'ops', reason: 'bad image', since: '2026-11-28T12:00:00.000Z' };

describe('whyOf', () => {
  test.each<[string, Partial<PoolRow>, string, Why['level']]>([
    ['a held pool with pending tasks', { hold, pendingTasks: 1 }, 'held', 'bad'],
    ['a held pool without any', { hold }, 'held', 'warn'],
    ['a limit that a decision names', { limitedBy: ['no capacity'], pendingTasks: 1 }, 'no capacity', 'bad'],
    ['requested machines', { requested: 2, pendingTasks: 9, wantedCapacity: 7 }, 'launching', 'busy'],
    ['a pool without a decision', { decidedAt: null, wantedCapacity: null }, 'not evaluated yet', 'fine'],
    ['a full pool', { pendingTasks: 9, wantedCapacity: 9, running: 10 }, 'at maximum', 'warn'],
    ['idle machines that will take the tasks', { pendingTasks: 3, running: 4 }, 'idle machines', 'fine'],
    ['a quiet pool', {}, 'nothing waits', 'fine'],
  ])('whyOf tells %s', (_, changes, word, level) => {
    expect(whyOf(row(changes))).toEqual({ word, level });
  });
});

test('worstFirst puts what waits without getting anything first, then the longest queue, then errors, then names', () => {
  const rows = [
    row({ workerPoolId: 'p/quiet' }),
    row({ workerPoolId: 'p/failing', errorsLastHour: 3 }),
    row({ workerPoolId: 'p/short', requested: 1, pendingTasks: 1 }),
    row({ workerPoolId: 'p/long', requested: 1, pendingTasks: 9 }),
    row({ workerPoolId: 'p/held', hold, pendingTasks: 1 }),
    row({ workerPoolId: 'p/also-quiet' }),
  ];
  const names = rows.toSorted(worstFirst).map(({ workerPoolId }) => workerPoolId.slice(2));
  expect(names).toEqual(['held', 'long', 'short', 'failing', 'also-quiet', 'quiet']);
});

test('matches takes a part of the name in any case, the provider, the cause, and pending tasks', () => {
  const all = { text: '', providerId: '', why: '', onlyWaiting: false };
  expect(matches(row(), all)).toBe(true);
  expect(matches(row(), { ...all, text: 'POOL' })).toBe(true);
  expect(matches(row(), { ...all, text: 'other' })).toBe(false);
  expect(matches(row(), { ...all, providerId: 'azure' })).toBe(false);
  expect(matches(row({ hold }), { ...all, why: 'held' })).toBe(true);
  expect(matches(row(), { ...all, why: 'held' })).toBe(false);
  expect(matches(row({ pendingTasks: null }), { ...all, onlyWaiting: true })).toBe(false);
  expect(matches(row({ pendingTasks: 1 }), { ...all, onlyWaiting: true })).toBe(true);
});

test('totalsOf adds up what is known', () => {
  const totals = totalsOf([
    row({ pendingTasks: 2, running: 3 }),
    row({ pendingTasks: null, running: 4, requested: 1 }),
  ]);
  expect(totals).toEqual({ pendingTasks: 2, requested: 1, running: 7, stopping: 0, errorsLastHour: 0 });
});
