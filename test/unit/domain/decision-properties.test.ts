import { describe, expect, test } from '@jest/globals';
import { demandedCapacity, estimate, type EstimatorInput, withLaunched } from '../../../domain/estimator.js';
import { chooseLaunchConfigs, type LaunchConfigOption, smallestMachine } from '../../../domain/selection.js';
import {
  advise,
  type Advice,
  decideTerminations,
  groupCandidates,
  type TerminationCandidate,
} from '../../../domain/termination-advice.js';
import { proofSize } from '../../support/long.js';
import { seededRandom } from '../../support/seeded-random.js';

const STATES = 200_000;
const ADVISED_STATES = proofSize({ short: 40_000, long: 400_000 });

type Draw = (n: number) => number;
const drawing =
  (random: () => number): Draw =>
  (n) =>
    Math.floor(random() * (n + 1));

const option = (launchConfigId: string, capacityPerInstance: number): LaunchConfigOption => ({
  ...{ launchConfigId, capacityPerInstance, revision: 1, initialWeight: null, maxCapacity: null, usedCapacity: 0 },
  ...{ recentErrors: 0, backoffUntil: null, openLaunches: 0, unregisteredRoom: null },
});

/** Small numbers and large ones, so that bounds meet often. */
function anyPool(upTo: Draw): EstimatorInput {
  const scale = [3, 12, 150][upTo(2)]!;
  const requestedCapacity = upTo(scale) * upTo(1);
  const runningCapacity = upTo(scale);
  return {
    ...{ requestedCapacity, runningCapacity, currentCapacity: upTo(requestedCapacity + runningCapacity) },
    ...{ stoppingCapacity: upTo(scale) * upTo(1), quarantinedCapacity: upTo(scale) * upTo(1) },
    ...{ inDoubtCapacity: upTo(scale) * upTo(1), pendingTasks: upTo(3 * scale), claimedTasks: upTo(scale) },
    ...{ minCapacity: upTo(scale) * upTo(1), maxCapacity: upTo(5 * scale) },
    scalingRatio: [0.1, 0.07, 0.25, 0.5, 0.9, 1][upTo(5)]!,
  };
}

function* sample<State>(count: number, make: (upTo: Draw, random: () => number) => State): Iterable<State> {
  const random = seededRandom(20_261_128);
  const upTo = drawing(random);
  for (let index = 0; index < count; index += 1) yield make(upTo, random);
}

/** The first few states that something is wrong with, in words. Faster than an expectation for each state. */
function faults<State>(states: Iterable<State>, faultOf: (state: State) => string | null) {
  const found: { state: State; fault: string }[] = [];
  for (const state of states) {
    const fault = faultOf(state);
    if (fault !== null && found.push({ state, fault }) === 3) break;
  }
  return found;
}

/** Decides again and again while nothing registers, until a decision launches nothing. */
function finallyLaunched(start: EstimatorInput, options: readonly LaunchConfigOption[], random: () => number) {
  let pool = start;
  for (let decisions = 0; decisions < 1_000; decisions += 1) {
    const { spawnCapacity, roomCapacity } = estimate('corrected', pool);
    if (spawnCapacity === 0) return pool;
    const { choices } = chooseLaunchConfigs({
      ...{ options, capacity: spawnCapacity, poolRoom: roomCapacity, maxMachines: 500 },
      ...{ poolMaxCapacity: pool.maxCapacity, nowMs: 0, random },
    });
    if (choices.length === 0) return pool;
    pool = withLaunched(
      pool,
      choices.reduce((sum, { capacity }) => sum + capacity, 0),
    );
  }
  return null;
}

const occupied = (pool: EstimatorInput) =>
  pool.requestedCapacity +
  pool.runningCapacity +
  pool.stoppingCapacity +
  pool.quarantinedCapacity +
  pool.inDoubtCapacity;

