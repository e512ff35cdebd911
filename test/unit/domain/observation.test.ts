import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  compareScan,
  type KnownWorker,
  afterRead,
  notStarted,
  NOT_FOUND,
  LISTED_AFTER_MS,
  ABSENCE_INTERVAL_MS,
  REPEAT_SIGNAL_MS,
  RETRY_SIGNAL_MS,
  signalRefused,
  type ScanComparison,
  type ScanNote,
  type SeenMachine,
} from '../../../domain/observation.js';
import { seededRuns } from '../../support/seeded-random.js';

const key = { workerPoolId: 'proj/pool', workerGroup: 'here', workerId: 'w' };
const T = 10_000_000;
const worker = (state: KnownWorker['state'], created = 0): KnownWorker => ({ ...key, state, created });
const machine = (state: SeenMachine['state'], resources: SeenMachine['resources'] = {}): SeenMachine => ({
  workerGroup: 'here',
  workerId: 'w',
  state,
  reason: null,
  launchToken: 'token',
  resources,
});
type TestScan = Parameters<typeof compareScan<KnownWorker>>[0];
const scan = (changes: Partial<TestScan> & { complete?: boolean }): ScanComparison<KnownWorker> => {
  const { complete = true, ...others } = changes;
  const given = { completeFor: () => complete, stepwise: false, begunAt: T, nowMs: T };
  return compareScan({ workers: [], machines: [], notes: [], ...given, ...others });
};
const missedBy = (changes: Partial<TestScan> & { complete?: boolean }) =>
  scan(changes).missing.map(({ worker }) => worker);
const noteOf = (note: Pick<ScanNote, 'noted' | 'since' | 'signalledAt'> & Partial<ScanNote>): ScanNote => ({
  ...key,
  nextSignalAt: null,
  signalFailures: 0,
  ...note,
});
const missingSince = (since: number): ScanNote => noteOf({ noted: 'missing', since, signalledAt: null });
/** Delivered, for the first time. */
const signalledAt = (noted: string, signalledAt: number, since = signalledAt): ScanNote =>
  noteOf({ noted, since, signalledAt, nextSignalAt: signalledAt + REPEAT_SIGNAL_MS });

