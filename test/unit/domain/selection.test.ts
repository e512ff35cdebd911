import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  chooseLaunchConfigs,
  cutChoices,
  RESCUE_WEIGHT,
  smallestMachine,
  type LaunchConfigOption,
  type Selection,
} from '../../../domain/selection.js';
import { seededRandom, seededRuns } from '../../support/seeded-random.js';

const NOW = 1_700_000_000_000;

const option = (launchConfigId: string, fields: Partial<LaunchConfigOption> = {}): LaunchConfigOption => ({
  launchConfigId,
  revision: 1,
  initialWeight: null,
  maxCapacity: null,
  capacityPerInstance: 1,
  usedCapacity: 0,
  recentErrors: 0,
  backoffUntil: null,
  openLaunches: 0,
  unregisteredRoom: null,
  ...fields,
});

const sumOf = (numbers: readonly number[]) => numbers.reduce((sum, each) => sum + each, 0);

const choose = (options: LaunchConfigOption[], capacity: number, fields: Partial<Selection> = {}) => {
  const result = chooseLaunchConfigs({
    options,
    capacity,
    poolMaxCapacity: 100,
    poolRoom: 100,
    maxMachines: 20_000,
    nowMs: NOW,
    random: seededRandom(7),
    ...fields,
  });
  return {
    ...result,
    machines: Object.fromEntries(result.choices.map((choice) => [choice.launchConfigId, choice.machines])),
    passedOver: Object.fromEntries(result.passedOver.map(({ launchConfigId, reason }) => [launchConfigId, reason])),
  };
};

