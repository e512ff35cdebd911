import { describe, expect, test } from '@jest/globals';
import { cutChoices, smallestMachine } from '../../../domain/selection.js';
import { seededRandom } from '../../support/seeded-random.js';
import { choose, NOW, option, sumOf } from '../../support/selection.js';

describe('a bound on machines', () => {
  test('a bound on machines is kept before the draw: 2,500 over 11 equal launch configs in rounds of 500 give each its share', () => {
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

  test('a bound on machines counts machines and not capacity', () => {
    expect(choose([option('a', { capacityPerInstance: 4 })], 50, { maxMachines: 3 }).machines).toEqual({ a: 3 });
  });

  test('a bound on machines leaves nothing for launch configs whose weight is used up', () => {
    const options = [option('a'), option('b', { recentErrors: 3 })];
    const { machines, passedOver } = choose(options, 50, { maxMachines: 2 });
    expect(machines).toEqual({ a: 2 });
    expect(passedOver).toEqual({ b: 'weight used up' });
  });

  test('a bound of 0 gives no machine', () => {
    expect(choose([option('a')], 50, { maxMachines: 0 }).choices).toEqual([]);
  });

  test('a bound on machines bounds the work, whatever capacity is wanted', () => {
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

  test('a bounded selection draws each of many launch configs about as often as any other', () => {
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

  test('choices stay as they are when the limit allows them', () => {
    const choices = chosen({ a: 3, b: 2 });
    expect(cutChoices(choices, 5, seededRandom(1))).toEqual(choices);
    expect(cutChoices(choices, 99, seededRandom(1))).toEqual(choices);
    expect(cutChoices([], 5, seededRandom(1))).toEqual([]);
  });

  test('choices that are cut hold as many machines as the limit allows, with their capacity', () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const cut = cutChoices(chosen({ a: 30, b: 20, c: 1 }), 7, seededRandom(seed));
      expect(sumOf(cut.map(({ machines }) => machines))).toBe(7);
      for (const { machines, capacity } of cut) {
        expect(machines).toBeGreaterThan(0);
        expect(capacity).toBe(machines * 4);
      }
    }
    expect(cutChoices(chosen({ a: 3 }), 2, () => 0)).toMatchObject([{ machines: 2 }]);
    expect(cutChoices(chosen({ a: 30 }), 0, seededRandom(1))).toEqual([]);
    expect(cutChoices(chosen({ a: 30 }), -2, seededRandom(1))).toEqual([]);
    expect(cutChoices(chosen({ a: 30 }), 2.9, seededRandom(1))).toMatchObject([{ machines: 2 }]);
  });

  test('choices that are cut keep every launch config in proportion, the first as the last', () => {
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
    ['one of any weight above 0', [option('a', { initialWeight: 0.1 })], 1],
    ['never one above its own maximum', [option('a', { capacityPerInstance: 4, maxCapacity: 3 })], null],
    ["never one above the pool's maximum", [option('a', { capacityPerInstance: 11 })], null],
    ['one that just fits', [option('a', { capacityPerInstance: 10, maxCapacity: 10 })], 10],
    ['never one without capacity', [option('a', { capacityPerInstance: 0 })], null],
    ['also one that backs off or is in doubt', [option('a', { backoffUntil: NOW + 1, openLaunches: 1 })], 1],
  ] as const)('the smallest machine is %s', (_case, options, size) => {
    expect(smallestMachine(options, 10)).toBe(size);
  });
});
