import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Throttle } from '../../../../workers/pulse/throttle.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const advance = (ms: number) => jest.advanceTimersByTimeAsync(ms);

/** A throttle of one second, and the keys that it has worked on. */
function throttle(work: (key: string) => Promise<void> = async () => {}) {
  const worked: string[] = [];
  const stopping = new AbortController();
  const one = new Throttle(
    async (key) => {
      worked.push(key);
      await work(key);
    },
    1_000,
    stopping.signal,
  );
  return { worked, stop: () => stopping.abort(), request: (key: string) => one.request(key) };
}

test('a throttle works for a key at once, and for another one too', () => {
  const { worked, request } = throttle();
  request('a');
  request('b');
  expect(worked).toEqual(['a', 'b']);
});

test('a throttle makes of a hundred thousand requests in ten seconds no more than one in each second', async () => {
  const { worked, request } = throttle();
  for (let moment = 0; moment < 1_000; moment += 1) {
    for (let nth = 0; nth < 100; nth += 1) request('a');
    await advance(10);
  }
  await advance(5_000);
  expect(worked.length).toBeGreaterThanOrEqual(10);
  expect(worked.length).toBeLessThanOrEqual(11);
});

test('a throttle works once more for a request that came while it worked, and never twice at a time', async () => {
  let atOnce = 0;
  let most = 0;
  const { worked, request } = throttle(async () => {
    most = Math.max(most, (atOnce += 1));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    atOnce -= 1;
  });
  request('a');
  await advance(1_500);
  request('a');
  await advance(10_000);
  expect([worked, most]).toEqual([['a', 'a'], 1]);
});

test('a throttle that is stopped works for nothing that is requested again', async () => {
  const { worked, request, stop } = throttle();
  request('a');
  request('a');
  stop();
  await advance(5_000);
  expect(worked).toEqual(['a']);
});
