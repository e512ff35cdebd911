import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { decideTerminations, targetCapacity, type TerminationCandidate } from '../../../domain/termination.js';
import { seededRuns } from '../../support/seeded-random.js';

describe('target capacity', () => {
  test.each([
    ['what waits and what is claimed', { pendingTasks: 5, claimedTasks: 7 }, 12],
    ['by the scaling ratio', { pendingTasks: 5, claimedTasks: 4, scalingRatio: 0.5 }, 4.5],
    ['at most the maximum', { pendingTasks: 500, claimedTasks: 7 }, 100],
    ['at least the minimum', { minCapacity: 3 }, 3],
    ['the minimum when it is above the maximum', { pendingTasks: 50, minCapacity: 5, maxCapacity: 2 }, 5],
    ['nothing for a pool without numbers', { pendingTasks: 5, maxCapacity: 0 }, 0],
  ])('is %s', (_case, fields, target) => {
    const none = { pendingTasks: 0, claimedTasks: 0, minCapacity: 0, maxCapacity: 100, scalingRatio: 1 };
    expect(targetCapacity({ ...none, ...fields })).toBe(target);
  });
});

const worker = (workerId: string, fields: Partial<TerminationCandidate> = {}): TerminationCandidate => ({
  workerGroup: 'group',
  workerId,
  capacity: 1,
  created: 0,
  launchConfigId: 'lc',
  quarantined: false,
  ...fields,
});

const verdicts = (workers: TerminationCandidate[], target: number, archived: string[] = []) =>
  Object.fromEntries(
    decideTerminations({ workers, archivedLaunchConfigIds: new Set(archived), targetCapacity: target }).map(
      ({ workerId, reason }) => [workerId, reason],
    ),
  );

describe('terminations', () => {
  test('the newest workers are kept', () => {
    const workers = [worker('old', { created: 1 }), worker('new', { created: 3 }), worker('middle', { created: 2 })];
    expect(verdicts(workers, 2)).toEqual({ new: 'needed', middle: 'needed', old: 'over capacity' });
  });

  test('a worker of an archived launch config goes and takes no place', () => {
    const workers = [worker('archived', { created: 9, launchConfigId: 'gone' }), worker('kept', { created: 1 })];
    expect(verdicts(workers, 1, ['gone'])).toEqual({ archived: 'launch config archived', kept: 'needed' });
  });

  test('quarantined workers get no verdict and take no place', () => {
    expect(verdicts([worker('bad', { quarantined: true, created: 9 }), worker('good')], 1)).toEqual({ good: 'needed' });
  });

  test('the last worker kept may pass the target, also a fraction of it', () => {
    const workers = [worker('a', { capacity: 4, created: 2 }), worker('b', { capacity: 4, created: 1 })];
    expect(verdicts(workers, 5)).toEqual({ a: 'needed', b: 'needed' });
    expect(verdicts(workers, 4)).toEqual({ a: 'needed', b: 'over capacity' });
    expect(verdicts(workers, 0.5)).toEqual({ a: 'needed', b: 'over capacity' });
  });

  test('with no target all go', () => {
    expect(verdicts([worker('a'), worker('b')], 0)).toEqual({ a: 'over capacity', b: 'over capacity' });
  });

  test('a worker without a launch config is not of an archived one', () => {
    expect(verdicts([worker('a', { launchConfigId: null })], 1, ['null'])).toEqual({ a: 'needed' });
  });

  test('equally old workers get the same verdict in whatever order they come', () => {
    const anyWorker = fc.record({
      capacity: fc.integer({ min: 1, max: 8 }),
      created: fc.nat({ max: 3 }),
      launchConfigId: fc.constantFrom('lc', 'gone', null),
      quarantined: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(anyWorker, { maxLength: 12 }), fc.nat({ max: 30 }), (fields, target) => {
        const workers = fields.map((each, index) => worker(`w${index}`, each));
        const forwards = verdicts(workers, target, ['gone']);
        expect(verdicts(workers.toReversed(), target, ['gone'])).toEqual(forwards);
      }),
      seededRuns,
    );
  });

  test('for any pool the kept workers reach the target, or all are kept that may be', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 8 }), { maxLength: 20 }), fc.nat({ max: 60 }), (sizes, target) => {
        const workers = sizes.map((capacity, index) => worker(`w${index}`, { capacity, created: index }));
        const decisions = verdicts(workers, target);
        const kept = workers.filter(({ workerId }) => decisions[workerId] === 'needed');
        const capacity = kept.reduce((sum, each) => sum + each.capacity, 0);
        expect(capacity >= target || kept.length === workers.length).toBe(true);
        // without the oldest that is kept the target would not be reached
        expect(kept.length === 0 || capacity - kept[0]!.capacity < target).toBe(true);
      }),
      seededRuns,
    );
  });
});