describe('compareScan: a machine that a scan shows', () => {
  test.each([
    ['requested', 'pending', false],
    ['requested', 'running', false],
    ['requested', 'failed', true],
    ['requested', 'stopping', true],
    ['requested', 'gone', true],
    ['running', 'pending', false],
    ['running', 'running', false],
    ['running', 'failed', true],
    ['running', 'stopping', true],
    ['running', 'gone', true],
    ['stopping', 'pending', false],
    ['stopping', 'running', false],
    ['stopping', 'failed', false],
    ['stopping', 'stopping', false],
    ['stopping', 'gone', true],
  ] as const)('a machine of a %s worker that a scan shows as %s is signalled: %s', (of, state, changed) => {
    const { changes, notes } = scan({ workers: [worker(of)], machines: [machine(state)] });
    expect(changes).toHaveLength(changed ? 1 : 0);
    expect(notes).toEqual(changed ? [signalledAt(state, T)] : []);
  });

  test('a machine that is well again loses its note', () => {
    const { clear, changes } = scan({
      workers: [worker('running')],
      machines: [machine('running')],
      notes: [missingSince(T - 1)],
    });
    expect([clear, changes]).toEqual([[key], []]);
  });

  test('a machine is signalled again only after 60 seconds, and the note keeps its beginning', () => {
    const notes = [signalledAt('gone', T - REPEAT_SIGNAL_MS + 1, 5)];
    const given = { workers: [worker('running')], machines: [machine('gone')], notes };
    expect(scan(given)).toMatchObject({ changes: [], notes: [] });
    const later = scan({ ...given, nowMs: T + 1 });
    expect(later.changes).toHaveLength(1);
    expect(later.notes).toEqual([{ ...notes[0], signalledAt: T + 1, nextSignalAt: T + 1 + 2 * REPEAT_SIGNAL_MS }]);
  });

  test('a machine is signalled ever more rarely while nothing changes, and at least every ten minutes', () => {
    const given = { workers: [worker('running')], machines: [machine('gone')] };
    const gaps: number[] = [];
    for (let now = T, last = T, notes: readonly ScanNote[] = []; now < T + 60 * 60_000; now += 10_000) {
      const { changes, notes: next } = scan({ ...given, notes, begunAt: now, nowMs: now });
      if (changes.length === 0) continue;
      gaps.push(now - last);
      [last, notes] = [now, next];
    }
    const minutes = gaps.map((gap) => gap / 60_000);
    expect(minutes).toEqual([0, 1, 2, 4, 8, 10, 10, 10, 10]);
  });

  test('a machine whose lifecycle rejects signals is tried again after 10 seconds, doubling to 10 minutes, whatever it shows', () => {
    const workers = [worker('running')];
    let before: ScanNote | undefined;
    const waits = [];
    for (let failures = 0; failures < 9; failures += 1) {
      const [signalled] = scan({ workers, machines: [machine('gone')] }).notes;
      before = signalRefused(signalled!, before, T);
      waits.push((before.nextSignalAt! - T) / 1_000);
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 320, 600, 600, 600]);
    const next = before!.nextSignalAt!;
    for (const state of ['gone', 'stopping'] as const) {
      const given = { workers, machines: [machine(state)], notes: [before!] };
      expect(scan({ ...given, nowMs: next - 1 }).changes).toEqual([]);
      const again = scan({ ...given, nowMs: next });
      expect(again.changes).toMatchObject([{ note: before }]);
      expect(again.notes).toMatchObject([{ signalFailures: 0, nextSignalAt: next + REPEAT_SIGNAL_MS }]);
    }
  });

  test('a machine whose lifecycle has not started yet is signalled again after 60 seconds each time', () => {
    const given = { workers: [worker('running')], machines: [machine('gone')] };
    let { notes } = scan(given);
    for (let now = T; now < T + 5 * REPEAT_SIGNAL_MS; now += REPEAT_SIGNAL_MS) {
      notes = [notStarted(notes[0]!, now)];
      expect(scan({ ...given, notes, nowMs: now + REPEAT_SIGNAL_MS - 1 }).changes).toEqual([]);
      ({ notes } = scan({ ...given, notes, nowMs: now + REPEAT_SIGNAL_MS }));
      expect(notes).toMatchObject([{ signalledAt: now + REPEAT_SIGNAL_MS, nextSignalAt: now + 2 * REPEAT_SIGNAL_MS }]);
    }
  });

  test('a machine in another state than the one signalled is signalled at once', () => {
    const notes = [signalledAt('stopping', T)];
    expect(scan({ workers: [worker('running')], machines: [machine('gone')], notes }).changes).toHaveLength(1);
  });

  test('a machine that belongs to no live worker is unowned, unless it is already being removed', () => {
    const states = ['pending', 'running', 'failed', 'stopping', 'gone'] as const;
    const machines = states.map((state) => ({ ...machine(state), workerId: state }));
    expect(scan({ machines }).unowned.map(({ workerId }) => workerId)).toEqual(['pending', 'running', 'failed']);
    expect(scan({ workers: [worker('running')], machines: [machine('running')] }).unowned).toEqual([]);
    // The same name in another group is another machine.
    const elsewhere = { ...machine('running'), workerGroup: 'there' };
    expect(scan({ workers: [worker('running')], machines: [elsewhere] }).unowned).toEqual([elsewhere]);
  });
});

