import { describe, expect, test } from '@jest/globals';
import { isMissedTwice, missedStrays, type StrayFacts, type StrayLifecycle } from '../../../domain/stray-lifecycles.js';
import type { TaggedListing } from '../../../domain/tagged-things.js';

const T = 100_000_000;
const MINUTE = 60_000;
const stray = (changes: Partial<StrayLifecycle> = {}): StrayLifecycle => ({
  ...{ workerPoolId: 'proj/pool', workerGroup: 'here', workerId: 'a', providerId: 'cloud' },
  ...{ startedAt: T - 5 * MINUTE, missedSince: null },
  ...changes,
});
const listing = (workerIds: readonly string[], changes: Partial<TaggedListing> = {}): TaggedListing => ({
  ...{ providerId: 'cloud', isComplete: true },
  things: workerIds.map((workerId) => ({
    ...{ providerId: 'cloud', thingId: workerId, workerGroup: 'here', workerId },
    ...{ location: { account: null, region: 'here', group: null }, steps: ['instance'], resourceIds: [] },
    ...{ isMachine: true, launchToken: null, isOurs: false },
  })),
  ...changes,
});
const missed = (changes: Partial<StrayFacts> = {}) =>
  missedStrays({
    ...{ strays: [stray()], listings: [listing(['b'])], withoutMachines: new Set(['static']), begunAt: T },
    ...changes,
  });

describe('missedStrays', () => {
  test('missedStrays gives a lifecycle whose machine no list shows, since the first of these lists', () => {
    expect(missed()).toEqual([stray({ missedSince: T })]);
    expect(missed({ strays: [stray({ missedSince: T - MINUTE })] })).toMatchObject([{ missedSince: T - MINUTE }]);
  });

  test('missedStrays leaves a lifecycle whose machine is listed by any provider, ours or not', () => {
    expect(missed({ listings: [listing(['b']), listing(['a'], { providerId: 'another' })] })).toEqual([]);
  });

  test('missedStrays gives nothing while one list is incomplete', () => {
    const other = listing([], { providerId: 'another', isComplete: false });
    expect(missed({ listings: [listing(['b']), other] })).toEqual([]);
  });

  test('missedStrays leaves a lifecycle for five minutes after its start: lists show new machines late', () => {
    expect(missed({ strays: [stray({ startedAt: T - 5 * MINUTE + 1 })] })).toEqual([]);
  });

  test('missedStrays leaves a lifecycle of a provider that is not listed, or that nobody names', () => {
    for (const providerId of ['not configured', null]) expect(missed({ strays: [stray({ providerId })] })).toEqual([]);
  });

  test('missedStrays gives a lifecycle of a provider without machines', () => {
    expect(missed({ strays: [stray({ providerId: 'static' })] })).toHaveLength(1);
  });
});

test('isMissedTwice says yes when the first list without the machine began a minute before this one', () => {
  const since = (missedSince: number) => isMissedTwice({ ...stray(), missedSince }, T);
  expect([since(T), since(T - MINUTE + 1), since(T - MINUTE)]).toEqual([false, false, true]);
});
