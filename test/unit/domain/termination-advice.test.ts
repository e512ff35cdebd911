import { describe, expect, test } from '@jest/globals';
import { estimate, noCapacity, type EstimatorInput } from '../../../domain/estimator.js';
import {
  advise,
  decideTerminations,
  groupCandidates,
  targetCapacity,
  type TerminationCandidate,
} from '../../../domain/termination-advice.js';

describe('target capacity', () => {
  test.each([
    ['what waits and what is claimed', { pendingTasks: 5, claimedTasks: 7 }, 12],
    ['what is claimed, whatever the ratio', { claimedTasks: 10, scalingRatio: 0.5 }, 10],
    ['the ratio of what waits, rounded up', { pendingTasks: 5, claimedTasks: 4, scalingRatio: 0.5 }, 7],
    ['not rounded up for a hair', { pendingTasks: 100, scalingRatio: 0.07 }, 7],
    ['at most the maximum', { pendingTasks: 500, claimedTasks: 7 }, 100],
    ['at least the minimum', { minCapacity: 3 }, 3],
    ['the maximum when it is below the minimum', { pendingTasks: 50, minCapacity: 5, maxCapacity: 2 }, 2],
    ['nothing for a pool without numbers', { pendingTasks: 5, maxCapacity: 0 }, 0],
  ])('the target capacity is %s', (_case, fields, target) => {
    const none = { pendingTasks: 0, claimedTasks: 0, minCapacity: 0, maxCapacity: 100, scalingRatio: 1 };
    expect(targetCapacity({ ...none, ...fields })).toBe(target);
  });
});

const worker = (workerId: string, fields: Partial<TerminationCandidate> = {}): TerminationCandidate => ({
  workerGroup: 'group',
  workerId,
  capacity: 1,
  created: 0,
  archived: false,
  busy: null,
  ...fields,
});

const sum = (workers: readonly TerminationCandidate[]) => workers.reduce((total, each) => total + each.capacity, 0);

/** The advice for these workers, which are all that run. */
function advice(
  workers: TerminationCandidate[],
  fields: Partial<EstimatorInput> = {},
  {
    previousSurplus = Number.POSITIVE_INFINITY,
    machineCapacity = 1,
  }: { previousSurplus?: number | null; machineCapacity?: number | null } = {},
) {
  const pool: EstimatorInput = {
    ...noCapacity,
    ...{ pendingTasks: 0, claimedTasks: 0, minCapacity: 0, maxCapacity: 100, scalingRatio: 1 },
    runningCapacity: sum(workers),
    currentCapacity: sum(workers.filter((each) => !each.archived)) + (fields.requestedCapacity ?? 0),
    ...fields,
  };
  return advise({
    ...{ pool, estimate: estimate('corrected', pool), groups: groupCandidates(workers) },
    ...{ machineCapacity, previousSurplus },
  });
}

type Backoff = [
  fields?: Partial<EstimatorInput>,
  reading?: { previousSurplus?: number | null; machineCapacity?: number },
];
const ended = (workers: TerminationCandidate[], ...backoff: Backoff) =>
  decideTerminations(workers, advice(workers, ...backoff)!)
    .filter(({ terminate }) => terminate)
    .map(({ workerId }) => workerId)
    .toSorted();

const many = (count: number, name: string, fields: Partial<TerminationCandidate> = {}) =>
  Array.from({ length: count }, (_, index) => worker(`${name}${index}`, { created: index, ...fields }));

