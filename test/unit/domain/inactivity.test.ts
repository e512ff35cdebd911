import { describe, expect, test } from '@jest/globals';
import {
  compareWorkers,
  inactiveWorkers,
  isSilent,
  type QueueWorker,
  type RunningWorker,
} from '../../../domain/inactivity.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = Date.UTC(2026, 10, 28);

const name = (workerId: string) => ({ workerGroup: 'region', workerId });
const row = (workerId: string, changes: Partial<RunningWorker> = {}): RunningWorker => ({
  ...name(workerId),
  registeredAt: NOW - 10 * HOUR,
  queueInactivityMs: 2 * HOUR,
  quarantineUntil: null,
  ...changes,
});
const entry = (workerId: string, changes: Partial<QueueWorker> = {}): QueueWorker => ({
  ...name(workerId),
  firstClaimAt: NOW - 9 * HOUR,
  lastActiveAt: NOW - 5 * HOUR,
  quarantineUntil: null,
  ...changes,
});
const complete = <T>(...entries: T[]) => ({ complete: true, entries });
const incomplete = <T>(...entries: T[]) => ({ complete: false, entries });
const silentIds = (worker: RunningWorker, list: { complete: boolean; entries: QueueWorker[] }) =>
  compareWorkers([worker], list, NOW).silent.map(({ workerId }) => workerId);

describe('a silent worker', () => {
  const never = { firstClaimAt: null, lastActiveAt: null };

  test.each([
    ['20 minutes', 20 * MINUTE, 40 * MINUTE],
    ['40 minutes', 40 * MINUTE, 40 * MINUTE],
    ['2 hours', 2 * HOUR, 2 * HOUR],
  ])(
    'a worker that has never claimed is silent after the timeout of %s, never before 40 minutes',
    (_, queueInactivityMs, limit) => {
      const at = (ageMs: number) => isSilent({ ...never, registeredAt: NOW - ageMs, queueInactivityMs }, NOW);
      expect([at(limit), at(limit + 1)]).toEqual([false, true]);
    },
  );

  test('a silent worker has both its registration and its last activity too long ago', () => {
    const silent = (registeredMs: number, activeMs: number) =>
      isSilent(
        {
          registeredAt: NOW - registeredMs,
          queueInactivityMs: 2 * HOUR,
          firstClaimAt: NOW - 9 * HOUR,
          lastActiveAt: NOW - activeMs,
        },
        NOW,
      );
    expect([silent(HOUR, 5 * HOUR), silent(5 * HOUR, HOUR), silent(5 * HOUR, 5 * HOUR)]).toEqual([false, false, true]);
  });

  test('a worker that has claimed since the last activity that the queue reports is not silent', () => {
    expect(silentIds(row('a'), complete(entry('a', { firstClaimAt: NOW - HOUR })))).toEqual([]);
  });

  test('a worker that has claimed and has no reported activity is not silent', () => {
    expect(silentIds(row('a'), complete(entry('a', { lastActiveAt: null })))).toEqual([]);
  });

  test('a worker absent from a complete list is silent, and one absent from an incomplete list is not', () => {
    expect(silentIds(row('a'), complete(entry('b')))).toEqual(['a']);
    expect(silentIds(row('a'), incomplete(entry('b')))).toEqual([]);
  });

  test('a silent worker is known from an incomplete list that shows it', () => {
    expect(silentIds(row('a'), incomplete(entry('a')))).toEqual(['a']);
  });

  test('a silent worker is found by group and id together', () => {
    const elsewhere = { ...entry('a'), workerGroup: 'other', lastActiveAt: NOW };
    expect(silentIds(row('a'), complete(elsewhere, entry('a')))).toEqual(['a']);
  });
});

describe('an inactive worker', () => {
  const inactive = (
    workers: RunningWorker[],
    list: { complete: boolean; entries: QueueWorker[] },
    claims: { complete: boolean; entries: { workerGroup: string; workerId: string }[] },
  ) => inactiveWorkers(workers, compareWorkers(workers, list, NOW), list, claims).map(({ workerId }) => workerId);

  test('an inactive worker has no claimed task', () => {
    const workers = [row('a'), row('b')];
    expect(inactive(workers, complete(entry('a'), entry('b')), complete(name('a')))).toEqual(['b']);
  });

  test('no worker is inactive while not all claimed tasks are known', () => {
    expect(inactive([row('a')], complete(entry('a')), incomplete())).toHaveLength(0);
  });

  test('no absent worker is inactive while the list lacks a worker with a claimed task', () => {
    const workers = [row('absent'), row('silent'), row('busy')];
    expect(inactive(workers, complete(entry('silent')), complete(name('busy')))).toEqual(['silent']);
  });

  test('an absent worker may be inactive while a claim of a worker that is gone lingers', () => {
    expect(inactive([row('absent')], complete(), complete(name('long-gone')))).toEqual(['absent']);
  });
});

describe('a quarantine', () => {
  const changes = (ours: number | null, list: { complete: boolean; entries: QueueWorker[] }) =>
    compareWorkers([row('a', { quarantineUntil: ours })], list, NOW).quarantines.map(
      ({ quarantineUntil }) => quarantineUntil,
    );
  const said = (quarantineUntil: number | null) => complete(entry('a', { quarantineUntil }));

  test.each([
    ['begins', null, NOW + HOUR, [NOW + HOUR]],
    ['is prolonged', NOW + HOUR, NOW + 2 * HOUR, [NOW + 2 * HOUR]],
    ['is lifted', NOW + HOUR, null, [null]],
    ['is lifted by an instant that has passed', NOW + HOUR, NOW - HOUR, [NOW - HOUR]],
    ['stays', NOW + HOUR, NOW + HOUR, []],
    ['ends by itself', NOW - 1, null, []],
    ['ends at this instant', NOW, null, []],
    ['was never there', null, NOW - HOUR, []],
  ] as const)('a quarantine that %s is reported only when it changes', (_, ours, theirs, expected) => {
    expect(changes(ours, said(theirs))).toEqual(expected);
  });

  test('the quarantine of a worker that the list does not show stays as it is', () => {
    expect([changes(NOW + HOUR, complete()), changes(NOW + HOUR, incomplete())]).toEqual([[], []]);
  });
});
