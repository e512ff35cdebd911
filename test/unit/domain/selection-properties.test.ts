import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { chooseLaunchConfigs, type LaunchConfigOption, type Selection } from '../../../domain/selection.js';
import { seededRandom, seededRuns } from '../../support/seeded-random.js';
import { NOW, option } from '../../support/selection.js';

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
  test('a selection never passes a cap or the room, and takes no machine from a launch config that may not be used', () => {
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

  test('a selection gives all that was wanted unless no machine fits any more', () => {
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

  test('a selection gives no machine beyond the one that reached what was wanted', () => {
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

  test('a selection either chooses a launch config or passes it over with a reason, and gives each a weight', () => {
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

  test('a selection gives the same choice for the same random numbers', () => {
    fc.assert(
      fc.property(anySelection, ({ given, seed }) => {
        expect(run(given, seed)).toEqual(run(given, seed));
      }),
      seededRuns,
    );
  });
});
