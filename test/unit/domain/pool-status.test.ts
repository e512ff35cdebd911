import { describe, expect, test } from '@jest/globals';
import { type PoolStatus, type Why, whyOf, worstFirst } from '../../../domain/pool-status.js';

const row = (changes: Partial<PoolStatus> = {}): PoolStatus => ({
  ...{ workerPoolId: 'proj/pool', maxCapacity: 10, pendingTasks: 0, requested: 0, running: 0, stopping: 0 },
  ...{ errorsLastHour: 0, hold: null, wantedCapacity: 0, limitedBy: [], decidedAt: '2026-11-28T12:00:00.000Z' },
  ...changes,
});
const hold = { clientId: 'ops' };

describe('whyOf', () => {
  test.each<[string, Partial<PoolStatus>, string, Why['level']]>([
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
