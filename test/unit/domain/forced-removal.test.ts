import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  decideForcedRemovals,
  type ForcedRemovalCandidate,
  type ForcedRemovalInput,
} from '../../../domain/forced-removal.js';
import { seededRuns } from '../../support/seeded-random.js';

const candidate = (workerId: string, changes: Partial<ForcedRemovalCandidate> = {}): ForcedRemovalCandidate => ({
  ...{ workerGroup: 'here', workerId, capacity: 1, created: 0, archived: false, ofFormerProvider: false, busy: true },
  ...changes,
});
const several = (count: number, changes: Partial<ForcedRemovalCandidate> = {}) =>
  Array.from({ length: count }, (_, number) => candidate(`w-${String(number).padStart(3, '0')}`, changes));
const decide = (candidates: readonly ForcedRemovalCandidate[], changes: Partial<ForcedRemovalInput> = {}) =>
  decideForcedRemovals({
    ...{ candidates, runningMachines: candidates.length, stoppingMachines: 0, excessCapacity: 0 },
    ...changes,
  });
const idsOf = (...of: Parameters<typeof decide>) => decide(...of).map(({ workerId }) => workerId);

const anyCandidate = fc.record({
  capacity: fc.integer({ min: 1, max: 4 }),
  created: fc.nat(9),
  archived: fc.boolean(),
  ofFormerProvider: fc.boolean(),
  busy: fc.constantFrom(true, false, null),
});
const anyCandidates = fc
  .array(anyCandidate, { maxLength: 60 })
  .map((all) => all.map((each, number) => candidate(`w-${number}`, each)));

describe('decideForcedRemovals', () => {
  test('decideForcedRemovals removes nobody while nothing is too many and nothing was replaced', () => {
    expect(decide(several(30, { busy: false }))).toEqual([]);
    expect(decide(several(30), { excessCapacity: -5 })).toEqual([]);
  });

  test('decideForcedRemovals says why each goes', () => {
    const candidates = [
      candidate('a', { ofFormerProvider: true, archived: true }),
      candidate('b', { archived: true }),
      ...several(28),
    ];
    expect(decide(candidates, { excessCapacity: 3 })).toEqual([
      { workerGroup: 'here', workerId: 'a', reason: 'its provider was replaced' },
      { workerGroup: 'here', workerId: 'b', reason: 'its launch config was archived' },
      { workerGroup: 'here', workerId: 'w-000', reason: 'above the maximum' },
    ]);
  });

  test('decideForcedRemovals removes a tenth of those that run, less what is stopping, and one of a few', () => {
    const archived = several(50, { archived: true });
    expect(idsOf(archived)).toHaveLength(5);
    expect(idsOf(archived, { stoppingMachines: 2 })).toHaveLength(3);
    expect(idsOf(archived, { stoppingMachines: 9 })).toHaveLength(0);
    expect(idsOf(archived.slice(0, 3))).toHaveLength(1);
    expect(idsOf(archived.slice(0, 3), { stoppingMachines: 1 })).toHaveLength(0);
  });

  test('decideForcedRemovals begins with idle workers, then those the queue says nothing of, then the oldest', () => {
    const candidates = [
      candidate('busy', { archived: true, created: 1 }),
      candidate('unknown', { archived: true, busy: null, created: 5 }),
      candidate('idle', { archived: true, busy: false, created: 9 }),
      candidate('older', { archived: true, busy: false, created: 8 }),
    ];
    expect(idsOf(candidates, { runningMachines: 40 })).toEqual(['older', 'idle', 'unknown', 'busy']);
  });

  test('decideForcedRemovals counts replaced workers as gone before it finds others too many', () => {
    const candidates = [
      ...several(5, { archived: true }),
      ...several(5, { busy: false }).map((each) => ({ ...each, workerId: `current-${each.workerId}` })),
    ];
    const removed = idsOf(candidates, { runningMachines: 100, excessCapacity: 5 });
    expect(removed).toHaveLength(5);
    expect(removed.filter((workerId) => workerId.startsWith('current'))).toEqual([]);
  });

  test('decideForcedRemovals never removes more at once than the tenth, and only what may go', () => {
    fc.assert(
      fc.property(
        anyCandidates,
        fc.nat(8),
        fc.integer({ min: -20, max: 40 }),
        (candidates, stoppingMachines, excessCapacity) => {
          const runningMachines = candidates.length;
          const removed = new Set(idsOf(candidates, { stoppingMachines, excessCapacity }));
          const atOnce = Math.max(1, Math.floor(runningMachines / 10));
          expect(removed.size + (removed.size > 0 ? stoppingMachines : 0)).toBeLessThanOrEqual(atOnce);
          const gone = candidates.filter(({ workerId }) => removed.has(workerId));
          const current = gone.filter(({ archived, ofFormerProvider }) => !archived && !ofFormerProvider);
          if (excessCapacity <= 0) expect(current).toEqual([]);
          const left = candidates.filter(({ workerId }) => !removed.has(workerId));
          const isReplacedIdle = (each: ForcedRemovalCandidate) =>
            (each.archived || each.ofFormerProvider) && each.busy === false;
          if (gone.some(({ busy }) => busy === true)) expect(left.some(isReplacedIdle)).toBe(false);
        },
      ),
      seededRuns,
    );
  });

  test('decideForcedRemovals, repeated, comes to the maximum and ends all that was replaced, and goes no further', () => {
    fc.assert(
      fc.property(anyCandidates, fc.nat(80), (candidates, maxCapacity) => {
        let running = [...candidates];
        const sum = (of: readonly ForcedRemovalCandidate[]) => of.reduce((total, { capacity }) => total + capacity, 0);
        for (let wave = 0; ; wave += 1) {
          const removed = new Set(idsOf(running, { excessCapacity: sum(running) - maxCapacity }));
          if (removed.size === 0) break;
          expect(wave).toBeLessThan(candidates.length);
          running = running.filter(({ workerId }) => !removed.has(workerId));
        }
        expect(running.filter(({ archived, ofFormerProvider }) => archived || ofFormerProvider)).toEqual([]);
        expect(sum(running)).toBeLessThanOrEqual(maxCapacity);
        const current = candidates.filter(({ archived, ofFormerProvider }) => !archived && !ofFormerProvider);
        const largest = Math.max(0, ...current.map(({ capacity }) => capacity));
        expect(sum(running)).toBeGreaterThan(Math.min(sum(current), maxCapacity) - Math.max(1, largest));
      }),
      seededRuns,
    );
  });
});
