import { describe, expect, test } from '@jest/globals';
import { beginsOf, countsOver, durationsOver, OTHERS, spansOver } from '../../../domain/charts.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('spans over time', () => {
  test.each([
    ['two hours', 2 * HOUR, 0, MINUTE],
    ['a day', DAY, 0, 10 * MINUTE],
    ['a week', 7 * DAY, 0, HOUR],
    ['31 days', 31 * DAY, 0, 6 * HOUR],
    ['two hours of what is counted by the hour', 2 * HOUR, HOUR, HOUR],
  ])(
    'of %s are few, begin at whole multiples of their length, and have all of it in them',
    (_, length, min, spanMs) => {
      const to = Date.UTC(2030, 0, 1, 12, 34, 56);
      const spans = spansOver({ from: to - length, to }, min);
      const begins = beginsOf(spans);
      expect(spans.spanMs).toBe(spanMs);
      expect(begins.length).toBeLessThanOrEqual(201);
      expect(begins.every((begin) => begin % spanMs === 0)).toBe(true);
      expect(begins[0]).toBeLessThanOrEqual(to - length);
      expect(begins.at(-1)! + spanMs).toBeGreaterThanOrEqual(to);
      expect(begins.at(-1)).toBeLessThan(to);
    },
  );
});

const spans = { from: 0, spanMs: 10, count: 3 };

describe('counts over time', () => {
  test('counts are summed by name and span, the most frequent name first', () => {
    const lines = countsOver(
      [
        { name: 'ok', at: 0, count: 2 },
        { name: 'Throttled', at: 25, count: 9 },
        { name: 'ok', at: 9, count: 1 },
        { name: 'ok', at: 10, count: 1 },
        { name: 'ok', at: 30, count: 100 },
        { name: 'ok', at: -1, count: 100 },
      ],
      spans,
    );
    expect(lines).toEqual([
      { name: 'Throttled', values: [0, 0, 9] },
      { name: 'ok', values: [3, 1, 0] },
    ]);
  });

  test('counts of more names than can be told apart have one line for the rest', () => {
    const lines = countsOver(
      Array.from({ length: 20 }, (_, n) => ({ name: `code-${n}`, at: n, count: 100 - n })),
      spans,
    );
    expect(lines.map(({ name }) => name)).toEqual([...Array.from({ length: 7 }, (_, n) => `code-${n}`), OTHERS]);
    const sum = lines.flatMap(({ values }) => values).reduce<number>((total, value) => total + value!, 0);
    expect(sum).toBe(Array.from({ length: 20 }, (_, n) => 100 - n).reduce((total, value) => total + value));
  });

  test('counts of nothing have no line', () => {
    expect(countsOver([], spans)).toEqual([]);
  });
});

describe('durations over time', () => {
  test('durations have the median of each span, and the percentiles of all by name', () => {
    const { lines, percentiles } = durationsOver(
      [
        ...[5, 1, 3].map((ms) => ({ name: 'lc-a', at: 0, ms })),
        { name: 'lc-a', at: 20, ms: 100 },
        { name: 'lc-b', at: 10, ms: 7 },
        { name: 'lc-b', at: 99, ms: 7_000 },
      ],
      spans,
    );
    expect(lines).toEqual([
      { name: 'lc-a', values: [3, null, 100] },
      { name: 'lc-b', values: [null, 7, null] },
    ]);
    expect(percentiles).toEqual([
      { name: 'lc-a', count: 4, p50Ms: 3, p95Ms: 100, maxMs: 100 },
      { name: 'lc-b', count: 1, p50Ms: 7, p95Ms: 7, maxMs: 7 },
    ]);
  });
});