describe('the surplus', () => {
  test('the surplus ends no worker while every worker has a task, whatever the ratio', () => {
    expect(ended(many(10, 'w'), { claimedTasks: 10, scalingRatio: 0.5 })).toEqual([]);
  });

  test('the surplus ends the oldest workers first', () => {
    const workers = [worker('old', { created: 1 }), worker('new', { created: 3 }), worker('middle', { created: 2 })];
    expect(ended(workers, { minCapacity: 2 })).toEqual(['old']);
  });

  test('the surplus ends workers in one order, which the verdicts keep', () => {
    const workers = [5, 1, 4, 2, 3].map((created) => worker(`w${created}`, { created }));
    const verdicts = decideTerminations(workers, advice(workers)!);
    expect(verdicts.map(({ workerId }) => workerId)).toEqual(['w1', 'w2', 'w3', 'w4', 'w5']);
  });

  test('the surplus is used up by archived workers first, and only the rest ends others', () => {
    const workers = [worker('a0', { archived: true }), worker('a1', { archived: true }), ...many(6, 'w')];
    expect(ended(workers, {}, { previousSurplus: 3 })).toEqual(['a0', 'a1', 'w0']);
    expect(advice(workers, {}, { previousSurplus: 3 })).toMatchObject({ surplusBudget: 3, advisedCapacity: 3 });
  });

  test('the surplus ends no more than there are machines that may end, archived and current ones each for themselves', () => {
    const workers = [worker('a', { archived: true }), ...many(2, 'w')];
    // Eight static workers run beside them.
    const pool = { runningCapacity: 11, currentCapacity: 10 };
    expect(advice(workers, pool)).toMatchObject({ surplusBudget: 11, advisedCapacity: 3 });
  });

  test('the surplus ends idle workers before those of which nothing is known, and these before busy ones', () => {
    const workers = [
      worker('busy', { created: 1, busy: true }),
      worker('unknown', { created: 2 }),
      worker('idle', { created: 3, busy: false }),
    ];
    expect(ended(workers, { minCapacity: 2 })).toEqual(['idle']);
    expect(ended(workers, { minCapacity: 1 })).toEqual(['idle', 'unknown']);
  });

  test('the surplus ends archived workers before all others, busy ones too', () => {
    const workers = [
      worker('archived', { created: 9, archived: true, busy: true }),
      worker('idle', { created: 1, busy: false }),
    ];
    expect(ended(workers, { minCapacity: 1 })).toEqual(['archived']);
  });

  test('the surplus ends whole machines only, and a smaller one where a larger does not fit', () => {
    const workers = [worker('large', { capacity: 4, created: 1 }), worker('small', { created: 2 })];
    expect(ended(workers, { claimedTasks: 4 })).toEqual(['small']);
    expect(ended(workers, { claimedTasks: 1 })).toEqual(['large']);
    expect(ended([worker('large', { capacity: 4 })], { claimedTasks: 1 })).toEqual([]);
  });

  test('the surplus breaks ties of age by ids, in whatever order the workers come', () => {
    const workers = [worker('a'), worker('b'), worker('c', { workerGroup: 'first' })];
    expect(ended(workers, { minCapacity: 2 })).toEqual(['c']);
    expect(ended(workers.toReversed(), { minCapacity: 1 })).toEqual(['a', 'c']);
  });

  test('the surplus above the maximum ends workers even when all have tasks', () => {
    expect(ended(many(3, 'w'), { claimedTasks: 3, maxCapacity: 2 })).toEqual(['w0']);
  });

  test('the surplus leaves the minimum of current workers alone when an archived one is too large to end', () => {
    const workers = [worker('archived', { capacity: 4, archived: true }), ...many(3, 'w')];
    expect(ended(workers, { minCapacity: 4, stoppingCapacity: 1, maxCapacity: 100 })).toEqual([]);
    expect(ended(workers, { minCapacity: 4, maxCapacity: 8, currentCapacity: 4, requestedCapacity: 1 })).toEqual([]);
  });

  test('a verdict says why: launch config archived, over capacity, or needed', () => {
    const workers = [worker('a', { archived: true }), ...many(2, 'w')];
    expect(decideTerminations(workers, advice(workers, { minCapacity: 1 })!)).toEqual([
      { workerGroup: 'group', workerId: 'a', terminate: true, reason: 'launch config archived' },
      { workerGroup: 'group', workerId: 'w0', terminate: true, reason: 'over capacity' },
      { workerGroup: 'group', workerId: 'w1', terminate: false, reason: 'needed' },
    ]);
  });
});