describe('decisions applied again and again while nothing registers', () => {
  test('decisions never request more than the ratio of pending tasks or the minimum, never pass the maximum, and fall short only for want of room', () => {
    const states = sample(STATES, (upTo, random) => {
      const pool = anyPool(upTo);
      const options = [option('a', 1 + upTo(3)), option('b', 1 + upTo(7))].slice(0, 1 + upTo(1));
      const sizes = options.map((each) => each.capacityPerInstance);
      return { pool, sizes, end: finallyLaunched(pool, options, random) };
    });
    const found = faults(states, ({ pool, sizes, end }) => {
      if (end === null) return 'launches without end';
      const launched = end.requestedCapacity - pool.requestedCapacity;
      if (launched > 0 && occupied(end) > pool.maxCapacity) return 'passes the maximum';
      const forDemand = demandedCapacity(pool.pendingTasks!, pool.scalingRatio);
      const forMinimum = pool.requestedCapacity + Math.max(0, pool.minCapacity - pool.currentCapacity);
      const whole = Math.max(...sizes) - 1;
      if (launched > 0 && end.requestedCapacity > Math.max(forDemand, forMinimum) + whole) return 'requests too much';
      const { wantedCapacity, roomCapacity } = estimate('corrected', end);
      if (wantedCapacity > 0 && roomCapacity >= Math.min(...sizes)) return 'stops short';
      return null;
    });
    expect(found).toEqual([]);
  });
});

interface AdvisedState {
  readonly pool: EstimatorInput;
  readonly workers: readonly TerminationCandidate[];
  readonly advice: Advice;
  readonly machineCapacity: number | null;
  readonly ended: readonly TerminationCandidate[];
}

function anyAdvice(upTo: Draw): AdvisedState {
  const workers = Array.from({ length: upTo(6) }, (_, index) => ({
    ...{ workerGroup: 'g', workerId: `w${index}`, capacity: [1, 1, 2, 4][upTo(3)]!, created: upTo(3) },
    ...{ archived: upTo(1) === 1, busy: [null, true, false][upTo(2)]! },
  }));
  const capacityOf = (of: readonly TerminationCandidate[]) => of.reduce((sum, { capacity }) => sum + capacity, 0);
  const requestedCapacity = upTo(4) * upTo(1);
  const runningCapacity = capacityOf(workers);
  const currentCapacity = capacityOf(workers.filter(({ archived }) => !archived)) + upTo(requestedCapacity);
  const tight = occupied({
    ...anyPool(upTo),
    requestedCapacity,
    runningCapacity,
    stoppingCapacity: 0,
    quarantinedCapacity: 0,
    inDoubtCapacity: 0,
  });
  const pool = {
    ...anyPool(upTo),
    ...{ requestedCapacity, runningCapacity, currentCapacity, claimedTasks: upTo(8), pendingTasks: upTo(8) * upTo(1) },
    ...{ stoppingCapacity: upTo(2) * upTo(1), inDoubtCapacity: upTo(2) * upTo(1) * upTo(1) },
    ...{ minCapacity: upTo(12) * upTo(1), maxCapacity: upTo(1) === 1 ? tight + upTo(2) : upTo(40) },
  };
  const sizes = [1, 2, 4].slice(0, 1 + upTo(2)).map((size) => option(`o${size}`, size));
  const machineCapacity = smallestMachine(sizes.slice(upTo(1)), pool.maxCapacity);
  const advice = advise({
    ...{ pool, estimate: estimate('corrected', pool), groups: groupCandidates(workers), machineCapacity },
    previousSurplus: [null, -2, 1, 2, 50][upTo(4)]!,
  })!;
  const markedForTermination = new Set(
    decideTerminations(workers, advice)
      .filter(({ terminate }) => terminate)
      .map(({ workerId }) => workerId),
  );
  return {
    pool,
    workers,
    advice,
    machineCapacity,
    ended: workers.filter(({ workerId }) => markedForTermination.has(workerId)),
  };
}

const capacityOf = (workers: readonly TerminationCandidate[]) =>
  workers.reduce((sum, { capacity }) => sum + capacity, 0);

