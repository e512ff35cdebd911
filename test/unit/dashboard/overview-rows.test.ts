import { expect, test } from '@jest/globals';
import type { PoolRow } from '../../../api/schemas/overview.js';
import { matches, totalsOf } from '../../../dashboard/overview-rows.js';

const row = (changes: Partial<PoolRow> = {}): PoolRow => ({
  ...{ workerPoolId: 'proj/pool', providerId: 'aws', maxCapacity: 10 },
  ...{ pendingTasks: 0, claimedTasks: 0, polledAt: null },
  ...{ requested: 0, running: 0, stopping: 0, stopped: 0, errorsLastHour: 0 },
  ...{ hold: null, wantedCapacity: 0, limitedBy: [], decidedAt: '2026-11-28T12:00:00.000Z' },
  ...changes,
});
const hold = { clientId: 'ops', reason: 'bad image', since: '2026-11-28T12:00:00.000Z' };

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
