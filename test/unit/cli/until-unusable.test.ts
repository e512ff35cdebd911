import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { failureOf } from '../../../observability/health.js';
import { untilUnusable } from '../../../cli/until-unusable.js';
import { DatabaseLostError } from '../../../database/client/failures.js';

const MINUTE = 60_000;
const works = () => Promise.resolve();
const fails = () => Promise.reject(new Error('no'));
const hangs = () => new Promise<void>(() => undefined);

describe('untilUnusable', () => {
  const signals: AbortController[] = [];
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => {
    for (const controller of signals.splice(0)) controller.abort();
    jest.useRealTimers();
  });

  /** Watches, and shows what has come of it. */
  const watch = (checks: Record<string, () => Promise<void>>) => {
    const controller = new AbortController();
    signals.push(controller);
    const seen: { result?: string | null } = {};
    void untilUnusable(checks, controller.signal).then((result) => (seen.result = result));
    return { seen, abort: () => controller.abort() };
  };

  test.each([
    ['fails', fails],
    ['hangs', hangs],
  ])('a process is unusable after five minutes in which what it needs %s, and not before', async (_, check) => {
    const { seen } = watch({ temporal: works, database: check });
    await jest.advanceTimersByTimeAsync(5 * MINUTE - 11_000);
    expect(seen).toEqual({});
    await jest.advanceTimersByTimeAsync(12_000);
    expect(seen.result).toBe('database');
  });

  test('a process starts counting again each time that what it needs answers', async () => {
    let failing = true;
    const { seen } = watch({ database: () => (failing ? fails() : works()) });
    for (let round = 0; round < 3; round += 1) {
      failing = true;
      await jest.advanceTimersByTimeAsync(4 * MINUTE);
      failing = false;
      await jest.advanceTimersByTimeAsync(20_000);
    }
    expect(seen).toEqual({});
  });

  test('a process does not count the time in which it was paused', async () => {
    const { seen } = watch({ database: fails });
    await jest.advanceTimersByTimeAsync(MINUTE);
    jest.setSystemTime(Date.now() + 60 * MINUTE);
    await jest.advanceTimersByTimeAsync(MINUTE);
    expect(seen).toEqual({});
  });

  test('a process is unusable at once when what it needs is lost for good', async () => {
    const { seen } = watch({ database: () => Promise.reject(new DatabaseLostError('gone')) });
    await jest.advanceTimersByTimeAsync(11_000);
    expect(seen.result).toBe('database');
  });

  test('a process stops watching when its signal is aborted', async () => {
    const { seen, abort } = watch({ database: fails });
    abort();
    await jest.advanceTimersByTimeAsync(0);
    expect(seen.result).toBeNull();
    expect(jest.getTimerCount()).toBe(0);
  });

  test('a check that hangs is answered within its time', async () => {
    const outcome = failureOf(hangs, 4_000);
    await jest.advanceTimersByTimeAsync(4_000);
    expect(await outcome).toBeInstanceOf(Error);
  });

  test('a check that throws before it begins to wait is answered', async () => {
    const broken = () => {
      throw new Error('broken');
    };
    expect(await failureOf(broken, 4_000)).toMatchObject({ message: 'broken' });
  });
});
