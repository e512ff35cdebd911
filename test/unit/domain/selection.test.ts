import { describe, expect, test } from '@jest/globals';
import { chooseLaunchConfigs, RESCUE_WEIGHT } from '../../../domain/selection.js';
import { choose, NOW, option } from '../../support/selection.js';

describe('the cases of Taskcluster', () => {
  test('weights 1, 0.5 and 0.1 share the machines as 62.5, 31.25 and 6.25 percent', () => {
    const options = [option('a'), option('b', { initialWeight: 0.5 }), option('c', { initialWeight: 0.1 })];
    const { machines } = choose(options, 16_000, { poolMaxCapacity: 20_000, poolRoom: 20_000 });
    expect(machines['a']! / 16_000).toBeCloseTo(0.625, 1.7);
    expect(machines['b']! / 16_000).toBeCloseTo(0.3125, 1.7);
    expect(machines['c']! / 16_000).toBeCloseTo(0.0625, 1.7);
  });

  test('only the second of three launch configs with maximum 10 that use 10, 5 and 10 gives machines, at most 5', () => {
    const options = [
      option('a', { maxCapacity: 10, usedCapacity: 10 }),
      option('b', { maxCapacity: 10, usedCapacity: 5 }),
      option('c', { maxCapacity: 10, usedCapacity: 10 }),
    ];
    const { machines, weights, passedOver } = choose(options, 20);
    expect(machines).toEqual({ b: 5 });
    expect(weights).toEqual({ a: 0, b: 0.5, c: 0 });
    expect(passedOver).toEqual({ a: 'no capacity left', c: 'no capacity left' });
  });

  test('a launch config that caused all 25 errors is not used beside one that caused none', () => {
    const { machines, weights, passedOver } = choose([option('a', { recentErrors: 25 }), option('b')], 50);
    expect(machines).toEqual({ b: 50 });
    expect(weights).toEqual({ a: 0, b: 1 });
    expect(passedOver).toEqual({ a: 'weight used up' });
  });

  test('a launch config of which the cloud took back a part is used less by as much, and one that it all took back last', () => {
    const { weights } = choose([option('a', { preemptedPart: 0.25 }), option('b')], 50);
    expect(weights).toEqual({ a: 0.75, b: 1 });
    expect(choose([option('a', { preemptedPart: 1 }), option('b')], 50).machines).toEqual({ b: 50 });
    expect(choose([option('a', { preemptedPart: 1 })], 50).machines).toEqual({ a: 50 });
  });

  test('a single launch config with used-up weight still gives all it has left', () => {
    const { machines, weights } = choose([option('a', { maxCapacity: 100, usedCapacity: 60, recentErrors: 50 })], 60);
    expect(machines).toEqual({ a: 40 });
    expect(weights).toEqual({ a: RESCUE_WEIGHT });
  });

  test('maxima 1, 2 and none give 1, 2 and 97 of 100', () => {
    const options = [option('a', { maxCapacity: 1 }), option('b', { maxCapacity: 2 }), option('c')];
    expect(choose(options, 100).machines).toEqual({ a: 1, b: 2, c: 97 });
  });

  test('two launch configs with used-up weight share the work, where Taskcluster gives all to the lower id', () => {
    const options = ['a', 'b'].map((id) => option(id, { usedCapacity: 60, recentErrors: 25 }));
    const { machines, weights } = choose(options, 40);
    expect(weights).toEqual({ a: RESCUE_WEIGHT, b: RESCUE_WEIGHT });
    expect(machines['a']).toBeGreaterThan(8);
    expect(machines['b']).toBeGreaterThan(8);
    expect(machines['a']! + machines['b']!).toBe(40);
  });

  test('a launch config of initial weight 0 is never used, not even alone, where Taskcluster revives it', () => {
    const { choices, passedOver, weights } = choose([option('a', { initialWeight: 0 })], 5);
    expect(choices).toEqual([]);
    expect(passedOver).toEqual({ a: 'weight 0' });
    expect(weights).toEqual({ a: 0 });
  });

  test('a launch config of maximum 0 gives no machine, where Taskcluster gives one in every round', () => {
    const { choices, passedOver } = choose([option('a', { maxCapacity: 0 })], 5);
    expect(choices).toEqual([]);
    expect(passedOver).toEqual({ a: 'no capacity left' });
  });

  test('a launch config of capacity 4 a machine, maximum 5 and used 4 gives none, where Taskcluster gives one, 8 of 5', () => {
    const { choices } = choose([option('a', { capacityPerInstance: 4, maxCapacity: 5, usedCapacity: 4 })], 5);
    expect(choices).toEqual([]);
  });

  test('an error without a launch config counts against none, so that five of five weigh fully, unlike in Taskcluster', () => {
    const { weights, machines } = choose([option('a', { recentErrors: 5 }), option('b')], 10);
    expect(weights).toEqual({ a: 0, b: 1 });
    expect(machines).toEqual({ b: 10 });
  });
});

