import { expect, test } from '@jest/globals';
import { waitsOf } from '../../../../dev/bench/waits.js';

const END = 60_000;
const demand = (atMs: number, pool = 'a') => ({ pool, atMs });
const call = (atMs: number, machines = 1, pool = 'a') => ({ pool, atMs, machines });

test('a task waits until the first launch of its pool that no earlier task took', () => {
  const demands = [demand(0), demand(1_000), demand(0, 'b')];
  const calls = [call(5_000), call(7_000), call(3_000, 1, 'b')];
  expect(waitsOf(demands, calls, {}, END)).toEqual({ seconds: [5, 6, 3], pending: 0, tookIdle: 0 });
});

test('a launch of several machines serves as many tasks', () => {
  expect(waitsOf([demand(0), demand(1_000)], [call(5_000, 2)], {}, END).seconds).toEqual([5, 4]);
});

test('a launch before the task does not serve it', () => {
  expect(waitsOf([demand(2_000)], [call(1_000)], { a: 1 }, END).seconds).toEqual([58]);
});

test('a task that still waits at the end has waited until the end', () => {
  const waits = waitsOf([demand(0), demand(10_000)], [call(5_000)], { a: 1 }, END);
  expect(waits).toEqual({ seconds: [5, 50], pending: 1, tookIdle: 0 });
});

test('a task without a launch that no longer waits found an idle machine', () => {
  expect(waitsOf([demand(0), demand(10_000)], [call(5_000)], {}, END)).toEqual({
    seconds: [5],
    pending: 0,
    tookIdle: 1,
  });
});
