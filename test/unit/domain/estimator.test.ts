import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  capacityOf,
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

// docs/taskcluster-compatibility.md#estimator-examples
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

describe('the worked examples of Taskcluster', () => {
  test.each(workedExamples)(
    'the corrected rule gives for row $row of the worked examples $corrected',
    ({ numbers, corrected }) => {
      expect(estimate('corrected', exampleInput(numbers)).spawnCapacity).toBe(corrected);
    },
  );

  test.each(workedExamples)(
    'the original rule gives for row $row of the worked examples $original',
    ({ numbers, original }) => {
      expect(estimate('original', exampleInput(numbers)).spawnCapacity).toBeCloseTo(original, 9);
    },
  );
});

test('capacityOf takes what a pool has, and nothing else of what knows it', () => {
  const capacity = {
    requestedCapacity: 1,
    runningCapacity: 2,
    stoppingCapacity: 3,
    quarantinedCapacity: 4,
    inDoubtCapacity: 5,
    currentCapacity: 6,
  };
  expect(capacityOf(input(capacity))).toEqual(capacity);
});

describe('the explanation of an estimate', () => {
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
    ['demand and minimum are equal', input({ pendingTasks: 4, minCapacity: 4, maxCapacity: 10 }), 4, 'demand'],
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
  ] as const)('the estimate names its bound when %s', (_case, given, spawn, bound) => {
    expect(estimate('corrected', given)).toMatchObject({ spawnCapacity: spawn, bound });
  });

  test('the original rule lets the minimum win over the maximum and says so', () => {
    expect(estimate('original', input({ minCapacity: 5, maxCapacity: 2 }))).toMatchObject({
      wantedCapacity: 5,
      spawnCapacity: 5,
      bound: 'minimum',
    });
  });
});

describe('the corrected rule', () => {
  const spawn = (fields: Partial<EstimatorInput>) =>
    estimate('corrected', input({ maxCapacity: 100, ...fields })).spawnCapacity;

  test('the corrected rule fills the minimum, and nothing else, while the queue is silent', () => {
    expect(spawn({ pendingTasks: null, claimedTasks: null, minCapacity: 2 })).toBe(2);
    expect(spawn({ pendingTasks: null, claimedTasks: null })).toBe(0);
  });

  test('the corrected rule counts requested capacity as idle, whatever is claimed', () => {
    expect(spawn({ pendingTasks: 50, claimedTasks: 50, requestedCapacity: 50, currentCapacity: 50 })).toBe(0);
    expect(spawn({ pendingTasks: 50, claimedTasks: 90, requestedCapacity: 30, runningCapacity: 5 })).toBe(20);
  });

  test('the corrected rule counts the ratio of all pending tasks against idle capacity', () => {
    expect(spawn({ pendingTasks: 40, scalingRatio: 0.1 })).toBe(4);
    expect(spawn({ pendingTasks: 40, scalingRatio: 0.1, requestedCapacity: 3 })).toBe(1);
    expect(spawn({ pendingTasks: 40, scalingRatio: 0.1, runningCapacity: 6, claimedTasks: 3 })).toBe(1);
    expect(spawn({ pendingTasks: 40, scalingRatio: 0.1, requestedCapacity: 4 })).toBe(0);
  });

  test('the corrected rule fills the minimum beside archived workers', () => {
    expect(spawn({ minCapacity: 4, runningCapacity: 4 })).toBe(4);
    expect(spawn({ minCapacity: 4, runningCapacity: 4, currentCapacity: 3 })).toBe(1);
  });

  test('the corrected rule gives quarantined workers and launches in doubt room, and counts on neither', () => {
    const fields = { pendingTasks: 9, minCapacity: 3, quarantinedCapacity: 4, inDoubtCapacity: 2 };
    expect(spawn(fields)).toBe(9);
    expect(spawn({ ...fields, maxCapacity: 10 })).toBe(4);
  });

  test('the corrected rule explains what it found', () => {
    const fields = { pendingTasks: 9, claimedTasks: 3, requestedCapacity: 2, runningCapacity: 4, maxCapacity: 8 };
    expect(estimate('corrected', input(fields))).toEqual({
      existingCapacity: 6,
      idleCapacity: 3,
      adjustedPending: 6,
      wantedCapacity: 6,
      roomCapacity: 2,
      spawnCapacity: 2,
      bound: 'maximum',
      overProvisioned: false,
    });
  });
});

test('launched capacity is requested and current', () => {
  const before = input({ requestedCapacity: 2, currentCapacity: 1, runningCapacity: 3 });
  expect(withLaunched(before, 4)).toEqual({ ...before, requestedCapacity: 6, currentCapacity: 5 });
});

describe('the original rule', () => {
  test('the original rule subtracts requested capacity again, from what the minimum wants and from what the tasks want', () => {
    const fields = { requestedCapacity: 3, stoppingCapacity: 1, minCapacity: 10, maxCapacity: 100 };
    expect(estimate('original', input(fields))).toMatchObject({
      wantedCapacity: 3,
      spawnCapacity: 3,
      roomCapacity: 96,
      bound: 'minimum',
    });
    expect(estimate('original', input({ ...fields, pendingTasks: 23 }))).toMatchObject({
      idleCapacity: 3,
      adjustedPending: 20,
      wantedCapacity: 17,
      spawnCapacity: 17,
      bound: 'demand',
    });
  });

  test('the original rule counts quarantined workers nowhere, and launches in doubt against the maximum only', () => {
    const fields = { pendingTasks: 9, maxCapacity: 10, quarantinedCapacity: 4 };
    expect(estimate('original', input(fields)).spawnCapacity).toBe(9);
    expect(estimate('original', input({ ...fields, inDoubtCapacity: 3 }))).toMatchObject({
      spawnCapacity: 7,
      roomCapacity: 7,
    });
  });
});

test('rounding up adds no worker for a floating-point error', () => {
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
  test('both rules give finite numbers that are not negative, for any pool', () => {
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

  test('the corrected rule gives whole capacity and never passes the maximum', () => {
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

  test('the corrected rule keeps the minimum whenever the maximum allows it', () => {
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

  test('more pending tasks never mean fewer new workers', () => {
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

  test('a second estimate right after a launch wants nothing, at any ratio', () => {
    fc.assert(
      fc.property(anyInput, (given) => {
        const after = withLaunched(given, estimate('corrected', given).spawnCapacity);
        expect(estimate('corrected', after).spawnCapacity).toBe(0);
      }),
      seededRuns,
    );
  });
});
