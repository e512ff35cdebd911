import { describe, expect, test } from '@jest/globals';
import { proofSize } from '../../support/long.js';
import { seededRandom } from '../../support/seeded-random.js';
import { type Image, MINUTE_MS, type Moment, POLL_MS, SECOND_MS, SimulatedPool } from '../../support/simulated-pool.js';

const image = (id: string, capacity = 1): Image => ({ id, capacity });
const brokenImage = (id: string, capacity = 1): Image => ({ id, capacity, broken: true });

/** Capacity that may be missing while archived workers make room: a machine or a tenth of the maximum. */
const replacedAtOnce = (pool: SimulatedPool) =>
  Math.max(
    pool.settings.maxCapacity / 10,
    ...[...pool.images, ...pool.machines.map((each) => each.image)].map((each) => each.capacity),
  );

const running = (pool: SimulatedPool) => pool.capacity(({ state }) => state === 'running');
const archived = (pool: SimulatedPool) => pool.capacity((each) => pool.isArchived(each));
const existing = (pool: SimulatedPool) => pool.capacity(() => true);

describe('a pool with a scaling ratio', () => {
  test('a pool with a scaling ratio of 0.1 never has more than 4 machines requested for 40 tasks', () => {
    const pool = new SimulatedPool([image('a')], { maxCapacity: 100, scalingRatio: 0.1 });
    pool.submit(40, 5 * MINUTE_MS);
    let maxRequested = 0;
    pool.run(3 * 60 * MINUTE_MS, ({ input }) => {
      const { requestedCapacity } = input;
      maxRequested = Math.max(maxRequested, requestedCapacity);
    });
    expect(maxRequested).toBe(4);
    expect(pool.completedTasks).toBe(40);
    expect(existing(pool)).toBe(0);
  });

  test('a pool with a scaling ratio of 0.5 ends none of 10 busy workers while nothing is pending', () => {
    const pool = new SimulatedPool([image('a')], { maxCapacity: 100 });
    pool.submit(10, 4 * 60 * MINUTE_MS);
    pool.run(10 * MINUTE_MS);
    pool.settings = { ...pool.settings, scalingRatio: 0.5 };
    pool.run(60 * MINUTE_MS, ({ advice }) => expect(advice.advisedCapacity).toBe(0));
    expect(running(pool)).toBe(10);
  });
});

test('a pool whose 50 preempted machines leave their claims never has more than 50 machines for 50 new tasks', () => {
  const pool = new SimulatedPool([image('a')], { maxCapacity: 500 });
  pool.submit(50, 60 * MINUTE_MS);
  pool.run(5 * MINUTE_MS);
  expect(running(pool)).toBe(50);
  pool.preempt(50);
  pool.submit(50, 10 * MINUTE_MS);
  let most = 0;
  pool.run(60 * MINUTE_MS, () => void (most = Math.max(most, existing(pool))));
  expect(most).toBe(50);
  pool.run(60 * MINUTE_MS);
  expect(pool.completedTasks).toBe(100);
});

test('a pool ends no worker by a single reading without tasks', () => {
  const pool = new SimulatedPool([image('a')], { maxCapacity: 20 });
  pool.submit(10, 10 * 60 * MINUTE_MS);
  pool.run(5 * MINUTE_MS);
  pool.quietFor(POLL_MS);
  pool.run(MINUTE_MS, ({ newlyMarked }) => expect(newlyMarked).toBe(0));
  pool.quietFor(2 * POLL_MS);
  let markedForTermination = 0;
  pool.run(2 * POLL_MS, ({ newlyMarked }) => void (markedForTermination += newlyMarked));
  expect(markedForTermination).toBe(10);
});