describe('readings', () => {
  test('a first reading ends no worker and waits for the second', () => {
    for (const previousSurplus of [null, 0, -4]) {
      expect(advice(many(3, 'w'), {}, { previousSurplus })).toMatchObject({
        surplus: 3,
        surplusBudget: 0,
        advisedCapacity: 0,
        awaitsSecondReading: true,
      });
    }
  });

  test('of two readings the smaller one counts', () => {
    expect(advice(many(3, 'w'), {}, { previousSurplus: 2 })).toMatchObject({
      advisedCapacity: 2,
      awaitsSecondReading: true,
    });
    expect(advice(many(3, 'w'), {}, { previousSurplus: 9 })).toMatchObject({
      advisedCapacity: 3,
      awaitsSecondReading: false,
    });
  });

  test('missing capacity is reported as a surplus below zero, and waits for nothing', () => {
    expect(advice(many(3, 'w'), { claimedTasks: 5 }, { previousSurplus: null })).toMatchObject({
      surplus: -2,
      surplusBudget: 0,
      awaitsSecondReading: false,
    });
  });

  test('no advice is given while the queue is silent', () => {
    expect(advice(many(3, 'w'), { pendingTasks: null })).toBeNull();
    expect(advice(many(3, 'w'), { claimedTasks: null })).toBeNull();
  });
});

