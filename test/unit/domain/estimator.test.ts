import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  estimate,
  estimatorInputDefaults,
  noCapacity,
  type EstimatorInput,
  withLaunched,
} from '../../../domain/estimator.js';
import { seededRuns } from '../../support/seeded-random.js';

const input = (fields: Partial<EstimatorInput>): EstimatorInput => ({
  pendingTasks: 0,
  claimedTasks: 0,
  ...noCapacity,
  ...estimatorInputDefaults,
  ...fields,
});

// pending, claimed, existing, stopping, requested, minimum, maximum, ratio | both results
const workedExamples = [
  { row: 1, numbers: [100, 0, 0, 0, 0, 0, 50, 1], original: 50, corrected: 50 },
  { row: 2, numbers: [100, 25, 25, 0, 0, 0, 100, 0.5], original: 50, corrected: 50 },
  { row: 3, numbers: [11, 0, 10, 0, 0, 0, 50, 1], original: 1, corrected: 1 },
  { row: 4, numbers: [5, 10, 10, 0, 0, 0, 50, 1], original: 5, corrected: 5 },
  { row: 5, numbers: [20, 0, 10, 0, 10, 0, 50, 1], original: 0, corrected: 10 },
  { row: 6, numbers: [30, 50, 60, 0, 10, 0, 200, 1], original: 10, corrected: 20 },
  { row: 7, numbers: [0, 0, 5, 0, 5, 10, 100, 1], original: 0, corrected: 5 },
  { row: 8, numbers: [0, 0, 0, 10, 0, 10, 100, 1], original: 0, corrected: 10 },
  { row: 9, numbers: [40, 0, 10, 35, 0, 0, 50, 1], original: 5, corrected: 5 },
  { row: 10, numbers: [3, 0, 0, 0, 0, 0, 100, 0.3], original: 0.9, corrected: 1 },
  { row: 11, numbers: [0, 0, 0, 0, 0, 5, 2, 1], original: 5, corrected: 2 },
  { row: 12, numbers: [5, 5, 5, 0, 0, 0, 100, 0.5], original: 2.5, corrected: 3 },
];

const exampleInput = (numbers: number[]): EstimatorInput => {
  const [pendingTasks, claimedTasks, existing, stoppingCapacity, requestedCapacity] = numbers as Five;
  const [minCapacity, maxCapacity, scalingRatio] = numbers.slice(5) as [number, number, number];
  return {
    ...noCapacity,
    ...{ pendingTasks, claimedTasks, stoppingCapacity, requestedCapacity, minCapacity, maxCapacity, scalingRatio },
    runningCapacity: existing - requestedCapacity,
    currentCapacity: existing,
  };
};
type Five = [number, number, number, number, number];

describe('the worked examples of the original', () => {
  test.each(workedExamples)('row $row gives $corrected corrected', ({ numbers, corrected }) => {
    expect(estimate('corrected', exampleInput(numbers)).spawnCapacity).toBe(corrected);
  });

  test.each(workedExamples)('row $row gives $original by the original rule', ({ numbers, original }) => {
    expect(estimate('original', exampleInput(numbers)).spawnCapacity).toBeCloseTo(original, 9);
  });
});

describe('why this number', () => {
  test.each([
    ['nothing waits', input({ maxCapacity: 10 }), 0, 'satisfied'],
    [
      'idle workers will take what waits',
      input({ pendingTasks: 3, runningCapacity: 5, maxCapacity: 10 }),
      0,
      'satisfied',
    ],
    ['tasks wait', input({ pendingTasks: 3, maxCapacity: 10 }), 3, 'demand'],
    ['a minimum is not met', input({ minCapacity: 4, maxCapacity: 10 }), 4, 'minimum'],
    ['demand exceeds the minimum', input({ pendingTasks: 6, minCapacity: 4, maxCapacity: 10 }), 6, 'demand'],
    ['the maximum is near', input({ pendingTasks: 60, maxCapacity: 10 }), 10, 'maximum'],
    ['the maximum is lower than the minimum', input({ minCapacity: 5, maxCapacity: 2 }), 2, 'maximum'],
    ['a pool without a maximum has demand', input({ pendingTasks: 5 }), 0, 'maximum'],
    [
      'stopping workers fill the maximum',
      input({ pendingTasks: 5, stoppingCapacity: 9, maxCapacity: 10 }),
      1,
      'maximum',
    ],
    ['more exists than is allowed', input({ pendingTasks: 99, runningCapacity: 20, maxCapacity: 10 }), 0, 'maximum'],
  ] as const)('when %s', (_case, given, spawn, bound) => {
    expect(estimate('corrected', given)).toMatchObject({ spawnCapacity: spawn, bound });
  });

  test('the original lets the minimum win over the maximum and says so', () => {
    expect(estimate('original', input({ minCapacity: 5, maxCapacity: 2 }))).toMatchObject({
      wantedCapacity: 5,
      spawnCapacity: 5,
      bound: 'minimum',
    });
  });
});

