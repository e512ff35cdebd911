import { describe, expect, test } from '@jest/globals';
import {
  capacityBounds,
  capacityByState,
  endableMachines,
  type OpenLaunch,
  type WorkerGroup,
} from '../../../domain/capacity.js';
import { noCapacity } from '../../../domain/estimator.js';

const group = (state: WorkerGroup['state'], fields: Partial<WorkerGroup> = {}): WorkerGroup => ({
  ...{ state, archived: false, launched: true, quarantined: false, capacity: 4, machines: 3 },
  ...fields,
});
const launch = (capacity: number, fields: Partial<OpenLaunch> = {}): OpenLaunch => ({
  ...{ capacity, archived: false, overdue: false },
  ...fields,
});

describe('capacityByState', () => {
  test('the capacity of no workers is nothing', () => {
    expect(capacityByState([], [])).toEqual(noCapacity);
  });

  test.each([
    ['requested workers is on its way and current', group('requested'), { requestedCapacity: 12, currentCapacity: 12 }],
    ['running workers is running and current', group('running'), { runningCapacity: 12, currentCapacity: 12 }],
    [
      'static workers is that of any others',
      group('running', { launched: false }),
      { runningCapacity: 12, currentCapacity: 12 },
    ],
    ['stopping workers is not current', group('stopping'), { stoppingCapacity: 12 }],
    [
      'quarantined workers does not count as running',
      group('running', { quarantined: true }),
      { quarantinedCapacity: 12 },
    ],
    ['workers that stop in quarantine is stopping', group('stopping', { quarantined: true }), { stoppingCapacity: 12 }],
    ['archived requested workers is not current', group('requested', { archived: true }), { requestedCapacity: 12 }],
    ['archived running workers is not current', group('running', { archived: true }), { runningCapacity: 12 }],
  ] as const)('the capacity of %s', (_case, workers, capacity) => {
    expect(capacityByState([workers], [])).toEqual({ ...noCapacity, ...capacity });
  });

  test.each([
    ['is on its way and current, because it may exist', launch(5), { requestedCapacity: 5, currentCapacity: 5 }],
    ['of an archived launch config is not current', launch(5, { archived: true }), { requestedCapacity: 5 }],
    ['that is overdue only takes room', launch(5, { overdue: true }), { inDoubtCapacity: 5 }],
    [
      'that is overdue and archived only takes room',
      launch(5, { archived: true, overdue: true }),
      { inDoubtCapacity: 5 },
    ],
  ] as const)('the capacity of an open launch %s', (_case, open, capacity) => {
    expect(capacityByState([], [open])).toEqual({ ...noCapacity, ...capacity });
  });

  test('capacityByState adds up equal groups', () => {
    const workers = [group('running'), group('running', { capacity: 1, machines: 2 }), group('requested')];
    expect(capacityByState(workers, [launch(5), launch(2)])).toEqual({
      ...noCapacity,
      ...{ runningCapacity: 14, requestedCapacity: 19, currentCapacity: 33 },
    });
  });
});

test('only machines that run, that a launch created and that are not quarantined may be advised to end', () => {
  const workers = [
    group('running', { machines: 1 }),
    group('running', { machines: 2, archived: true, capacity: 8 }),
    group('running', { launched: false }),
    group('running', { quarantined: true }),
    group('requested'),
    group('stopping'),
  ];
  expect(endableMachines(workers)).toEqual([
    { archived: false, capacity: 4, machines: 1 },
    { archived: true, capacity: 8, machines: 2 },
  ]);
});

describe('the bounds of a pool', () => {
  test('the bounds of a pool are those of its definition, 0 where it has none', () => {
    expect(capacityBounds('aws', { minCapacity: 2, maxCapacity: 9 })).toEqual({ minCapacity: 2, maxCapacity: 9 });
    expect(capacityBounds('aws', {})).toEqual({ minCapacity: 0, maxCapacity: 0 });
  });

  test('the bounds of a deleted pool are 0, whatever its definition says', () => {
    const bounds = capacityBounds('null-provider', { minCapacity: 2, maxCapacity: 9 });
    expect(bounds).toEqual({ minCapacity: 0, maxCapacity: 0 });
  });
});
