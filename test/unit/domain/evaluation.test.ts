import { describe, expect, test } from '@jest/globals';
import { estimate, noCapacity, type EstimatorInput } from '../../../domain/estimator.js';
import { evaluate, lastTwo, type PoolSituation } from '../../../domain/evaluation.js';

const pool: EstimatorInput = {
  ...noCapacity,
  ...{ pendingTasks: 0, claimedTasks: 2, minCapacity: 0, maxCapacity: 20, scalingRatio: 1 },
  ...{ runningCapacity: 10, currentCapacity: 10 },
};
const situation = (fields: Partial<PoolSituation> = {}): PoolSituation => ({
  estimator: 'corrected',
  pool,
  groups: [{ archived: false, capacity: 1, machines: 10 }],
  machineCapacity: 1,
  earlierReadings: [{ pendingTasks: 0, claimedTasks: 0 }],
  blocked: false,
  ...fields,
});
const reading = (claimedTasks: number, pendingTasks = 0) => ({ claimedTasks, pendingTasks });

describe('a poll and a decision', () => {
  test('a poll and a decision find the same estimate, advice and basis for the next poll', () => {
    const found = evaluate(situation());
    expect(found.estimate).toEqual(estimate('corrected', pool));
    expect(found.advice).toMatchObject({ targetCapacity: 2, surplus: 8, surplusBudget: 8 });
    expect(found.finding).toEqual({ wantedCapacity: 0, roomCapacity: 10, advisedCapacity: 8 });
  });

  test('a poll and a decision find what a pool wants, by the rule that the deployment has chosen', () => {
    const wanting = { ...pool, pendingTasks: 30, requestedCapacity: 2 };
    expect(evaluate(situation({ pool: wanting })).finding).toMatchObject({ wantedCapacity: 20, roomCapacity: 8 });
    const original = evaluate(situation({ pool: wanting, estimator: 'original' }));
    expect(original.finding.wantedCapacity).toBe(estimate('original', wanting).wantedCapacity);
    expect(original.finding.wantedCapacity).toBe(18);
  });

  test('a poll and a decision find that a pool wants nothing while nothing may be launched', () => {
    const { finding, estimate: created } = evaluate(situation({ pool: { ...pool, pendingTasks: 30 }, blocked: true }));
    expect([finding.wantedCapacity, finding.roomCapacity, created.wantedCapacity]).toEqual([0, 10, 22]);
  });

  test('a poll and a decision find no advice while the queue is silent', () => {
    const { advice, finding } = evaluate(situation({ pool: { ...pool, claimedTasks: null } }));
    expect([advice, finding.advisedCapacity]).toEqual([null, null]);
  });

  test('a poll and a decision hold the advice for as long as an earlier reading needs more, be it the first or the second', () => {
    const advised = (earlierReadings: PoolSituation['earlierReadings']) =>
      evaluate(situation({ earlierReadings })).finding.advisedCapacity;
    expect(advised([reading(7), reading(0)])).toBe(3);
    expect(advised([reading(0), reading(7)])).toBe(3);
    expect(advised([reading(3, 4)])).toBe(3);
    expect(advised(null)).toBe(0);
  });
});

test('a decision compares itself with the last two polls once there were two', () => {
  const [latest, previous] = [reading(1), reading(2)];
  expect(lastTwo({ latest, previous })).toEqual([latest, previous]);
  expect([lastTwo({ latest, previous: null }), lastTwo(null)]).toEqual([null, null]);
});
