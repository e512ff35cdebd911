import { describe, expect, test } from '@jest/globals';
import { applyLimits, equalPart, type Claim, type LimitInput } from '../../../domain/limits.js';
import { seededRandom } from '../../support/seeded-random.js';

const claim = (wanted: number, launchedLastMinute = 0): Claim => ({ wanted, launchedLastMinute });
const free: LimitInput = {
  own: claim(10),
  others: [],
  launchedLastMinute: 0,
  launchesPerMinute: 500,
  machines: 0,
  maxMachines: 5000,
};

describe('a pool alone', () => {
  test.each([
    ['nothing holds', {}, { allowed: 10, limit: null }],
    ['exactly enough is left of both', { launchedLastMinute: 490, machines: 4990 }, { allowed: 10, limit: null }],
    ['the minute is nearly full', { launchedLastMinute: 497 }, { allowed: 3, limit: 'launchesPerMinute' }],
    ['the minute is overfull', { launchedLastMinute: 600 }, { allowed: 0, limit: 'launchesPerMinute' }],
    ['nearly all machines exist', { machines: 4998 }, { allowed: 2, limit: 'machines' }],
    ['more machines exist than may', { machines: 6000 }, { allowed: 0, limit: 'machines' }],
    [
      'both hold and the minute is tighter',
      { launchedLastMinute: 499, machines: 4995 },
      { allowed: 1, limit: 'launchesPerMinute' },
    ],
    [
      'both hold and machines are tighter',
      { launchedLastMinute: 495, machines: 4999 },
      { allowed: 1, limit: 'machines' },
    ],
    ['both hold alike', { launchedLastMinute: 500, machines: 5000 }, { allowed: 0, limit: 'machines' }],
    ['nothing is wanted, whatever holds', { own: claim(0), machines: 6000 }, { allowed: 0, limit: null }],
    ['less than nothing is wanted', { own: claim(-3) }, { allowed: 0, limit: null }],
    ['a part of a machine is wanted', { own: claim(2.5) }, { allowed: 3, limit: null }],
    ['no launches are allowed at all', { launchesPerMinute: 0 }, { allowed: 0, limit: 'launchesPerMinute' }],
    [
      'the limit is no whole number',
      { launchesPerMinute: 3.5, maxMachines: 4.5 },
      { allowed: 3, limit: 'launchesPerMinute' },
    ],
    ['it launched all of the minute itself', { own: claim(9, 500), launchedLastMinute: 500 }, { allowed: 0 }],
  ])('a single pool gets its part when %s', (_case, fields, verdict) => {
    expect(applyLimits({ ...free, ...fields })).toMatchObject(verdict);
  });
});

describe('pools that compete', () => {
  test('pools that compete leave the small ones all that they want', () => {
    const big = applyLimits({ ...free, own: claim(2500), others: [claim(20), claim(1)] });
    expect(big).toEqual({ allowed: 479, limit: 'launchesPerMinute' });
    const after = { launchedLastMinute: 479 };
    expect(applyLimits({ ...free, ...after, own: claim(20), others: [claim(2021, 479), claim(1)] }).allowed).toBe(20);
    expect(applyLimits({ ...free, ...after, own: claim(1), others: [claim(2021, 479), claim(20)] }).allowed).toBe(1);
  });

  test('pools that compete get equal parts of the minute however often they come', () => {
    const others = [claim(2500), claim(2500)];
    expect(applyLimits({ ...free, own: claim(2500), others }).allowed).toBe(166);
    const again = applyLimits({ ...free, own: claim(2334, 166), others, launchedLastMinute: 166 });
    expect(again.allowed).toBe(1);
  });

  test('pools that compete get at least one machine each while one is left', () => {
    const others = Array.from({ length: 1000 }, () => claim(50));
    expect(applyLimits({ ...free, own: claim(50), others }).allowed).toBe(1);
    expect(applyLimits({ ...free, own: claim(50), others, launchedLastMinute: 500 }).allowed).toBe(0);
    expect(applyLimits({ ...free, own: claim(50), others, machines: 5000 }).allowed).toBe(0);
  });

  test('pools that compete get equal parts of the machines that are left', () => {
    const input = { ...free, own: claim(90), others: [claim(90), claim(4)], machines: 4970 };
    expect(applyLimits(input)).toEqual({ allowed: 13, limit: 'machines' });
  });

  test('pools do not compete with a pool that got what it wanted', () => {
    expect(applyLimits({ ...free, own: claim(2500), launchedLastMinute: 100 }).allowed).toBe(400);
  });

  test('pools that want 2500, 20 and 1 launch the 20 and the 1 in the first minute, in whatever order they come', () => {
    const orders = [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ];
    for (const order of orders) {
      const pools = [2500, 20, 1].map((wanted) => ({ wanted, launchedLastMinute: 0 }));
      let launchedLastMinute = 0;
      for (const index of [...order, ...order]) {
        const own = pools[index]!;
        const others = pools.filter((each) => each !== own && each.wanted > 0);
        const { allowed } = applyLimits({ ...free, own, others, launchedLastMinute });
        own.wanted -= allowed;
        own.launchedLastMinute += allowed;
        launchedLastMinute += allowed;
      }
      expect(pools.map((pool) => pool.launchedLastMinute)).toEqual([479, 20, 1]);
    }
  });

  test('pools that compete never pass a limit in all, and use it up when together they want more', () => {
    const random = seededRandom(20_261_128);
    const upTo = (n: number) => Math.floor(random() * (n + 1));
    for (let run = 0; run < 500; run += 1) {
      const launchesPerMinute = 1 + upTo(60);
      const maxMachines = 1 + upTo(200);
      let machines = upTo(100);
      let launchedLastMinute = 0;
      const pools = Array.from({ length: 1 + upTo(7) }, () => ({ wanted: upTo(80), launchedLastMinute: 0 }));
      const wanted = pools.reduce((sum, pool) => sum + pool.wanted, 0);
      const most = Math.max(0, Math.min(wanted, launchesPerMinute, maxMachines - machines));
      for (let turn = 0; turn < 120; turn += 1) {
        const own = pools[upTo(pools.length - 1)]!;
        const others = pools.filter((each) => each !== own && each.wanted > 0);
        const { allowed } = applyLimits({
          ...{ own, others, launchedLastMinute, launchesPerMinute, machines, maxMachines },
        });
        own.wanted -= allowed;
        own.launchedLastMinute += allowed;
        launchedLastMinute += allowed;
        machines += allowed;
      }
      expect(launchedLastMinute).toBe(most);
    }
  });
});

test.each([
  [10, [], Number.POSITIVE_INFINITY],
  [10, [4, 4], Number.POSITIVE_INFINITY],
  [10, [5, 5], 5],
  [10, [20, 2], 8],
  [500, [2500, 20, 1], 479],
  [0, [3], 0],
  [-5, [3], -5],
] as const)('of %d machines, pools that want %j get up to %d each', (available, wants, level) => {
  expect(equalPart(available, wants)).toBe(level);
});