describe('compareScan: a machine that is built step by step', () => {
  const built = machine('pending', { publicIp: 'running', networkInterface: 'pending' });
  const next = machine('pending', { publicIp: 'running', networkInterface: 'running' });
  const noteAfter = (of: KnownWorker['state'], seen: SeenMachine) =>
    scan({ workers: [worker(of)], machines: [seen] }).notes[0]!;

  test('a lifecycle is signalled once of every step while its machine is built', () => {
    const notes = [noteAfter('requested', built)];
    const workers = [worker('requested')];
    expect(scan({ workers, machines: [built] }).changes).toHaveLength(1);
    expect(scan({ workers, machines: [built], notes, nowMs: T + 10 * REPEAT_SIGNAL_MS }).changes).toEqual([]);
    expect(scan({ workers, machines: [next], notes }).changes).toHaveLength(1);
  });

  test('a lifecycle is signalled once that its machine is complete, and repeatedly that it has failed', () => {
    const workers = [worker('requested')];
    const again = (seen: SeenMachine) =>
      scan({ workers, machines: [seen], notes: [noteAfter('requested', seen)], nowMs: T + REPEAT_SIGNAL_MS }).changes;
    const { resources } = next;
    expect(noteAfter('requested', machine('running', resources)).nextSignalAt).toBeNull();
    expect(again(machine('running', resources))).toEqual([]);
    for (const state of ['failed', 'stopping', 'gone'] as const) {
      expect(again(machine(state, resources))).toHaveLength(1);
    }
  });

  test('a lifecycle is signalled of a step only when one has changed, in whatever order the steps are listed', () => {
    const reordered = machine('pending', { networkInterface: 'pending', publicIp: 'running' });
    const noted = 'requested pending networkInterface=pending publicIp=running';
    expect([noteAfter('requested', built).noted, noteAfter('requested', reordered).noted]).toEqual([noted, noted]);
  });

  test('a lifecycle is not signalled of steps while its machine runs', () => {
    expect(scan({ workers: [worker('running')], machines: [machine('running', next.resources)] }).changes).toEqual([]);
  });

  test('a lifecycle is signalled of every step while its machine is removed, and again after 60 seconds', () => {
    const workers = [worker('stopping')];
    const left = machine('stopping', { publicIp: 'running', vm: 'gone' });
    const notes = [noteAfter('stopping', left)];
    expect(scan({ workers, machines: [left] }).changes).toHaveLength(1);
    expect(scan({ workers, machines: [left], notes }).changes).toEqual([]);
    expect(scan({ workers, machines: [left], notes, nowMs: T + REPEAT_SIGNAL_MS }).changes).toHaveLength(1);
    expect(scan({ workers, machines: [machine('stopping', { publicIp: 'gone' })], notes }).changes).toHaveLength(1);
  });

  test('a lifecycle that stops is signalled once more what it was signalled before: it reads it differently now', () => {
    const notes = [noteAfter('requested', built)];
    expect(scan({ workers: [worker('stopping')], machines: [built], notes }).changes).toHaveLength(1);
  });
});

describe('compareScan: a machine that a scan does not show', () => {
  const workers = [worker('running', T - LISTED_AFTER_MS)];

  test('a machine that the first complete scan does not show is noted, and nothing more', () => {
    expect(scan({ workers })).toEqual({
      changes: [],
      missing: [],
      notes: [missingSince(T)],
      clear: [],
      unowned: [],
    });
  });

  test.each([
    ['an incomplete scan', { complete: false, notes: [missingSince(0)] }],
    ['a scan less than 5 minutes after the launch', { begunAt: T - 1, notes: [missingSince(0)] }],
    ['a scan less than 60 seconds after the first', { notes: [missingSince(T - ABSENCE_INTERVAL_MS + 1)] }],
    ['the first scan after it was seen', { notes: [signalledAt('stopping', 0)] }],
  ])('a machine is not missing after %s', (_what, changes) => {
    expect(missedBy({ workers, ...changes })).toEqual([]);
  });

  test('a machine keeps the note of the first scan until it is missing', () => {
    for (const since of [T - ABSENCE_INTERVAL_MS + 1, T - ABSENCE_INTERVAL_MS]) {
      expect(scan({ workers, notes: [missingSince(since)] }).notes).toEqual([]);
    }
  });

  test('a machine is missing after a second complete scan 60 seconds after the first', () => {
    expect(missedBy({ workers, notes: [missingSince(T - ABSENCE_INTERVAL_MS)] })).toEqual(workers);
  });
});

