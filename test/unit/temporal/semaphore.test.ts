import { describe, expect, test } from '@jest/globals';
import { Semaphore } from '../../../temporal/semaphore.js';

const LONG_MS = 10_000;
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('Semaphore', () => {
  test('the semaphore admits only so many at once, the others in the order in which they came', async () => {
    const semaphore = new Semaphore(2);
    const inside = new Map<number, () => void>();
    const call = (number: number) =>
      semaphore.run(LONG_MS, () => new Promise<number>((resolve) => inside.set(number, () => resolve(number))));
    const calls = [1, 2, 3, 4].map(call);
    await nextTurn();
    expect([...inside.keys()]).toEqual([1, 2]);
    inside.get(2)!();
    expect(await calls[1]).toEqual({ result: 2 });
    await nextTurn();
    expect([...inside.keys()]).toEqual([1, 2, 3]);
    inside.get(1)!();
    await calls[0];
    await nextTurn();
    expect([...inside.keys()]).toEqual([1, 2, 3, 4]);
  });

  test('the semaphore leaves no gap for a caller whose wait has timed out, and does not run it', async () => {
    const semaphore = new Semaphore(1);
    const { promise, resolve } = Promise.withResolvers<string>();
    const first = semaphore.run(LONG_MS, () => promise);
    let done = false;
    expect(await semaphore.run(1, async () => void (done = true))).toBeNull();
    expect(done).toBe(false);
    resolve('first');
    expect(await first).toEqual({ result: 'first' });
    expect(await semaphore.run(1, async () => 'next')).toEqual({ result: 'next' });
  });

  test('the semaphore gives the place of a failed call to the next', async () => {
    const semaphore = new Semaphore(1);
    const failing = semaphore.run(LONG_MS, () => Promise.reject(new Error('no')));
    const next = semaphore.run(LONG_MS, async () => 'next');
    await expect(failing).rejects.toThrow('no');
    expect(await next).toEqual({ result: 'next' });
  });
});