describe('the cases of the original', () => {
  test('weights 1, 0.5 and 0.1 share the machines as 62.5, 31.25 and 6.25 percent', () => {
    const options = [option('a'), option('b', { initialWeight: 0.5 }), option('c', { initialWeight: 0.1 })];
    const { machines } = choose(options, 16_000, { poolMaxCapacity: 20_000, poolRoom: 20_000 });
    expect(machines['a']! / 16_000).toBeCloseTo(0.625, 1.7);
    expect(machines['b']! / 16_000).toBeCloseTo(0.3125, 1.7);
    expect(machines['c']! / 16_000).toBeCloseTo(0.0625, 1.7);
  });

  test('of three with maximum 10, used 10, 5 and 10, only the second gives machines, at most 5', () => {
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

  test('a launch config that made all 25 errors is not used beside one that made none', () => {
    const { machines, weights, passedOver } = choose([option('a', { recentErrors: 25 }), option('b')], 50);
    expect(machines).toEqual({ b: 50 });
    expect(weights).toEqual({ a: 0, b: 1 });
    expect(passedOver).toEqual({ a: 'weight used up' });
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

  test('differs: two with used-up weight share the work; the original gave all to the lower id (W44)', () => {
    const options = ['a', 'b'].map((id) => option(id, { usedCapacity: 60, recentErrors: 25 }));
    const { machines, weights } = choose(options, 40);
    expect(weights).toEqual({ a: RESCUE_WEIGHT, b: RESCUE_WEIGHT });
    expect(machines['a']).toBeGreaterThan(8);
    expect(machines['b']).toBeGreaterThan(8);
    expect(machines['a']! + machines['b']!).toBe(40);
  });

  test('differs: initial weight 0 is never used, not even alone; the original revived it (W44)', () => {
    const { choices, passedOver, weights } = choose([option('a', { initialWeight: 0 })], 5);
    expect(choices).toEqual([]);
    expect(passedOver).toEqual({ a: 'weight 0' });
    expect(weights).toEqual({ a: 0 });
  });

  test('differs: maximum 0 gives no machine; the original gave one in every round (W45)', () => {
    const { choices, passedOver } = choose([option('a', { maxCapacity: 0 })], 5);
    expect(choices).toEqual([]);
    expect(passedOver).toEqual({ a: 'no capacity left' });
  });

  test('differs: capacity 4 a machine, maximum 5, used 4 gives none; the original gave one, 8 of 5 (W45)', () => {
    const { choices } = choose([option('a', { capacityPerInstance: 4, maxCapacity: 5, usedCapacity: 4 })], 5);
    expect(choices).toEqual([]);
  });

  test('differs: only errors with a launch config count, so that five of five weigh fully (W47)', () => {
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

  test('machines of 4 in a room of 5: one, and the rest goes to a launch config that fits', () => {
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

  test('nothing asked, no room, no options: no machine', () => {
    expect(choose([option('a')], 0).choices).toEqual([]);
    expect(choose([option('a')], 5, { poolRoom: 0 }).choices).toEqual([]);
    expect(choose([option('a')], 5, { poolRoom: -3 }).choices).toEqual([]);
    expect(choose([], 5)).toMatchObject({ choices: [], passedOver: {}, weights: {} });
    expect(choose([option('a')], 5, { poolMaxCapacity: 0 }).choices).toEqual([]);
  });

  test('a machine without capacity is never drawn, whatever let its definition in', () => {
    expect(choose([option('a', { capacityPerInstance: 0 })], 5).choices).toEqual([]);
    expect(choose([option('a', { capacityPerInstance: Number.NaN })], 5).choices).toEqual([]);
  });
});

describe('launch configs that may not be used now', () => {
  test('one that backs off is passed over until the instant has come', () => {
    const options = [option('a', { backoffUntil: NOW + 1 })];
    expect(choose(options, 1).passedOver).toEqual({ a: 'backing off' });
    expect(choose(options, 1, { nowMs: NOW + 1 }).machines).toEqual({ a: 1 });
  });

  test('one whose launch is in doubt is passed over', () => {
    expect(choose([option('a', { openLaunches: 1 })], 1).passedOver).toEqual({ a: 'launch unfinished' });
  });

  test('used-up weight takes over within the round once the viable ones are full', () => {
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
  });

  test('used-up weight takes over when the viable ones back off', () => {
    const options = [option('a', { backoffUntil: NOW + 60_000 }), option('b', { recentErrors: 2 })];
    expect(choose(options, 10).machines).toEqual({ b: 10 });
  });
});

describe('a launch config whose last machine ended unregistered', () => {
  test('gets no more machines than may still be unregistered, whatever their capacity', () => {
    const limited = option('a', { unregisteredRoom: 2, capacityPerInstance: 4 });
    expect(choose([limited], 50).machines).toEqual({ a: 2 });
    expect(choose([limited, option('b')], 50).machines.a).toBeLessThanOrEqual(2);
  });

  test('is passed over while as many as may be are unregistered', () => {
    expect(choose([option('a', { unregisteredRoom: 0 })], 5).passedOver).toEqual({ a: 'awaiting a registration' });
  });
});

test('one that lost every draw is said to be not drawn', () => {
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

describe('a bound on machines', () => {
  test('is kept before the draw: 2,500 over 11 equal launch configs in passes of 500 give each its share', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = seededRandom(seed);
      let options = Array.from({ length: 11 }, (_, index) => option(`lc-${index}`));
      for (let missing = 2500; missing > 0; missing -= 500) {
        const { choices } = choose(options, missing, {
          ...{ poolMaxCapacity: 2500, poolRoom: missing, maxMachines: 500, random },
        });
        expect(sumOf(choices.map(({ machines }) => machines))).toBe(500);
        const added = new Map(choices.map(({ launchConfigId, capacity }) => [launchConfigId, capacity]));
        options = options.map((each) => ({
          ...each,
          usedCapacity: each.usedCapacity + (added.get(each.launchConfigId) ?? 0),
        }));
      }
      for (const { usedCapacity } of options) {
        expect(usedCapacity).toBeGreaterThan((2500 / 11) * 0.7);
        expect(usedCapacity).toBeLessThan((2500 / 11) * 1.3);
      }
    }
  });

  test('counts machines and not capacity', () => {
    expect(choose([option('a', { capacityPerInstance: 4 })], 50, { maxMachines: 3 }).machines).toEqual({ a: 3 });
  });

  test('leaves nothing for launch configs whose weight is used up', () => {
    const options = [option('a'), option('b', { recentErrors: 3 })];
    const { machines, passedOver } = choose(options, 50, { maxMachines: 2 });
    expect(machines).toEqual({ a: 2 });
    expect(passedOver).toEqual({ b: 'weight used up' });
  });

  test('of 0 gives no machine', () => {
    expect(choose([option('a')], 50, { maxMachines: 0 }).choices).toEqual([]);
  });

  test('bounds the work, whatever capacity is wanted', () => {
    let draws = 0;
    const random = () => {
      draws += 1;
      return 0.5;
    };
    const options = Array.from({ length: 1000 }, (_, index) =>
      option(`lc-${index}`, { capacityPerInstance: 1 + (index % 8) }),
    );
    const huge = { poolMaxCapacity: 1e9, poolRoom: 1e9, maxMachines: 500, random };
    expect(sumOf(choose(options, 1e9, huge).choices.map(({ machines }) => machines))).toBe(500);
    expect(draws).toBeLessThanOrEqual(500);
    draws = 0;
    choose(options, 1e9, { ...huge, poolRoom: 700 });
    expect(draws).toBeLessThanOrEqual(500 + 1000);
  });

  test('draws each of many launch configs about as often as any other', () => {
    const options = Array.from({ length: 1000 }, (_, index) => option(`lc-${index}`));
    const wide = { poolMaxCapacity: 1e6, poolRoom: 1e6, maxMachines: 100_000 };
    const { choices } = choose(options, 100_000, wide);
    expect(choices).toHaveLength(1000);
    for (const { machines } of choices) {
      // 100 on average, six standard deviations
      expect(Math.abs(machines - 100)).toBeLessThan(60);
    }
  });
});

describe('choices that are cut', () => {
  const chosen = (machines: Record<string, number>) =>
    Object.entries(machines).map(([launchConfigId, count]) => ({
      ...{ launchConfigId, revision: 1, machines: count, capacity: count * 4 },
    }));

  test('stay as they are when the limit allows them', () => {
    const choices = chosen({ a: 3, b: 2 });
    expect(cutChoices(choices, 5, seededRandom(1))).toEqual(choices);
    expect(cutChoices(choices, 99, seededRandom(1))).toEqual(choices);
    expect(cutChoices([], 5, seededRandom(1))).toEqual([]);
  });

  test('hold as many machines as the limit allows, with their capacity', () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const cut = cutChoices(chosen({ a: 30, b: 20, c: 1 }), 7, seededRandom(seed));
      expect(sumOf(cut.map(({ machines }) => machines))).toBe(7);
      for (const { machines, capacity } of cut) {
        expect(machines).toBeGreaterThan(0);
        expect(capacity).toBe(machines * 4);
      }
    }
    expect(cutChoices(chosen({ a: 30 }), 0, seededRandom(1))).toEqual([]);
    expect(cutChoices(chosen({ a: 30 }), -2, seededRandom(1))).toEqual([]);
    expect(cutChoices(chosen({ a: 30 }), 2.9, seededRandom(1))).toMatchObject([{ machines: 2 }]);
  });

  test('keep every launch config in proportion, the first as the last', () => {
    const kept: Record<string, number> = { a: 0, b: 0, c: 0 };
    for (let seed = 0; seed < 500; seed += 1) {
      for (const { launchConfigId, machines } of cutChoices(chosen({ a: 20, b: 20, c: 10 }), 10, seededRandom(seed))) {
        kept[launchConfigId]! += machines;
      }
    }
    expect(kept['a']! / 5000).toBeCloseTo(0.4, 1.3);
    expect(kept['b']! / 5000).toBeCloseTo(0.4, 1.3);
    expect(kept['c']! / 5000).toBeCloseTo(0.2, 1.3);
  });
});

describe('the smallest machine', () => {
  test.each([
    ['none without launch configs', [], null],
    ['the smallest of all', [option('a', { capacityPerInstance: 4 }), option('b', { capacityPerInstance: 2 })], 2],
    ['never one of weight 0', [option('a', { initialWeight: 0 }), option('b', { capacityPerInstance: 2 })], 2],
    ['never one above its own maximum', [option('a', { capacityPerInstance: 4, maxCapacity: 3 })], null],
    ["never one above the pool's maximum", [option('a', { capacityPerInstance: 11 })], null],
    ['one that just fits', [option('a', { capacityPerInstance: 10, maxCapacity: 10 })], 10],
    ['never one without capacity', [option('a', { capacityPerInstance: 0 })], null],
    ['also one that backs off or is in doubt', [option('a', { backoffUntil: NOW + 1, openLaunches: 1 })], 1],
  ] as const)('is %s', (_case, options, size) => {
    expect(smallestMachine(options, 10)).toBe(size);
  });
});

const anyOption = fc.record({
  initialWeight: fc.oneof(fc.constant(null), fc.constantFrom(0, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true })),
  maxCapacity: fc.option(fc.nat({ max: 40 })),
  capacityPerInstance: fc.integer({ min: 1, max: 8 }),
  usedCapacity: fc.nat({ max: 50 }),
  recentErrors: fc.nat({ max: 5 }),
  backoffUntil: fc.constantFrom(null, null, NOW - 1, NOW + 1),
  openLaunches: fc.constantFrom(0, 0, 0, 1),
  unregisteredRoom: fc.constantFrom(null, null, 0, 1, 3),
});
const anySelection = fc
  .record({
    options: fc.array(anyOption, { maxLength: 8 }),
    capacity: fc.oneof(fc.nat({ max: 120 }), fc.double({ min: 0, max: 50, noNaN: true })),
    poolMaxCapacity: fc.nat({ max: 100 }),
    poolRoom: fc.integer({ min: -20, max: 100 }),
    seed: fc.nat(),
  })
  .map(({ options, seed, ...rest }) => ({
    given: {
      ...rest,
      maxMachines: Number.POSITIVE_INFINITY,
      nowMs: NOW,
      options: options.map((fields, index) => option(`lc-${index}`, fields)),
    },
    seed,
  }));

type Given = Omit<Selection, 'random'>;
const run = (given: Given, seed: number) => chooseLaunchConfigs({ ...given, random: seededRandom(seed) });
const capOf = (given: Given, config: LaunchConfigOption) =>
  Math.min(
    given.poolMaxCapacity,
    config.maxCapacity ?? given.poolMaxCapacity,
    config.usedCapacity + (config.unregisteredRoom ?? Infinity) * config.capacityPerInstance,
  );
const eligible = (given: Given) =>
  given.options.filter(
    (config) => config.initialWeight !== 0 && config.openLaunches === 0 && (config.backoffUntil ?? 0) <= given.nowMs,
  );

describe('for any pool', () => {
  test('no cap and no room is ever passed, and no machine comes from a launch config that may not be used', () => {
    fc.assert(
      fc.property(anySelection, ({ given, seed }) => {
        const { choices } = run(given, seed);
        const allowed = new Map(eligible(given).map((config) => [config.launchConfigId, config]));
        for (const choice of choices) {
          const config = allowed.get(choice.launchConfigId);
          expect(config).toBeDefined();
          expect(choice.machines).toBeGreaterThan(0);
          expect(choice.capacity).toBe(choice.machines * config!.capacityPerInstance);
          expect(config!.usedCapacity + choice.capacity).toBeLessThanOrEqual(capOf(given, config!));
        }
        const total = choices.reduce((sum, choice) => sum + choice.capacity, 0);
        expect(total).toBeLessThanOrEqual(Math.max(0, given.poolRoom));
      }),
      seededRuns,
    );
  });

  test('all that was asked for is given unless no machine fits any more', () => {
    fc.assert(
      fc.property(anySelection, ({ given, seed }) => {
        const { choices } = run(given, seed);
        const total = choices.reduce((sum, choice) => sum + choice.capacity, 0);
        const added = new Map(choices.map((choice) => [choice.launchConfigId, choice.capacity]));
        const stillFits = eligible(given).some((config) => {
          const used = config.usedCapacity + (added.get(config.launchConfigId) ?? 0);
          return config.capacityPerInstance <= Math.min(capOf(given, config) - used, given.poolRoom - total);
        });
        expect(!stillFits || total >= given.capacity - 1e-9).toBe(true);
      }),
      seededRuns,
    );
  });

  test('no machine is given beyond the one that reached what was asked for', () => {
    fc.assert(
      fc.property(anySelection, ({ given, seed }) => {
        const { choices } = run(given, seed);
        const total = choices.reduce((sum, choice) => sum + choice.capacity, 0);
        const largest = Math.max(0, ...choices.map((choice) => choice.capacity / choice.machines));
        expect(total).toBeLessThan(given.capacity + largest + 1e-9);
      }),
      seededRuns,
    );
  });

  test('every launch config is either chosen or passed over with a reason, and has a weight', () => {
    fc.assert(
      fc.property(anySelection, ({ given, seed }) => {
        const { choices, passedOver, weights } = run(given, seed);
        const ids = given.options.map((config) => config.launchConfigId).toSorted();
        expect([...choices, ...passedOver].map((entry) => entry.launchConfigId).toSorted()).toEqual(ids);
        expect(Object.keys(weights).toSorted()).toEqual(ids);
        for (const weight of Object.values(weights)) expect(weight >= 0 && weight <= 1).toBe(true);
      }),
      seededRuns,
    );
  });

  test('the same random numbers give the same choice', () => {
    fc.assert(
      fc.property(anySelection, ({ given, seed }) => {
        expect(run(given, seed)).toEqual(run(given, seed));
      }),
      seededRuns,
    );
  });
});