describe('compareScan: a machine built step by step that a scan does not show', () => {
  const scan2 = (changes: Parameters<typeof scan>[0]) => scan({ stepwise: true, ...changes });

  test('a running worker shown without its VM counts as missed, and a read by id decides', () => {
    const parts = machine('pending', { networkInterface: 'running' });
    const first = scan2({ workers: [worker('running')], machines: [parts] });
    expect([first.changes, first.missing]).toEqual([[], []]);
    expect(first.notes).toEqual([missingSince(T)]);
    const later = scan2({
      workers: [worker('running')],
      machines: [parts],
      notes: first.notes,
      begunAt: T + ABSENCE_INTERVAL_MS,
    });
    expect(later.missing.map(({ worker: { workerId } }) => workerId)).toEqual(['w']);
    expect(later.unowned).toEqual([]);
  });

  test.each([
    ['of a requested worker', 'requested', machine('pending', { networkInterface: 'running' })],
    ['of a stopping worker', 'stopping', machine('pending', { networkInterface: 'running' })],
    ['that has failed', 'running', machine('failed', { networkInterface: 'running' })],
  ] as const)(
    'a machine %s is not missed when all of its parts are shown: its lifecycle is signalled',
    (_case, state, parts) => {
      expect(scan2({ workers: [worker(state)], machines: [parts] }).changes).toHaveLength(1);
    },
  );

  test.each([
    ['runs', machine('running', { vm: 'running' })],
    ['has parts of which one is still being built', machine('pending', { vm: 'running', networkInterface: 'pending' })],
    ['has parts of which none is there any more', machine('pending', { vm: 'gone' })],
  ])('the machine of a running worker, shown, that %s is not missed', (_case, parts) => {
    expect(scan2({ workers: [worker('running')], machines: [parts] })).toMatchObject({ notes: [], changes: [] });
  });

  test('a machine built step by step is missing at once while it is removed, whenever it was launched, and nowhere else', () => {
    const workers = [worker('stopping', T - 1)];
    expect(scan2({ workers })).toMatchObject({ missing: [{ worker: workers[0] }], notes: [missingSince(T)] });
    expect(scan2({ workers, complete: false })).toMatchObject({ missing: [], notes: [] });
    expect(scan({ workers })).toMatchObject({ missing: [], notes: [] });
    expect(scan2({ workers: [worker('running', T - 1)] })).toMatchObject({ missing: [], notes: [] });
  });

  test('a machine is not missing while it is requested and no scan has shown it yet', () => {
    expect(scan2({ workers: [worker('requested')] })).toMatchObject({ missing: [], notes: [] });
  });

  test('a machine built step by step is missing as any other after a scan has shown it, and while it runs', () => {
    const shown = signalledAt('requested pending publicIp=running', 0);
    expect(scan2({ workers: [worker('requested')], notes: [shown] }).notes).toEqual([missingSince(T)]);
    for (const state of ['requested', 'running'] as const) {
      expect(scan2({ workers: [worker(state)], notes: [missingSince(T - 1)] }).missing).toEqual([]);
      const workers = [worker(state)];
      expect(scan2({ workers, notes: [missingSince(T - ABSENCE_INTERVAL_MS)] }).missing).toHaveLength(1);
    }
  });

  test('a machine is reported to its removal by complete scans only, unless it is gone', () => {
    const left = machine('stopping', { vm: 'gone', networkInterface: 'running' });
    const given = { workers: [worker('stopping')], complete: false };
    expect(scan2({ ...given, machines: [left] }).changes).toEqual([]);
    expect(scan2({ ...given, machines: [machine('gone', { vm: 'gone' })] }).changes).toHaveLength(1);
    const failed = { ...given, machines: [machine('failed', { vm: 'failed' })] };
    expect(scan2(failed).changes).toEqual([]);
    expect(scan2({ ...failed, workers: [worker('running')] }).changes).toHaveLength(1);
  });
});

