import { describe, expect, test } from '@jest/globals';
import {
  LAUNCHES_NOTHING,
  type PoolStatus,
  SCHEDULE_PAUSED,
  SCHEDULE_UNREAD,
  type Why,
  whyOf,
  worstFirst,
} from '../../../domain/pool-status.js';

const row = (changes: Partial<PoolStatus> = {}): PoolStatus => ({
  ...{ workerPoolId: 'proj/pool', maxCapacity: 10, pendingTasks: 0, requested: 0, running: 0, stopping: 0 },
  ...{ errorsLastHour: 0, hold: null, wantedCapacity: 0, limitedBy: [], decidedAt: '2026-11-28T12:00:00.000Z' },
  ...changes,
});
const hold = { clientId: 'ops' };
const setUpByHand = { limitedBy: [`provider hand ${LAUNCHES_NOTHING}`], maxCapacity: null, wantedCapacity: 3 };
const quota = { failureClass: 'quota' } as const;

describe('whyOf', () => {
  test.each<[string, Partial<PoolStatus>, string, Why['level']]>([
    ['a held pool with pending tasks', { hold, pendingTasks: 1 }, 'held', 'bad'],
    ['a held pool without any', { hold }, 'held', 'warn'],
    ['a limit of the deployment', { limitedBy: ['limits.machines'], pendingTasks: 1 }, 'deployment-limit', 'bad'],
    ['a provider that launches nothing', { limitedBy: ['provider aws is draining'] }, 'provider-down', 'warn'],
    ['machines that somebody sets up, while they are idle', setUpByHand, 'nothing-wanted', 'fine'],
    [
      'machines that somebody sets up, while they can take the tasks',
      { ...setUpByHand, pendingTasks: 2, claimedTasks: 1, running: 3 },
      'nothing-wanted',
      'fine',
    ],
    [
      'machines that somebody sets up, of which too few are there',
      { ...setUpByHand, wantedCapacity: 0, pendingTasks: 3, claimedTasks: 1, running: 3 },
      'provider-down',
      'bad',
    ],
    [
      'machines that somebody sets up, beside a Schedule that is paused',
      { limitedBy: [...setUpByHand.limitedBy, SCHEDULE_PAUSED] },
      'schedule-paused',
      'warn',
    ],
    ['a Schedule that is paused', { limitedBy: [SCHEDULE_PAUSED] }, 'schedule-paused', 'warn'],
    ['a Schedule that could not be read', { limitedBy: [SCHEDULE_UNREAD], pendingTasks: 1 }, 'not-evaluated', 'bad'],
    ['a hold that a decision saw', { limitedBy: ['held: bad image'], pendingTasks: 1 }, 'held', 'bad'],
    ['requested machines', { requested: 2, pendingTasks: 9, wantedCapacity: 7 }, 'still-booting', 'busy'],
    ['a pool that wants machines', { pendingTasks: 9, wantedCapacity: 9, backoff: null }, 'launching', 'busy'],
    ['launch configs that back off', { pendingTasks: 9, wantedCapacity: 9, backoff: quota }, 'quota', 'bad'],
    ['a pool without a decision', { decidedAt: null, wantedCapacity: null }, 'not-evaluated', 'fine'],
    ['a full pool', { pendingTasks: 9, wantedCapacity: 9, running: 10 }, 'at-maximum', 'warn'],
    ['idle machines that will take the tasks', { pendingTasks: 3, running: 4 }, 'nothing-wanted', 'fine'],
    ['a quiet pool', {}, 'nothing-wanted', 'fine'],
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
