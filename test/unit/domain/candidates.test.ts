import { expect, test } from '@jest/globals';
import { roundOf } from '../../../domain/candidates.js';
import { MAX_CANDIDATES } from '../../../domain/evidence.js';
import { chooseLaunchConfigs, type LaunchConfigOption } from '../../../domain/selection.js';

const option = (launchConfigId: string, change: Partial<LaunchConfigOption> = {}): LaunchConfigOption => ({
  ...{ launchConfigId, revision: 3, initialWeight: null, maxCapacity: null, capacityPerInstance: 2 },
  ...{ usedCapacity: 10, recentErrors: 0, backoffUntil: null, openLaunches: 0, unregisteredRoom: null },
  ...change,
});
const selection = (options: readonly LaunchConfigOption[]) => ({
  ...{ options, capacity: 8, poolMaxCapacity: 100, poolRoom: 50, maxMachines: 500, nowMs: 1_000, random: () => 0 },
});

test('a round says of each launch config what it was judged by, and what came of that', () => {
  const round = selection([option('lc-a'), option('lc-b', { backoffUntil: 9_000, maxCapacity: 20 })]);
  expect(roundOf(round, chooseLaunchConfigs(round))).toEqual({
    ...{ wantedCapacity: 8, roomCapacity: 50, omitted: 0 },
    candidates: [
      {
        ...{ launchConfigId: 'lc-a', revision: 3, initialWeight: 1, weight: 0.9, usedCapacity: 10, maxCapacity: 100 },
        ...{ capacityPerInstance: 2, recentErrors: 0, backoffUntil: null, outcome: 'chosen', machines: 4 },
      },
      {
        ...{ launchConfigId: 'lc-b', revision: 3, initialWeight: 1, weight: 0, usedCapacity: 10, maxCapacity: 20 },
        ...{ capacityPerInstance: 2, recentErrors: 0, backoffUntil: 9_000, outcome: 'backing off', machines: 0 },
      },
    ],
  });
});

test('a round says what preemptions took of a weight, where they took anything', () => {
  const round = selection([option('lc-a', { preemptedPart: 0.25 }), option('lc-b')]);
  const [preempted, other] = roundOf(round, chooseLaunchConfigs(round)).candidates;
  expect(preempted).toMatchObject({ preemptedPart: 0.25, weight: 0.65 });
  expect(other).not.toHaveProperty('preemptedPart');
});

test('a round of very many launch configs keeps the chosen ones, and counts those that it leaves out', () => {
  const many = Array.from({ length: MAX_CANDIDATES + 50 }, (_, n) => option(`lc-${n}`, { initialWeight: 0 }));
  const round = selection([...many, option('chosen')]);
  const { candidates, omitted } = roundOf(round, chooseLaunchConfigs(round));
  expect([candidates.length, omitted]).toEqual([MAX_CANDIDATES, 51]);
  expect(candidates[0]).toMatchObject({ launchConfigId: 'chosen', outcome: 'chosen' });
});