test('rounding up does not add a worker for a floating-point hair', () => {
  // 100 · 0.07 is 7.000000000000001 in binary
  expect(estimate('corrected', input({ pendingTasks: 100, scalingRatio: 0.07, maxCapacity: 50 })).spawnCapacity).toBe(
    7,
  );
});

const over = (existing: number, maxCapacity: number) =>
  estimate('corrected', input({ requestedCapacity: 1, runningCapacity: existing - 1, maxCapacity })).overProvisioned;

test('the alarm needs both more than 25 and more than a quarter above the maximum', () => {
  expect(over(25, 1)).toBe(false);
  expect(over(26, 1)).toBe(true);
  expect(over(125, 100)).toBe(false);
  expect(over(126, 100)).toBe(true);
});

const capacity = fc.nat({ max: 3000 });
const anyInput: fc.Arbitrary<EstimatorInput> = fc
  .record({
    pendingTasks: fc.option(capacity, { freq: 10 }),
    claimedTasks: fc.option(capacity, { freq: 10 }),
    requestedCapacity: capacity,
    runningCapacity: capacity,
    stoppingCapacity: capacity,
    quarantinedCapacity: capacity,
    inDoubtCapacity: capacity,
    archivedShare: fc.constantFrom(0, 0.3, 1),
    minCapacity: capacity,
    maxCapacity: fc.nat({ max: 20_000 }),
    scalingRatio: fc.oneof(fc.constantFrom(0, 1, 0.1, 0.3, 0.07), fc.double({ min: 0, max: 1, noNaN: true })),
  })
  .map(({ archivedShare, ...rest }) => ({
    ...rest,
    currentCapacity: Math.round((rest.requestedCapacity + rest.runningCapacity) * (1 - archivedShare)),
  }));

describe('for any pool', () => {
  test('both rules give finite numbers that are not negative', () => {
    fc.assert(
      fc.property(anyInput, fc.constantFrom('corrected' as const, 'original' as const), (given, kind) => {
        const { idleCapacity, adjustedPending, wantedCapacity, spawnCapacity } = estimate(kind, given);
        for (const value of [idleCapacity, adjustedPending, wantedCapacity, spawnCapacity]) {
          expect(Number.isFinite(value) && value >= 0 && !Object.is(value, -0)).toBe(true);
        }
      }),
      seededRuns,
    );
  });

  test('corrected gives whole capacity and never passes the maximum', () => {
    fc.assert(
      fc.property(anyInput, (given) => {
        const { spawnCapacity, roomCapacity } = estimate('corrected', given);
        expect(Number.isInteger(spawnCapacity)).toBe(true);
        expect(spawnCapacity).toBeLessThanOrEqual(Math.max(0, roomCapacity));
        const { requestedCapacity, runningCapacity, stoppingCapacity, quarantinedCapacity, inDoubtCapacity } = given;
        const occupied = requestedCapacity + runningCapacity + stoppingCapacity + quarantinedCapacity + inDoubtCapacity;
        expect(roomCapacity).toBe(given.maxCapacity - occupied);
      }),
      seededRuns,
    );
  });

  test('corrected keeps the minimum whenever the maximum allows it', () => {
    fc.assert(
      fc.property(anyInput, (given) => {
        const { spawnCapacity, roomCapacity } = estimate('corrected', given);
        const reached = given.currentCapacity + spawnCapacity;
        expect(reached).toBeGreaterThanOrEqual(
          Math.min(given.minCapacity, given.currentCapacity + Math.max(0, roomCapacity)),
        );
      }),
      seededRuns,
    );
  });

  test('more waiting tasks never mean fewer new workers', () => {
    fc.assert(
      fc.property(
        anyInput,
        fc.nat({ max: 500 }),
        fc.constantFrom('corrected' as const, 'original' as const),
        (given, more, kind) => {
          const before = estimate(kind, given).spawnCapacity;
          const after = estimate(kind, { ...given, pendingTasks: (given.pendingTasks ?? 0) + more }).spawnCapacity;
          expect(after).toBeGreaterThanOrEqual(before - 1e-9);
        },
      ),
      seededRuns,
    );
  });

  test('what is launched covers what was wanted, at any ratio: estimating again at once gives nothing', () => {
    fc.assert(
      fc.property(anyInput, (given) => {
        const after = withLaunched(given, estimate('corrected', given).spawnCapacity);
        expect(estimate('corrected', after).spawnCapacity).toBe(0);
      }),
      seededRuns,
    );
  });
});
