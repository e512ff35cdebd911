import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { diffLines } from '../../../dashboard/diff.js';
import { age, clock, count, dateAndTime, duration, timeLabels } from '../../../dashboard/format.js';
import { auditCall, auditPage, poolPage, withQuery, workerCall, workerPage } from '../../../dashboard/urls.js';

describe('duration', () => {
  test.each([
    [-5, '0s'],
    [0, '0s'],
    [12_400, '12s'],
    [130_000, '2m10s'],
    [120_000, '2m'],
    [3_600_000, '1h'],
    [3_601_000, '1h'],
    [90_061_000, '1d1h'],
  ])('duration says %d ms in its two largest units: %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});

test('instants are shown in UTC, numbers with thousands, and what is unknown as a dash', () => {
  expect(age('2026-11-28T12:00:00.000Z', Date.parse('2026-11-28T12:01:05.000Z'))).toBe('1m5s');
  expect(clock(Date.parse('2026-11-28T12:01:30.000Z'))).toBe('12:01:30');
  expect(dateAndTime('2026-11-28T12:01:30.123Z')).toBe('2026-11-28 12:01:30');
  expect([count(1234), count(0), count(null), count(undefined)]).toEqual(['1,234', '0', '–', '–']);
});

test('times below a chart are in UTC by the 24-hour clock, each date once', () => {
  const begin = Date.parse('2026-11-28T20:00:00Z') / 1000;
  expect(timeLabels([0, 2, 4, 6].map((hours) => begin + hours * 3600))).toEqual([
    '20:00\n11-28',
    '22:00',
    '00:00\n11-29',
    '02:00',
  ]);
  expect(timeLabels([])).toEqual([]);
});

test('addresses hold a pool id as one component, and no empty query key', () => {
  expect(poolPage('proj/linux', 'errors')).toBe('/pools/proj%2Flinux?tab=errors');
  const worker = { workerPoolId: 'proj/linux', workerGroup: 'a', workerId: 'i-1' };
  expect(workerPage(worker)).toBe('/pools/proj%2Flinux/workers/a/i-1');
  expect(workerCall(worker, '/should-terminate')).toBe('/workers/proj%2Flinux/a/i-1/should-terminate');
  expect(withQuery('/', { q: 'a b', provider: '', sort: undefined })).toBe('/?q=a%20b');
  expect(withQuery('/', {})).toBe('/');
});

test('a page of older audit entries keeps the filter and the order, and the newest one has no token', () => {
  const query = { q: 'held', sort: '-who', after: 'first' };
  expect(auditPage(query, 'second')).toBe('/audit?q=held&sort=-who&after=second');
  expect(auditPage(query, undefined)).toBe('/audit?q=held&sort=-who');
  expect(auditCall(100, 'second')).toBe('/audit?limit=100&continuationToken=second');
  expect(auditCall(100, undefined)).toBe('/audit?limit=100');
});

describe('diffLines', () => {
  const of = (kind: string, lines: readonly { kind: string; text: string }[]) =>
    lines.filter((line) => line.kind === kind || line.kind === 'same').map(({ text }) => text);
  const text = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 }).map((lines) => lines.join('\n'));

  test('diffLines holds both texts, whatever they are', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const lines = diffLines(before, after);
        expect(of('removed', lines).join('\n')).toBe(before);
        expect(of('added', lines).join('\n')).toBe(after);
      }),
    );
  });

  test('diffLines removes and adds as little as it can', () => {
    expect(diffLines('a\nb\nc', 'a\nx\nc')).toEqual([
      { kind: 'same', text: 'a' },
      { kind: 'removed', text: 'b' },
      { kind: 'added', text: 'x' },
      { kind: 'same', text: 'c' },
    ]);
  });

  test('diffLines replaces all of a text that is too large to compare', () => {
    const large = 'a\n'.repeat(3000);
    expect(new Set(diffLines(large, `${large}b`).map(({ kind }) => kind))).toEqual(new Set(['removed', 'added']));
  });
});