describe('the advice to end', () => {
  const states = [...sample(ADVISED_STATES, anyAdvice)];

  test('the advice never takes running capacity below the target but for what archived workers make room with', () => {
    const found = faults(states, ({ pool, workers, advice, machineCapacity, ended }) => {
      const least = Math.min(pool.runningCapacity, advice.targetCapacity);
      const kept = pool.runningCapacity - capacityOf(ended);
      if (kept >= least) return null;
      if (!ended.some(({ archived }) => archived)) return 'takes what is needed';
      const largest = Math.max(...ended.map(({ capacity }) => capacity), machineCapacity ?? 0);
      const missing = pool.stoppingCapacity + pool.requestedCapacity + pool.inDoubtCapacity;
      if (missing > 0 && least - kept > Math.max(machineCapacity ?? 0, pool.maxCapacity / 10) - missing) {
        return 'takes more while earlier successors are on their way';
      }
      if (least - kept > Math.max(largest, pool.maxCapacity / 10)) return 'takes too much';
      if (pool.currentCapacity >= pool.minCapacity && estimate('corrected', pool).wantedCapacity === 0) {
        return 'makes room that nothing wants';
      }
      return workers.length === 0 ? 'ends nobody at all' : null;
    });
    expect(found).toEqual([]);
  });

  test('the advice to end a surplus wants nothing new', () => {
    const found = faults(states, ({ pool, ended, advice }) => {
      if (pool.runningCapacity - capacityOf(ended) < advice.targetCapacity) return null;
      const minCapacity = Math.min(pool.minCapacity, pool.maxCapacity);
      const after = {
        ...pool,
        minCapacity,
        runningCapacity: pool.runningCapacity - capacityOf(ended),
        currentCapacity: pool.currentCapacity - capacityOf(ended.filter(({ archived }) => !archived)),
      };
      const before = estimate('corrected', { ...pool, minCapacity }).wantedCapacity;
      const wanted = Math.min(estimate('corrected', after).wantedCapacity, pool.maxCapacity - after.currentCapacity);
      return wanted > before && advice.targetCapacity < pool.maxCapacity ? 'ends what it wants' : null;
    });
    expect(found).toEqual([]);
  });

  test('the advice leaves no worker that is idle, surplus and of a size that fits', () => {
    const found = faults(states, ({ pool, workers, ended, advice }) => {
      const left = Math.min(advice.surplusBudget, advice.currentBudget) - capacityOf(ended);
      const kept = workers.filter((worker) => !ended.includes(worker));
      const archivedLeft = kept.some(
        ({ archived, capacity }) => archived && capacity <= advice.archivedBudget - capacityOf(ended),
      );
      if (archivedLeft && !ended.some(({ archived }) => !archived)) return 'keeps an archived one that fits';
      if (kept.some(({ archived, capacity }) => !archived && capacity <= left)) return 'keeps one that fits';
      return pool.runningCapacity < 0 ? 'has less than nothing' : null;
    });
    expect(found).toEqual([]);
  });

  test('the advised capacity is the same for a poll that counts as for a decision that lists, in whatever order', () => {
    const found = faults(states, ({ pool, workers, machineCapacity, advice }) => {
      const groups = workers.map(({ archived, capacity }) => ({ archived, capacity, machines: 1 }));
      const again = advise({
        ...{ pool, estimate: estimate('corrected', pool), groups: groups.toReversed(), machineCapacity },
        previousSurplus: Number.POSITIVE_INFINITY,
      })!;
      const confirmed = advise({
        ...{ pool, estimate: estimate('corrected', pool), groups: groupCandidates(workers), machineCapacity },
        previousSurplus: again.surplus,
      })!;
      if (again.advisedCapacity !== confirmed.advisedCapacity) return 'differs';
      return advice.advisedCapacity > again.advisedCapacity ? 'a second reading adds' : null;
    });
    expect(found).toEqual([]);
  });
});