test('use and errors lower a weight by their shares', () => {
  const options = [option('a', { usedCapacity: 25, recentErrors: 1 }), option('b', { recentErrors: 3 })];
  expect(choose(options, 1).weights).toEqual({ a: 0.5, b: 0.25 });
});

describe('caps and room', () => {
  test("the pool's maximum caps a launch config that allows more", () => {
    expect(choose([option('a', { maxCapacity: 500 })], 200, { poolMaxCapacity: 30, poolRoom: 200 }).machines).toEqual({
      a: 30,
    });
  });

  test('a room of 5 takes one machine of 4, and the rest goes to a launch config that fits', () => {
    const big = option('big', { capacityPerInstance: 4 });
    expect(choose([big], 5, { poolRoom: 5 }).machines).toEqual({ big: 1 });
    expect(choose([big, option('small', { initialWeight: 0.001 })], 5, { poolRoom: 5 }).machines).toEqual({
      big: 1,
      small: 1,
    });
  });

  test('capacity is rounded up to whole machines while there is room', () => {
    expect(choose([option('a', { capacityPerInstance: 4 })], 5).machines).toEqual({ a: 2 });
    expect(choose([option('a')], 0.9).machines).toEqual({ a: 1 });
    expect(choose([option('a')], 2.5).machines).toEqual({ a: 3 });
  });

  test('one machine that is larger than the whole room is passed over', () => {
    expect(choose([option('a', { capacityPerInstance: 4 })], 3, { poolRoom: 3 }).passedOver).toEqual({
      a: 'no room in the pool',
    });
  });

  test('a selection gives no machine when nothing is wanted, without room, and without launch configs', () => {
    expect(choose([option('a')], 0).choices).toEqual([]);
    expect(choose([option('a')], 5, { poolRoom: 0 }).choices).toEqual([]);
    expect(choose([option('a')], 5, { poolRoom: -3 }).choices).toEqual([]);
    expect(choose([], 5)).toMatchObject({ choices: [], passedOver: {}, weights: {} });
    expect(choose([option('a')], 5, { poolMaxCapacity: 0 }).choices).toEqual([]);
  });

  test('a machine without capacity is never drawn, whatever let its definition in', () => {
    expect(choose([option('a', { capacityPerInstance: 0 })], 5).choices).toEqual([]);
    expect(choose([option('a', { capacityPerInstance: 0, unregisteredRoom: 2 })], 5).choices).toEqual([]);
    expect(choose([option('a', { capacityPerInstance: Number.NaN })], 5).choices).toEqual([]);
  });
});

