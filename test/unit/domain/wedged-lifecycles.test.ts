import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { workerKeyText } from '../../../domain/ids.js';
import {
  judgeWedged,
  MAX_WEDGED,
  MAX_WEDGED_PART,
  REPLACED_AFTER_MS,
  type WedgedFacts,
  type WedgedLifecycle,
} from '../../../domain/wedged-lifecycles.js';
import { seededRuns } from '../../support/seeded-random.js';

const T = 100_000_000;
const wedged = (workerId: string, changes: Partial<WedgedLifecycle> = {}): WedgedLifecycle => ({
  ...{ workerPoolId: 'proj/pool', workerGroup: 'here', workerId, runId: `run-of-${workerId}`, attempts: 5 },
  ...{ since: T - REPLACED_AFTER_MS, earlierActs: 0 },
  ...changes,
});
const judge = (all: readonly WedgedLifecycle[], changes: Partial<WedgedFacts> = {}) =>
  judgeWedged({ wedged: all, lifecycles: 40, actedOn: new Set(), nowMs: T, ...changes });
const verdicts = (...of: Parameters<typeof judge>) => judge(...of).judged.map(({ verdict }) => verdict);
const several = (count: number) => Array.from({ length: count }, (_, number) => wedged(`w-${number}`));

describe('judgeWedged', () => {
  test('judgeWedged leaves a lifecycle alone for a quarter of an hour, in which a rollback heals it', () => {
    expect(verdicts([wedged('a', { since: T - REPLACED_AFTER_MS + 1 })])).toEqual(['young']);
    expect(verdicts([wedged('a')])).toEqual(['replace']);
  });

  test('judgeWedged replaces first, then has the machine removed, then deletes it', () => {
    expect([0, 1, 2, 7].flatMap((earlierActs) => verdicts([wedged('a', { earlierActs })]))).toEqual([
      ...['replace', 'end', 'delete', 'delete'],
    ]);
  });

  test('judgeWedged acts on none while more are wedged than a bad lifecycle explains', () => {
    expect(verdicts(several(MAX_WEDGED), { lifecycles: 1 })).toEqual(['replace', 'replace', 'replace']);
    expect(judge(several(MAX_WEDGED + 1))).toMatchObject({ isHeld: true });
    expect(judge(several(20), { lifecycles: 400 })).toMatchObject({ isHeld: false });
    expect(new Set(verdicts(several(21), { lifecycles: 400 }))).toEqual(new Set(['held']));
  });

  test('judgeWedged counts those that are wedged for a moment only, too', () => {
    const young = several(MAX_WEDGED).map((each) => ({ ...each, since: T }));
    expect(verdicts([wedged('a'), ...young])).toEqual(['held', 'young', 'young', 'young']);
  });

  test('judgeWedged counts those that were replaced within the hour, each worker once', () => {
    const others = new Set(several(MAX_WEDGED).map(workerKeyText));
    expect(verdicts([wedged('a')], { actedOn: others })).toEqual(['held']);
    expect(verdicts([wedged('w-1', { earlierActs: 1 })], { actedOn: others })).toEqual(['end']);
  });

  test('judgeWedged says nothing of a hold when none is wedged', () => {
    const others = new Set(several(9).map(workerKeyText));
    expect(judge([], { actedOn: others })).toEqual({ judged: [], isHeld: false });
  });

  test('judgeWedged never has more acted on within an hour than the fuse lets, however they come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(120), { maxLength: 60 }),
        fc.integer({ min: 1, max: 200 }),
        (arrivals, lifecycles) => {
          const MINUTE = 60_000;
          const acts: { name: string; at: number }[] = [];
          let open = arrivals.map((at, number) => wedged(`w-${number}`, { since: T + at * MINUTE }));
          for (let nowMs = T; nowMs < T + 300 * MINUTE; nowMs += 5 * MINUTE) {
            const now = open.filter(({ since }) => since <= nowMs);
            const lately = acts.filter(({ at }) => at > nowMs - 60 * MINUTE).map(({ name }) => name);
            const { judged } = judge(now, { lifecycles, nowMs, actedOn: new Set(lately) });
            const due = new Set(judged.filter(({ verdict }) => verdict === 'replace').map(workerKeyText));
            open = open.filter((each) => !due.has(workerKeyText(each)));
            acts.push(...[...due].map((name) => ({ name, at: nowMs })));
            const inHour = acts.filter(({ at }) => at > nowMs - 60 * MINUTE);
            expect(inHour.length).toBeLessThanOrEqual(Math.max(MAX_WEDGED, MAX_WEDGED_PART * lifecycles));
          }
        },
      ),
      seededRuns,
    );
  });
});