describe('reads by id', () => {
  const other = (workerId: string, since: number, signalledAt: number | null) => ({
    worker: { ...worker('running'), workerId },
    note: { ...missingSince(since), workerId, signalledAt },
  });

  test('reads by id go first to the machine that has waited longest for one', () => {
    const rows = [other('asked late', 1, T - 1), other('asked early', 9, T - 5), other('never asked', 3, null)];
    const given = { workers: rows.map(({ worker }) => worker), notes: rows.map(({ note }) => note) };
    expect(missedBy(given).map(({ workerId }) => workerId)).toEqual(['never asked', 'asked early', 'asked late']);
  });

  test('a read by id without a verdict is repeated by the next scan, one that found nothing after 60 seconds', () => {
    const note = missingSince(T - ABSENCE_INTERVAL_MS);
    const workers = [worker('running')];
    const after = (gone: boolean, nowMs: number) => missedBy({ workers, notes: [afterRead(note, gone, T)], nowMs });
    expect(after(false, T + 1)).toEqual(workers);
    expect(after(true, T + REPEAT_SIGNAL_MS - 1)).toEqual([]);
    expect(after(true, T + REPEAT_SIGNAL_MS)).toEqual(workers);
    const found = { ...note, noted: NOT_FOUND, signalledAt: T, nextSignalAt: T + REPEAT_SIGNAL_MS };
    expect(afterRead(note, true, T)).toEqual(found);
    expect(afterRead(found, true, T).nextSignalAt).toBe(T + 2 * REPEAT_SIGNAL_MS);
    expect(afterRead(afterRead(note, false, T), true, T).nextSignalAt).toBe(T + REPEAT_SIGNAL_MS);
  });

  test('reads by id are noted in words that stay', () => {
    const note = missingSince(T);
    expect([afterRead(note, false, T).noted, afterRead(note, true, T).noted]).toEqual(['missing', 'not found']);
  });

  test('a read by id whose signal the lifecycle rejected is repeated once the backoff ends, whatever it found', () => {
    const note = missingSince(T - ABSENCE_INTERVAL_MS);
    const workers = [worker('running')];
    for (const gone of [false, true]) {
      const refused = signalRefused(afterRead(note, gone, T), undefined, T);
      expect(missedBy({ workers, notes: [refused], nowMs: T + RETRY_SIGNAL_MS - 1 })).toEqual([]);
      expect(missedBy({ workers, notes: [refused], nowMs: T + RETRY_SIGNAL_MS })).toEqual(workers);
    }
  });
});

describe('compareScan: whatever a provider’s scans show', () => {
  interface Step {
    afterMs: number;
    complete: boolean;
    shows: string;
    of: KnownWorker['state'];
  }

  const step: fc.Arbitrary<Step> = fc.record<Step>({
    afterMs: fc.integer({ min: 0, max: 120_000 }),
    complete: fc.boolean(),
    shows: fc.constantFrom('nothing', 'pending', 'running', 'failed', 'stopping', 'gone', 'step by step'),
    of: fc.constantFrom('requested', 'running', 'stopping'),
  });

  /** Scans one after the other, with the notes that the ones before left. */
  function* scans(steps: readonly Step[]) {
    let now = 0;
    let notes: ScanNote[] = [];
    for (const { afterMs, complete, shows, of } of steps) {
      now += afterMs;
      const seen = shows === 'step by step' ? machine('pending', { vm: 'pending' }) : machine(shows as 'gone');
      const machines = shows === 'nothing' ? [] : [seen];
      const found = scan({ workers: [worker(of)], machines, notes, complete, begunAt: now, nowMs: now });
      yield { now, complete, shows, found };
      if (found.clear.length > 0) notes = [];
      if (found.notes.length > 0) notes = [...found.notes];
    }
  }

  test('a machine is missing only after two complete scans in a row without it, 60 s apart, 5 min after the launch', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
        let firstWithout: number | null = null;
        for (const { now, complete, shows, found } of scans(steps)) {
          if (shows !== 'nothing') firstWithout = null;
          const proven =
            complete && now >= LISTED_AFTER_MS && firstWithout !== null && now >= firstWithout + ABSENCE_INTERVAL_MS;
          if (found.missing.length > 0) expect(proven && shows === 'nothing').toBe(true);
          if (shows === 'nothing' && complete && now >= LISTED_AFTER_MS) firstWithout ??= now;
        }
      }),
      seededRuns,
    );
  });

  test('an unchanged machine is not signalled twice within 60 seconds', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
        let last = null as { at: number; shows: string } | null;
        for (const { now, shows, found } of scans(steps.map((each) => ({ ...each, of: 'running' as const })))) {
          if (found.changes.length === 0) {
            if (shows !== last?.shows) last = null;
            continue;
          }
          if (last?.shows === shows) expect(now - last.at).toBeGreaterThanOrEqual(REPEAT_SIGNAL_MS);
          last = { at: now, shows };
        }
      }),
      seededRuns,
    );
  });
});