describe('launch configs that may not be used now', () => {
  test('a launch config that backs off is passed over until its backoff ends', () => {
    const options = [option('a', { backoffUntil: NOW + 1 })];
    expect(choose(options, 1).passedOver).toEqual({ a: 'backing off' });
    expect(choose(options, 1, { nowMs: NOW + 1 }).machines).toEqual({ a: 1 });
  });

  test('a launch config whose launch is in doubt is passed over', () => {
    expect(choose([option('a', { openLaunches: 1 })], 1).passedOver).toEqual({ a: 'launch unfinished' });
  });

  test('a launch config with used-up weight takes over within the round once the viable ones are full', () => {
    const options = [option('a', { maxCapacity: 3 }), option('b', { recentErrors: 2 })];
    expect(choose(options, 10).machines).toEqual({ a: 3, b: 7 });
  });

  test('a weight that only rounding keeps above zero is used up', () => {
    // 1 − 0.7 − 0.3 is 5.6e-17 in binary
    const options = [
      option('a', { maxCapacity: 10, usedCapacity: 7, recentErrors: 3 }),
      option('b', { maxCapacity: 10, usedCapacity: 5, recentErrors: 7 }),
    ];
    expect(choose(options, 1).weights).toEqual({ a: RESCUE_WEIGHT, b: RESCUE_WEIGHT });
    expect(choose([option('a', { initialWeight: 1e-9 })], 1)).toMatchObject({
      machines: { a: 1 },
      weights: { a: RESCUE_WEIGHT },
    });
  });

  test('a launch config with used-up weight takes over when the viable ones back off', () => {
    const options = [option('a', { backoffUntil: NOW + 60_000 }), option('b', { recentErrors: 2 })];
    expect(choose(options, 10).machines).toEqual({ b: 10 });
  });
});

describe('a launch config whose last machine ended unregistered', () => {
  test('a launch config whose last machine ended unregistered gets no more machines than may still be unregistered, whatever their capacity', () => {
    const limited = option('a', { unregisteredRoom: 2, capacityPerInstance: 4 });
    expect(choose([limited], 50).machines).toEqual({ a: 2 });
    expect(choose([limited, option('b')], 50).machines.a).toBeLessThanOrEqual(2);
  });

  test('a launch config is passed over while as many machines as may be are unregistered', () => {
    expect(choose([option('a', { unregisteredRoom: 0 })], 5).passedOver).toEqual({ a: 'awaiting a registration' });
  });
});

test('a launch config that lost every draw is reported as not drawn', () => {
  expect(choose([option('a'), option('b')], 1, { random: () => 0 }).passedOver).toEqual({ b: 'not drawn' });
  expect(choose([option('a'), option('b')], 1, { random: () => 0.999_999 }).machines).toEqual({ b: 1 });
});

test('a launch config may be named like an object property', () => {
  const { weights } = chooseLaunchConfigs({
    options: [option('__proto__')],
    capacity: 1,
    poolMaxCapacity: 5,
    poolRoom: 5,
    maxMachines: 5,
    nowMs: NOW,
    random: () => 0,
  });
  expect(Object.entries(weights)).toEqual([['__proto__', 1]]);
});

describe('the draw', () => {
  test('the draw gives each launch config its share of the numbers from 0 to 1, the first from 0 on', () => {
    const options = [option('a'), option('b'), option('c', { initialWeight: 0.5 })];
    const drawn = [0, 0.399, 0.4, 0.799, 0.8, 0.999].map((point) =>
      Object.keys(choose(options, 1, { random: () => point }).machines).join(),
    );
    expect(drawn).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
  });

  test('the draw ends at a launch config even where rounding passes the last of them', () => {
    // The last number below 1, and weights whose sum is rounded up by half of its last digit.
    const half = 2 ** -28;
    const weights = [half, half + 1.5 * 2 ** -53, 0.75];
    const options = weights.map((initialWeight, index) => option(`lc-${index}`, { initialWeight }));
    expect(choose(options, 1, { random: () => 1 - 2 ** -53 }).machines).toEqual({ 'lc-2': 1 });
  });

  test('the draw gives no machine for a capacity that only rounding left', () => {
    expect(choose([option('a')], 1e-9).choices).toEqual([]);
    const usedUp = choose([option('a', { recentErrors: 2 })], 1e-9);
    expect(usedUp).toMatchObject({ choices: [], passedOver: { a: 'weight used up' }, weights: { a: 0 } });
  });
});
