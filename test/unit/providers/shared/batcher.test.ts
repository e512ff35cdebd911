import { describe, expect, test } from '@jest/globals';
import { Batcher } from '../../../../providers/shared/batcher.js';

const window = { idleMs: 20, maxWaitMs: 60, maxItems: 5, pauseMs: 0, maxPauseMs: 0 };
const noFailures = new Map<string, Error>();

describe('Batcher', () => {
  test('the batcher sends items together that come together, each key apart', async () => {
    const batches: Record<string, readonly string[]> = {};
    const batcher = new Batcher(async (key, items) => ((batches[key] = items), noFailures), window);
    await Promise.all([batcher.add('a', '1'), batcher.add('b', '2'), batcher.add('a', '3')]);
    expect(batches).toEqual({ a: ['1', '3'], b: ['2'] });
  });

  test('the batcher sends a full batch at once and begins another with the next item', async () => {
    const batches: (readonly string[])[] = [];
    const batcher = new Batcher(async (_, items) => (batches.push(items), noFailures), { ...window, idleMs: 50 });
    const all = ['1', '2', '3', '4', '5', '6'].map((item) => batcher.add('a', item));
    expect(batches).toEqual([['1', '2', '3', '4', '5']]);
    await Promise.all(all);
    expect(batches).toEqual([['1', '2', '3', '4', '5'], ['6']]);
  });

  test('the batcher holds a batch no longer than its longest wait, although items keep coming', async () => {
    const batches: (readonly string[])[] = [];
    const batcher = new Batcher(async (_, items) => (batches.push(items), noFailures), { ...window, maxItems: 1_000 });
    const all: Promise<void>[] = [];
    await new Promise<void>((resolve) => {
      const joins = setInterval(() => {
        all.push(batcher.add('a', String(all.length)));
        if (batches.length > 0) {
          clearInterval(joins);
          resolve();
        }
      }, 5);
    });
    expect(batches[0]!.length).toBeGreaterThan(1);
    await Promise.all(all);
  });

  test('the batcher pauses after a batch, and whoever comes meanwhile joins the next', async () => {
    const left: { items: readonly string[]; atMs: number }[] = [];
    const batcher = new Batcher(async (_, items) => (left.push({ items, atMs: performance.now() }), noFailures), {
      ...window,
      pauseMs: 100,
      maxPauseMs: 150,
    });
    await batcher.add('a', '1');
    await Promise.all([batcher.add('a', '2'), batcher.add('a', '3')]);
    await batcher.add('a', '4');
    expect(left.map(({ items }) => items)).toEqual([['1'], ['2', '3'], ['4']]);
    // Clocks that count whole milliseconds round a pause down.
    expect(left[1]!.atMs - left[0]!.atMs).toBeGreaterThanOrEqual(95);
    // The longer there is something to do, the longer the pause, up to the longest.
    expect(left[2]!.atMs - left[1]!.atMs).toBeGreaterThanOrEqual(145);
  });

  test('the batcher does not pause before a full batch', async () => {
    const batches: (readonly string[])[] = [];
    const batcher = new Batcher(async (_, items) => (batches.push(items), noFailures), {
      ...window,
      pauseMs: 60_000,
      maxPauseMs: 60_000,
    });
    await batcher.add('a', '1');
    await Promise.all(['2', '3', '4', '5', '6'].map((item) => batcher.add('a', item)));
    expect(batches).toEqual([['1'], ['2', '3', '4', '5', '6']]);
  });

  test('the batcher gives every caller its own verdict, and callers of the same item the same one', async () => {
    const bad = new Error('bad');
    const batcher = new Batcher(async () => new Map([['2', bad]]), window);
    const verdicts = await Promise.allSettled([batcher.add('a', '1'), batcher.add('a', '2'), batcher.add('a', '2')]);
    expect(verdicts).toEqual([
      { status: 'fulfilled', value: undefined },
      { status: 'rejected', reason: bad },
      { status: 'rejected', reason: bad },
    ]);
  });

  test('the batcher gives an error of the whole batch to every caller', async () => {
    const throttled = new Error('throttled');
    const batcher = new Batcher(() => Promise.reject(throttled), window);
    const verdicts = await Promise.allSettled([batcher.add('a', '1'), batcher.add('a', '2')]);
    expect(verdicts.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