describe('three image changes, one of them broken', () => {
  const rounds = [image('second'), brokenImage('third'), image('fourth')];
  test.each([
    ['with room for a machine beyond the minimum', { minCapacity: 4, maxCapacity: 5 }, 0],
    ['with room for all beyond the minimum', { minCapacity: 4, maxCapacity: 8 }, 0],
    ['with the minimum at the maximum', { minCapacity: 4, maxCapacity: 4 }, 0],
    ['with the minimum at the maximum of a large pool', { minCapacity: 60, maxCapacity: 60 }, 0],
    ['without a minimum, under a backlog', { minCapacity: 0, maxCapacity: 10 }, 500],
    ['with machines of 4', { minCapacity: 16, maxCapacity: 20, capacity: 4 }, 0],
  ])(
    'three image changes, one of them broken, end with the last image only, and running stays as the contract says, %s',
    (_case, given, tasks) => {
      const { capacity, ...settings } = { capacity: 1, ...given };
      const pool = new SimulatedPool([image('first', capacity)], settings);
      pool.submit(tasks, 5 * MINUTE_MS);
      pool.run(5 * MINUTE_MS);
      const target = () => Math.min(settings.maxCapacity, Math.max(settings.minCapacity, pool.pending.length));
      const floor = (moment: Moment) => {
        const most = replacedAtOnce(pool);
        expect(moment.input.runningCapacity).toBeGreaterThanOrEqual(target() - most);
      };
      for (const next of rounds) {
        pool.images = [{ ...next, capacity }];
        pool.run(20 * MINUTE_MS, floor);
        if (tasks > 0) pool.submit(Math.max(0, 300 - pool.pending.length), 5 * MINUTE_MS);
      }
      // the broken machines end unregistered after half an hour
      pool.run(90 * MINUTE_MS, floor);
      expect(archived(pool)).toBe(0);
      expect(running(pool)).toBeGreaterThanOrEqual(target());
    },
  );
});

describe('an unloaded pool after an image change', () => {
  const bootMs = 90 * SECOND_MS;
  const stopMs = MINUTE_MS;
  // a machine boots up to a tenth longer, and each change is seen by the next poll
  const roundMs = 1.1 * bootMs + stopMs + 3 * POLL_MS + 3 * POLL_MS;

  test.each([
    [1, 2],
    [4, 8],
    [40, 80],
    [40, 200],
    [250, 500],
  ])(
    'an unloaded pool of minimum %d and maximum %d runs the new image only after one round',
    (minCapacity, maxCapacity) => {
      const pool = new SimulatedPool([image('old')], { minCapacity, maxCapacity, bootMs, stopMs });
      pool.run(10 * MINUTE_MS);
      pool.images = [image('new')];
      pool.run(roundMs, ({ input }) => expect(input.runningCapacity).toBeGreaterThanOrEqual(minCapacity));
      expect(archived(pool)).toBe(0);
      expect(running(pool)).toBe(minCapacity);
    },
  );

  test.each([
    [1, 1],
    [4, 4],
    [10, 10],
    [40, 40],
    [100, 100],
    [100, 120],
    [4, 5],
  ])(
    'an unloaded pool of minimum %d and maximum %d runs the new image only after ten rounds',
    (minCapacity, maxCapacity) => {
      const pool = new SimulatedPool([image('old')], { minCapacity, maxCapacity, bootMs, stopMs });
      pool.run(10 * MINUTE_MS);
      pool.images = [image('new')];
      const floor = minCapacity - Math.max(1, maxCapacity / 10);
      pool.run(10 * roundMs, ({ input }) => expect(input.runningCapacity).toBeGreaterThanOrEqual(floor));
      expect(archived(pool)).toBe(0);
      expect(running(pool)).toBe(minCapacity);
    },
  );

  test('an unloaded pool is reconciled at most once without effect in each cron interval, half busy or not', () => {
    for (const busy of [0, 2, 4]) {
      const pool = new SimulatedPool([image('old')], { minCapacity: 4, maxCapacity: 6 });
      pool.run(10 * MINUTE_MS);
      pool.submit(busy, 24 * 60 * MINUTE_MS);
      pool.run(5 * MINUTE_MS);
      pool.images = [image('new')];
      const before = pool.idleReconciliations;
      pool.run(60 * MINUTE_MS);
      expect(pool.idleReconciliations - before).toBeLessThanOrEqual(12);
    }
  });
});

const isBusy = (pool: SimulatedPool, submitted: number) => pool.completedTasks < submitted || archived(pool) > 0;