describe('replacement where the maximum leaves no room', () => {
  const archived = (count: number, fields: Partial<TerminationCandidate> = {}) =>
    many(count, 'a', { archived: true, ...fields });
  const full = { minCapacity: 4, maxCapacity: 4 };

  test('a full pool that is small replaces one machine at a time', () => {
    expect(ended(archived(4), full)).toEqual(['a0']);
  });

  test('a full pool that is large replaces a tenth of the maximum at a time', () => {
    expect(ended(archived(40), { minCapacity: 40, maxCapacity: 40 })).toHaveLength(4);
    expect(ended(archived(49), { minCapacity: 49, maxCapacity: 49 })).toHaveLength(4);
  });

  test('a full pool waits while the machine before stops, and until its successor has registered', () => {
    expect(ended(archived(3), { ...full, stoppingCapacity: 1 })).toEqual([]);
    expect(ended(archived(3), { ...full, requestedCapacity: 1 })).toEqual([]);
    expect(ended(archived(3), { ...full, inDoubtCapacity: 1 })).toEqual([]);
    expect(ended([...archived(3), worker('new')], full)).toEqual(['a0']);
  });

  test('a full pool counts room that is too small for a machine as missing', () => {
    const pool = { minCapacity: 40, maxCapacity: 40, stoppingCapacity: 1 };
    expect(ended(archived(36), pool, { machineCapacity: 4 })).toEqual([]);
  });

  test('a full pool ends as many small machines as one large successor needs', () => {
    expect(ended(archived(4), full, { machineCapacity: 4 })).toHaveLength(4);
  });

  test('a full pool ends a machine that is larger than its successor and than a tenth of the maximum', () => {
    expect(ended(archived(1, { capacity: 4 }), full)).toEqual(['a0']);
    expect(ended(archived(1, { capacity: 4 }), { ...full, maxCapacity: 5, minCapacity: 5 })).toHaveLength(0);
    expect(ended(archived(1, { capacity: 4 }), { minCapacity: 5, maxCapacity: 5 }, { machineCapacity: 4 })).toEqual([
      'a0',
    ]);
  });

  test('a full pool ends only the first of the machines that are too large, and none beside one that fits', () => {
    const large = archived(2, { capacity: 4 });
    expect(ended(large, { minCapacity: 8, maxCapacity: 8 })).toEqual(['a0']);
    const small = worker('small', { archived: true, created: 9 });
    expect(ended([...large, small], { minCapacity: 9, maxCapacity: 9 })).toEqual(['small']);
  });

  test('a full pool is advised to end at least the smallest of the machines that are too large', () => {
    const workers = [...archived(1, { capacity: 8 }), worker('b', { archived: true, capacity: 4 })];
    expect(advice(workers, { minCapacity: 12, maxCapacity: 12 })).toMatchObject({ advisedCapacity: 4 });
  });

  test('a full pool ends a machine below the minimum even where the estimate wants nothing, as the original rule may', () => {
    const workers = archived(4);
    const pool = { ...noCapacity, ...full, pendingTasks: 0, claimedTasks: 4, scalingRatio: 1, runningCapacity: 4 };
    const { wantedCapacity } = estimate('original', pool);
    expect(wantedCapacity).toBe(0);
    const given = { groups: groupCandidates(workers), machineCapacity: 1, previousSurplus: 0 };
    expect(advise({ ...given, pool, estimate: { wantedCapacity, roomCapacity: 0 } })).toMatchObject({
      archivedBudget: 1,
      atLeastOneArchived: true,
    });
  });

  test('a pool replaces no machine while there is room for a machine', () => {
    expect(ended(archived(4), { minCapacity: 4, maxCapacity: 5 })).toEqual([]);
    expect(ended(archived(4), { minCapacity: 4, maxCapacity: 7 }, { machineCapacity: 4 })).toEqual(
      ['a0', 'a1', 'a2', 'a3'].slice(0, 1),
    );
  });

  test('a full pool replaces no machine when nothing more is wanted', () => {
    const busy = { claimedTasks: 4, minCapacity: 0, maxCapacity: 4 };
    expect(ended(archived(4), busy)).toEqual([]);
    expect(ended(archived(4), { ...busy, pendingTasks: 1 })).toEqual(['a0']);
  });

  test('a full pool replaces no machine when no launch config can give a successor', () => {
    const workers = archived(4);
    expect(advice(workers, full, { machineCapacity: null })).toMatchObject({ advisedCapacity: 0 });
    const overfull = { ...full, maxCapacity: 3 };
    expect(advice(workers, overfull, { machineCapacity: null, previousSurplus: 0 })).toMatchObject({
      archivedBudget: 0,
      atLeastOneArchived: false,
    });
  });

  test('a full pool replaces no worker that is not archived', () => {
    expect(ended(many(4, 'w'), { claimedTasks: 4, pendingTasks: 50, maxCapacity: 4 })).toEqual([]);
  });
});

test('the advised capacity is what the budgets end of archived and of current workers', () => {
  const workers = [worker('a', { archived: true, capacity: 2 }), ...many(6, 'w')];
  expect(advice(workers, { minCapacity: 3 })).toMatchObject({ surplusBudget: 5, currentBudget: 3, advisedCapacity: 5 });
  expect(advice(workers, { minCapacity: 7 })).toMatchObject({ surplusBudget: 1, advisedCapacity: 1 });
  const archived = many(4, 'a', { archived: true });
  expect(advice(archived, { minCapacity: 4, maxCapacity: 4 })).toMatchObject({ surplusBudget: 0, advisedCapacity: 1 });
  expect(advice(many(4, 'w'), { claimedTasks: 4, pendingTasks: 9, maxCapacity: 4 })).toMatchObject({
    archivedBudget: 0,
    advisedCapacity: 0,
  });
});

test('candidates are grouped by archived and by capacity', () => {
  const workers = [worker('a'), worker('b'), worker('c', { archived: true }), worker('d', { capacity: 4 })];
  expect(groupCandidates(workers)).toEqual([
    { archived: false, capacity: 1, machines: 2 },
    { archived: true, capacity: 1, machines: 1 },
    { archived: false, capacity: 4, machines: 1 },
  ]);
});
