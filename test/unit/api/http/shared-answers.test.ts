import { describe, expect, test } from '@jest/globals';
import { SharedAnswer } from '../../../../api/http/shared-answers.js';
import { eventually } from '../../../../dev/testing/eventually.js';

describe('SharedAnswer', () => {
  test('a shared answer is read once for all who ask while it is read, and for those who ask soon after', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    let reads = 0;
    const shared = new SharedAnswer(() => {
      reads += 1;
      return promise;
    }, 60_000);
    const all = Promise.all(Array.from({ length: 100 }, () => shared.get()));
    resolve(7);
    expect(new Set(await all)).toEqual(new Set([7]));
    expect(await shared.get()).toBe(7);
    expect(reads).toBe(1);
  });

  test('a shared answer is read again when its time is over', async () => {
    let reads = 0;
    const shared = new SharedAnswer(async () => (reads += 1), 1);
    expect(await shared.get()).toBe(1);
    await eventually(async () => (await shared.get()) > 1);
  });

  test('a shared answer that failed is read again by the next request', async () => {
    let reads = 0;
    const shared = new SharedAnswer(async () => {
      reads += 1;
      if (reads === 1) throw new Error('no database');
      return reads;
    }, 60_000);
    await expect(shared.get()).rejects.toThrow('no database');
    expect(await shared.get()).toBe(2);
  });
});