/** A pool that everything happens to: waves of tasks, image changes, preemption, quarantine. */
function liveThrough(seed: number) {
  const random = seededRandom(seed);
  const upTo = (n: number) => Math.floor(random() * (n + 1));
  const of = <T>(items: readonly T[]): T => items[upTo(items.length - 1)]!;
  const capacity = of([1, 1, 1, 2, 4]);
  const maxCapacity = capacity * (1 + upTo(of([4, 30, 120])));
  const minCapacity = of([0, 0, upTo(maxCapacity), maxCapacity]);
  const scalingRatio = of([0.1, 0.25, 0.5, 0.9, 1]);
  const pool = new SimulatedPool([image('i0', capacity)], { seed, maxCapacity, minCapacity, scalingRatio });
  let most = 0;
  let submitted = 0;
  const watch = ({ input, advice }: Moment) => {
    most = Math.max(most, existing(pool));
    const kept = input.runningCapacity - advice.advisedCapacity;
    const floor = Math.min(input.runningCapacity, advice.targetCapacity) - replacedAtOnce(pool);
    if (kept < floor) throw new Error(`seed ${seed}: keeps ${kept} of ${floor} at ${pool.now}`);
  };
  for (let event = 1; event <= 12; event += 1) {
    const kind = of(['tasks', 'tasks', 'image', 'broken', 'preempt', 'quarantine'] as const);
    const count = upTo(maxCapacity);
    if (kind === 'tasks') {
      pool.submit(count, MINUTE_MS * (1 + upTo(30)));
      submitted += count;
    } else if (kind === 'image') pool.images = [image(`i${event}`, capacity), image(`j${event}`, capacity)];
    else if (kind === 'broken') pool.images = [brokenImage(`i${event}`, capacity)];
    else if (kind === 'preempt') pool.preempt(count);
    else pool.quarantine(upTo(Math.floor(maxCapacity / 4)), 20 * MINUTE_MS);
    pool.run(MINUTE_MS * (1 + upTo(25)), watch);
  }
  pool.images = [image('last', capacity)];
  for (let hours = 0; hours < 24 && isBusy(pool, submitted); hours += 1) pool.run(60 * MINUTE_MS, watch);
  // the quarantine of the last ones ends, and what is surplus then goes
  pool.run(40 * MINUTE_MS, watch);
  return { pool, most, submitted };
}

describe('a pool that everything happens to', () => {
  const seeds = Array.from({ length: proofSize({ short: 40, long: 1_500 }) }, (_, index) => 1_000 + index);

  test('a pool with every disturbance never passes its maximum, completes every task, ends with its minimum of the last image, and is quiet then', () => {
    for (const seed of seeds) {
      const { pool, most, submitted } = liveThrough(seed);
      const { maxCapacity, minCapacity } = pool.settings;
      expect({ seed, most: most <= maxCapacity }).toEqual({ seed, most: true });
      expect({ seed, completed: pool.completedTasks }).toEqual({ seed, completed: submitted });
      expect({ seed, archived: archived(pool) }).toEqual({ seed, archived: 0 });
      const size = pool.images[0]!.capacity;
      const least = Math.min(minCapacity, maxCapacity);
      expect({ seed, running: running(pool) }).toEqual({ seed, running: Math.ceil(least / size) * size });
      const launches = pool.launches;
      const idle = pool.idleReconciliations;
      pool.run(60 * MINUTE_MS);
      expect({ seed, launches: pool.launches }).toEqual({ seed, launches });
      expect(pool.idleReconciliations - idle).toBeLessThanOrEqual(12);
    }
  });
});

test('a pool whose images change their machines’ capacity ends with the last images only, as full as whole machines make it', () => {
  for (let seed = 1; seed <= proofSize({ short: 50, long: 1_000 }); seed += 1) {
    const random = seededRandom(seed);
    const of = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
    const images = ['a', 'b', 'c'].map((id) => image(id, of([1, 2, 3, 4, 8])));
    const maxCapacity = 8 + Math.floor(random() * of([8, 60]));
    const minCapacity = of([maxCapacity, maxCapacity, Math.floor(random() * maxCapacity)]);
    const pool = new SimulatedPool(images.slice(0, of([1, 2])), { maxCapacity, minCapacity, seed });
    pool.run(30 * MINUTE_MS);
    pool.images = images.slice(1, of([2, 3])).map((each) => ({ ...each, id: `new-${each.id}` }));
    const largest = Math.max(...images.map(({ capacity }) => capacity));
    // a maximum that is no multiple of a machine leaves up to a machine unfilled, before and after
    const floor = minCapacity - Math.max(largest, maxCapacity / 10) - (largest - 1);
    pool.run(6 * 60 * MINUTE_MS, ({ input }) => {
      if (input.runningCapacity < floor) throw new Error(`seed ${seed}: ${input.runningCapacity} run, not ${floor}`);
    });
    expect({ seed, archived: archived(pool) }).toEqual({ seed, archived: 0 });
    expect(running(pool)).toBeGreaterThanOrEqual(Math.min(minCapacity, maxCapacity - largest + 1));
    const { launches } = pool;
    pool.run(60 * MINUTE_MS);
    expect({ seed, launches: pool.launches }).toEqual({ seed, launches });
  }
});
