import { describe, expect, test } from '@jest/globals';
import { ALL_POOLS, demandSeries, maximumOver, type PollRow, thinned } from '../../../domain/demand-history.js';
import { entry } from '../../support/pool-records.js';

const MINUTE = 60_000;
const INTERVAL = 10_000;
const spans = { from: 0, spanMs: MINUTE, count: 3 };

const poll = (id: number, at: number, pools: PollRow['pools'], fullId: number | null = null): PollRow => ({
  ...{ id, at, pools, fullId, intervalMs: INTERVAL },
});

describe('demand over time', () => {
  test('demand has the most that a poll saw in each span, also where a poll says nothing of a pool that has not changed', () => {
    const polls = [
      poll(1, 0, { a: entry({ pending: 1 }), b: entry({ pending: 5, running: 2 }) }),
      poll(2, 10_000, { a: entry({ pending: 9 }) }, 1),
      poll(3, 20_000, { a: entry({ pending: 2 }) }, 1),
      poll(4, 50_000, {}, 1),
      poll(5, 70_000, { b: null }, 1),
    ];
    const series = demandSeries(polls, spans);
    expect(series.get('a')!.pending).toEqual([9, 2, null]);
    expect(series.get('b')!.pending).toEqual([5, 5, null]);
    expect(series.get('b')!.running).toEqual([2, 2, null]);
    // Of all: the most of the sums, not the sum of what each had at another time.
    expect(series.get(ALL_POOLS)!.pending).toEqual([14, 7, null]);
  });

  test('demand is unknown where nobody polls for more than three intervals', () => {
    const polls = [poll(1, 0, { a: entry({ pending: 1 }) }), poll(2, 150_000, { a: entry({ pending: 3 }) })];
    expect(demandSeries(polls, spans).get('a')!.pending).toEqual([1, null, 3]);
  });

  test('demand is unknown where the queue does not answer, and its machines are counted all the same', () => {
    const polls = [poll(1, 0, { a: entry({ pending: null, claimed: null, running: 4 }), b: entry({ pending: 7 }) })];
    const series = demandSeries(polls, spans);
    expect(series.get('a')).toMatchObject({ pending: [null, null, null], running: [4, null, null] });
    expect(series.get(ALL_POOLS)).toMatchObject({ pending: [7, null, null], running: [4, null, null] });
  });

  test('demand tells polls of two processes apart, and passes over rows that add to one that is gone', () => {
    const polls = [
      poll(2, 0, { a: entry({ pending: 50 }) }, 1),
      poll(3, 10_000, { a: entry({ pending: 1 }) }),
      poll(4, 20_000, { a: entry({ pending: 2 }), b: entry({ pending: 2 }) }),
      poll(5, 70_000, { a: entry({ pending: 3 }) }, 3),
      poll(6, 80_000, {}, 4),
    ];
    const series = demandSeries(polls, spans);
    expect(series.get('a')!.pending).toEqual([2, 3, null]);
    expect(series.get(ALL_POOLS)!.pending).toEqual([4, 4, null]);
  });

  test('demand is zero for all pools where there is none', () => {
    expect(demandSeries([poll(1, 0, {})], spans).get(ALL_POOLS)).toMatchObject({
      ...{ pending: [0, null, null], claimed: [0, null, null], requested: [0, null, null] },
    });
  });
});

test('spans that are put together have the most of each', () => {
  expect(thinned([1, 5, null, 2, null, null, 3], 2)).toEqual([5, 2, null, 3]);
});

test('the maximum of a pool is that of the revision in force at the end of a span', () => {
  const changes = [
    { at: 30_000, maxCapacity: 10 },
    { at: 70_000, maxCapacity: 20 },
    { at: 130_000, maxCapacity: null },
  ];
  expect(maximumOver(changes, spans)).toEqual([10, 20, null]);
  expect(maximumOver(changes.slice(1, 2), spans)).toEqual([null, 20, 20]);
});
