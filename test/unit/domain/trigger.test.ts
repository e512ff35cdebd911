import { describe, expect, test } from '@jest/globals';
import { evaluateAgainAt, needsReconciliation } from '../../../domain/trigger.js';

const NOW = 1_000_000;
const basis = { wantedCapacity: 6, roomCapacity: 2, advisedCapacity: 3, surplus: 3, evaluateAgainAt: null };
const finding = (fields: Partial<typeof basis> = {}) => {
  const found = { ...basis, ...fields };
  return { ...found, advice: { advisedCapacity: found.advisedCapacity, awaitsSecondReading: false } };
};

describe('needsReconciliation', () => {
  test('a pool is reconciled when nothing was ever decided', () => {
    expect(needsReconciliation(null, finding(), NOW)).toBe(true);
  });

  test('a pool is left alone while a poll finds what its last decision left', () => {
    expect(needsReconciliation(basis, finding(), NOW)).toBe(false);
    expect(needsReconciliation(basis, finding(), NOW + 1e9)).toBe(false);
  });

  test('a pool is reconciled at the instant that its last decision stored', () => {
    expect(needsReconciliation({ ...basis, evaluateAgainAt: NOW + 1 }, finding(), NOW)).toBe(false);
    expect(needsReconciliation({ ...basis, evaluateAgainAt: NOW }, finding(), NOW)).toBe(true);
    expect(needsReconciliation({ ...basis, evaluateAgainAt: NOW - 1 }, finding(), NOW)).toBe(true);
  });

  test.each([
    ['there is room for more of what it wants', { roomCapacity: 3 }, true],
    ['there is less room for what it wants', { roomCapacity: 1 }, true],
    ['it wants less than it has room for', { wantedCapacity: 1 }, true],
    ['other workers are to be advised to stop', { advisedCapacity: 4 }, true],
    ['no worker is to be advised to stop any more', { advisedCapacity: 0 }, true],
    ['it wants more, and has no more room', { wantedCapacity: 9 }, false],
  ] as const)(
    'a pool is reconciled only when a decision would change something: when %s',
    (_case, fields, triggered) => {
      expect(needsReconciliation(basis, finding(fields), NOW)).toBe(triggered);
    },
  );

  test('a pool is left alone while demand is unknown: no worker is marked, and the last verdicts stand', () => {
    const unknown = { ...finding(), advisedCapacity: null };
    expect(needsReconciliation(basis, unknown, NOW)).toBe(false);
  });

  test('a pool that wants nothing is left alone whatever room there is', () => {
    const satisfied = { ...basis, wantedCapacity: 0 };
    expect(needsReconciliation(satisfied, finding({ wantedCapacity: 0, roomCapacity: 50 }), NOW)).toBe(false);
    expect(needsReconciliation({ ...basis, roomCapacity: -3 }, finding({ roomCapacity: -9 }), NOW)).toBe(false);
  });
});

test.each([
  [[], null],
  [[null, null], null],
  [[null, 7, 5], 5],
] as const)('the earliest of the instants %j counts', (instants, earliest) => {
  expect(evaluateAgainAt(instants)).toBe(earliest);
});
