import { describe, expect, test } from '@jest/globals';
import type { BackoffData } from '../../../../domain/evidence.js';
import { evidenceAt } from '../../../../domain/explain/evidence-at.js';
import { explainPool } from '../../../../domain/explain/explain.js';
import { changesIn, explainRange } from '../../../../domain/explain/range.js';
import type { LaunchRecord, PoolRecords, WorkerEventRecord } from '../../../../domain/explain/records.js';
import { LAUNCHES_NOTHING } from '../../../../domain/pool-status.js';
import { AT } from '../../../support/pool-evidence.js';
import {
  entry,
  pollRecord,
  poolRecords,
  reconciliation,
  revisionRecord,
  spanRecord,
} from '../../../support/pool-records.js';

/** Each ten seconds around the instant. */
const polls = (fields: Parameters<typeof pollRecord>[1] = {}, count = 30) =>
  Array.from({ length: count }, (_, index) => pollRecord(AT - 200_000 + index * 10_000, fields));

const launch: LaunchRecord = {
  ...{ token: 'run.0.0', launchConfigId: 'lc-a', providerId: 'aws', region: 'us-east-1', machines: 5, capacity: 5 },
  ...{ created: AT - 5_000, closed: null, failed: false, inDoubtSince: null },
};
const event = (key: string, at: number, fields: Partial<WorkerEventRecord> = {}): WorkerEventRecord => ({
  ...{ key, at, event: 'requested', capacity: 1, launchToken: 'run.0.0', launchConfigId: 'lc-a', from: null },
  ...fields,
});
const attempt = {
  id: 991,
  begun: AT - 3_000,
  ended: AT - 1_000,
  launchToken: 'run.0.0',
  waitedMs: 0,
  requestId: 'req-1f',
};

const at = (records: Partial<PoolRecords>, instant = AT) =>
  evidenceAt(poolRecords({ polls: polls(), ...records }), instant);
const explained = (records: Partial<PoolRecords>, instant = AT) => explainPool(at(records, instant), instant);

describe('evidence at an instant', () => {
  test('evidence has the poll before the instant and the one after it', () => {
    expect(at({}, AT + 4_000)).toMatchObject({
      poll: { at: AT, since: AT - 200_000, counts: { pendingTasks: 41, claimedTasks: 0 } },
      nextPoll: { at: AT + 10_000 },
    });
  });

  test('evidence of a pool that no poll has read has what its reconciliation read', () => {
    const inputs = {
      ...{ providerId: 'aws', pendingTasks: 41, claimedTasks: 0, minCapacity: 0, maxCapacity: 100, scalingRatio: 1 },
      ...{ requestedCapacity: 0, runningCapacity: 3, stoppingCapacity: 1, quarantinedCapacity: 0, inDoubtCapacity: 0 },
      currentCapacity: 3,
    };
    const records = {
      revisions: [revisionRecord(AT - 3_000)],
      polls: [pollRecord(AT - 8_000, { entry: null }), pollRecord(AT + 2_000)],
      reconciliations: [reconciliation(AT - 1_000, { inputs })],
    };
    expect(at(records)).toMatchObject({
      poll: { at: AT - 1_100, counts: { pendingTasks: 41, claimedTasks: 0 }, source: { kind: 'decision', id: '4711' } },
      nextPoll: { at: AT + 2_000 },
      capacity: { runningCapacity: 3, stoppingCapacity: 1 },
    });
    expect(explained(records).cause).toBe('launching');
    expect(explained(records, AT - 1_001)).toMatchObject({
      cause: 'not-evaluated',
      sentence: 'The pool is new: its definition is of 12:01:27, and its queue was first read at 12:01:32.',
    });
    expect(explained({ ...records, polls: records.polls.slice(0, 1) }, AT - 1_001).sentence).toBe(
      'The pool is new: its definition is of 12:01:27, and nobody had read its queue yet.',
    );
  });

  test('evidence has the definition of that instant', () => {
    const revisions = [revisionRecord(0), revisionRecord(AT, { id: 8, action: 'deleted' })];
    expect(at({ revisions }, AT - 1).pool).toMatchObject({ maxCapacity: 100 });
    expect(at({ revisions })).toMatchObject({ pool: null, deletion: { who: 'ops', at: AT } });
  });

  test('evidence counts a launch as requested from its reservation until its machines have rows, and these then', () => {
    const machines = ['g/i-1', 'g/i-2', 'g/i-3', 'g/i-4', 'g/i-5'];
    const records = {
      polls: polls({}, 20),
      launches: [{ ...launch, closed: AT }],
      workerEvents: [
        ...machines.map((key) => event(key, AT)),
        event('g/i-1', AT + 1_000, { event: 'registered' }),
        event('g/i-1', AT + 2_000, { event: 'stopping', from: 'running' }),
        event('g/i-1', AT + 3_000, { event: 'stopped', from: 'stopping' }),
      ],
    };
    const capacityAt = (instant: number) => {
      const { requestedCapacity, runningCapacity, stoppingCapacity } = at(records, instant).capacity;
      return [requestedCapacity, runningCapacity, stoppingCapacity];
    };
    expect(capacityAt(AT - 6_000)).toEqual([0, 0, 0]);
    expect(capacityAt(AT - 5_000)).toEqual([5, 0, 0]);
    expect(capacityAt(AT)).toEqual([5, 0, 0]);
    expect(capacityAt(AT + 1_000)).toEqual([4, 1, 0]);
    expect(capacityAt(AT + 2_000)).toEqual([4, 0, 1]);
    expect(capacityAt(AT + 3_000)).toEqual([4, 0, 0]);
    expect(at(records, AT + 1_000).booting).toMatchObject([{ machines: 4, requestedAt: AT }]);
  });

  test('evidence counts a launch that failed as requested until then', () => {
    const launches = [{ ...launch, closed: AT, failed: true }];
    expect(at({ polls: polls({}, 20), launches }, AT - 1).capacity.requestedCapacity).toBe(5);
    expect(at({ polls: polls({}, 20), launches }).capacity.requestedCapacity).toBe(0);
  });

  test('evidence has a launch in doubt from the attempt on whose answer was lost', () => {
    const records = { launches: [launch], attempts: [{ ...attempt, result: 'Unavailable' }] };
    expect(at(records, AT - 1_001).openLaunches).toMatchObject([{ inDoubtSince: null }]);
    expect(at(records).openLaunches).toMatchObject([{ inDoubtSince: AT - 1_000, isOverdue: false }]);
    expect(at({ ...records, polls: polls({}, 40) }, AT + 120_000).openLaunches).toMatchObject([{ isOverdue: true }]);
  });

  test('evidence has a launch that waits for its place among the calls to a cloud', () => {
    const waits = { ...attempt, begun: AT + 2_000, ended: AT + 3_000, waitedMs: 4_000, result: 'ok' };
    expect(at({ launches: [launch], attempts: [waits] }).openLaunches).toMatchObject([
      { waitsForCalls: { bucket: 'aws/us-east-1/create', until: AT + 2_000 } },
    ]);
    const pause = spanRecord({
      ...{ kind: 'call-pause', subject: 'account/us-east-1/create', begins: AT - 1_000, ends: AT + 9_000 },
      data: { left: 0 },
    });
    expect(at({ launches: [launch], spans: [pause] }).openLaunches).toMatchObject([
      { waitsForCalls: { bucket: 'account/us-east-1/create', until: AT + 9_000 } },
    ]);
  });

  test('evidence has no launch in doubt while the answer to its attempt may still come', () => {
    const attempted = { ...launch, closed: AT + 120_000, inDoubtSince: AT - 5_000 };
    const records = { launches: [attempted], polls: polls({}, 40) };
    expect(at(records).openLaunches).toMatchObject([{ inDoubtSince: null }]);
    expect(at(records, AT + 34_999).openLaunches).toMatchObject([{ inDoubtSince: null }]);
    expect(at(records, AT + 35_000).openLaunches).toMatchObject([{ inDoubtSince: AT - 5_000 }]);
  });

  test('evidence has a launch that did not get its place waiting until its next attempt', () => {
    const refused = { ...attempt, result: 'Throttled' };
    const next = { ...attempt, id: 992, begun: AT + 8_000, ended: AT + 9_000, result: 'ok' };
    const known = at({ launches: [launch], attempts: [refused, next] }).openLaunches;
    expect(known).toMatchObject([{ waitsForCalls: { bucket: 'aws/us-east-1/create', until: AT + 8_000 } }]);
    const unknown = at({ launches: [launch], attempts: [refused] }).openLaunches;
    expect(unknown).toMatchObject([{ waitsForCalls: { bucket: 'aws/us-east-1/create', until: null } }]);
    const refusedLater = at({ launches: [launch], attempts: [refused] }, AT - 1_001).openLaunches;
    expect(refusedLater).toMatchObject([{ waitsForCalls: null }]);
  });

  test('evidence has how long machines took to register that had registered by then', () => {
    const registrations = [
      { at: AT - 60_000, tookMs: 90_000 },
      { at: AT - 30_000, tookMs: 100_000 },
      { at: AT + 1_000, tookMs: 9_000_000 },
    ];
    const medianAt = (instant: number) => at({ registrations }, instant).medianRegistrationMs;
    expect(medianAt(AT - 60_001)).toBeNull();
    expect(medianAt(AT - 60_000)).toBe(90_000);
    expect(medianAt(AT)).toBe(95_000);
    expect(medianAt(AT + 1_000)).toBe(100_000);
  });

  test('evidence has the estimator of the reconciliation that last had one by then', () => {
    const reconciliations = [
      reconciliation(AT - 2_000, { estimator: 'original' }),
      reconciliation(AT - 1_000, { estimator: null, failure: 'no answer' }),
    ];
    expect(at({ reconciliations }).pool?.estimator).toBe('original');
  });

  test('evidence tells a provider that launches nothing by itself, by its decisions, from one that is down', () => {
    const reason = `provider hand ${LAUNCHES_NOTHING}`;
    const reconciliations = [reconciliation(AT - 1_000, { blocks: [{ code: 'provider', reason }] })];
    const decided = { begin: AT - 1_000, end: null, reason: 'it launches nothing by itself', isForGood: true };
    expect(at({ reconciliations }).providerBlock).toMatchObject(decided);
    const data = { state: 'draining', message: null, process: 'p' } as const;
    const spans = [spanRecord({ kind: 'provider', subject: 'aws', begins: AT - 500, data })];
    expect(at({ reconciliations, spans }).providerBlock).toMatchObject({ reason: 'it is draining', isForGood: false });
    const quiet = polls({ entry: entry({ pending: 0, running: 3, wanted: 0 }) });
    expect(explained({ reconciliations, polls: quiet }).cause).toBe('nothing-wanted');
    expect(explained({ reconciliations }).cause).toBe('provider-down');
  });

  test('a reconciliation that could not read the Schedule failed, in the words of its block', () => {
    const blocks = [{ code: 'schedule-unread', reason: 'Temporal did not say' }] as const;
    expect(at({ reconciliations: [reconciliation(AT - 1_000, { blocks })] }).decision).toMatchObject({
      failure: 'Temporal did not say',
    });
  });

  test('evidence has the end that a backoff was to have, also where it ended early', () => {
    const data: BackoffData = {
      ...{ revision: 3, failureClass: 'capacity', failures: 1, launchToken: null, errorId: null, title: null },
      ...{ message: null, code: null, unregistered: false, until: AT + 60_000 },
    };
    const span = { kind: 'backoff', subject: 'proj/linux', part: 'lc-a', begins: AT - 500, ends: AT + 5_000 } as const;
    const [found] = at({ spans: [spanRecord({ ...span, data })] }).launchConfigs;
    expect(found?.backoff).toMatchObject({ until: AT + 60_000, end: AT + 5_000 });
  });

  test('evidence has the backoffs of the revision in force, with the requests of their launch', () => {
    const data: BackoffData = {
      ...{ revision: 3, failureClass: 'quota', failures: 2, launchToken: 'run.0.0', errorId: null, title: null },
      ...{ message: 'no vCPU left', code: 'VcpuLimitExceeded', unregistered: false },
    };
    const span = { kind: 'backoff', subject: 'proj/linux', begins: AT - 500, ends: AT + 40_000, data } as const;
    const attempts = [{ ...attempt, result: 'QuotaExceeded' }];
    const spans = [
      spanRecord({ ...span, part: 'lc-a' }),
      spanRecord({ ...span, part: 'lc-b', data: { ...data, revision: 2 } }),
    ];
    const [a, b] = at({ spans, attempts }).launchConfigs;
    expect(a?.backoff).toMatchObject({ until: AT + 40_000, code: 'VcpuLimitExceeded', requestIds: ['req-1f'] });
    expect(b?.backoff).toBeNull();
    expect(at({ spans, attempts, polls: polls({}, 40) }, AT + 40_000).launchConfigs[0]?.backoff).toBeNull();
  });

  test('evidence has since when tasks have waited beside idle machines', () => {
    const idle = entry({ pending: 3, running: 5 });
    const mixed = polls().map((poll, index) => (index < 10 ? poll : { ...poll, entry: idle }));
    expect(at({ polls: mixed }).unclaimedSince).toBe(mixed[10]!.at);
    expect(at({}).unclaimedSince).toBeNull();
  });

  test('evidence of archived machines comes from the last reconciliation', () => {
    const inputs = {
      ...{ providerId: 'aws', pendingTasks: 41, claimedTasks: 9, minCapacity: 0, maxCapacity: 10, scalingRatio: 1 },
      ...{ requestedCapacity: 0, runningCapacity: 9, stoppingCapacity: 1, quarantinedCapacity: 0, inDoubtCapacity: 0 },
      currentCapacity: 2,
    };
    const stopping = event('g/i-9', AT - 5_000, { event: 'stopping', launchConfigId: 'lc-old', from: 'running' });
    const found = at({ reconciliations: [reconciliation(AT - 1_000, { inputs })], workerEvents: [stopping] });
    expect(found.archived).toEqual({ runningCapacity: 7, stoppingCapacity: 1 });
  });
});

test('what preemptions took of a launch config’s weight is that of the last choice', () => {
  const candidate = {
    ...{ launchConfigId: 'lc-a', revision: 3, initialWeight: 1, weight: 0.75, usedCapacity: 0, maxCapacity: 100 },
    ...{ capacityPerInstance: 1, recentErrors: 0, preemptedPart: 0.25, backoffUntil: null },
    ...({ outcome: 'chosen', machines: 1 } as const),
  };
  const round = { wantedCapacity: 1, roomCapacity: 100, candidates: [candidate], omitted: 0, limit: null };
  const { candidates } = explained({ reconciliations: [reconciliation(AT - 1_000, { rounds: [round] })] });
  expect(candidates.map(({ weight }) => weight.preempted)).toEqual([0.25, 0]);
});

describe('records of a span of time', () => {
  const hold = spanRecord({
    ...{ kind: 'hold', subject: '*', begins: AT - 30_000, ends: AT + 30_000 },
    data: { reason: 'freeze', clientId: 'boss' },
  });

  test('a hold is the cause from its begin to its end', () => {
    const records = { spans: [hold], reconciliations: [reconciliation(AT - 40_000)] };
    expect(explained(records, AT - 30_001).cause).toBe('launching');
    expect(explained(records)).toMatchObject({ cause: 'held', since: AT - 30_000, until: AT + 30_000 });
    expect(explained(records, AT + 30_000).cause).not.toBe('held');
  });

  test('a strip names each cause, and the time without polls', () => {
    const records = poolRecords({
      spans: [hold],
      polls: polls({}, 25),
      reconciliations: [reconciliation(AT - 190_000)],
    });
    const range = { from: AT - 190_000, to: AT + 100_000 };
    const strip = explainRange(records, range, changesIn(records, range));
    expect(strip.map(({ cause }) => cause)).toEqual(['launching', 'held', 'launching', 'not-evaluated']);
    expect(strip[0]?.from).toBe(range.from);
    expect(strip.at(-1)).toMatchObject({ from: AT + 70_001, to: range.to });
    for (const [index, segment] of strip.entries()) expect(segment.from).toBe(strip[index - 1]?.to ?? range.from);
  });

  test('a strip has the time in which a launch waited for its place among the calls to a cloud', () => {
    const waits = { ...attempt, begun: AT + 2_000, ended: AT + 3_000, waitedMs: 4_000, result: 'ok' };
    const underWay = entry({ pending: 5, requested: 5, wanted: 0 });
    const records = poolRecords({
      polls: polls({ entry: underWay }),
      launches: [{ ...launch, closed: AT + 3_000, inDoubtSince: AT - 4_500 }],
      attempts: [waits],
      reconciliations: [reconciliation(AT - 100_000)],
    });
    const range = { from: AT - 5_000, to: AT + 3_000 };
    const strip = explainRange(records, range, changesIn(records, range));
    expect(strip.map(({ from, to, cause }) => [from, to, cause])).toEqual([
      [range.from, AT - 2_000, 'launching'],
      [AT - 2_000, AT + 2_000, 'cloud-call-limit'],
      [AT + 2_000, range.to, 'launching'],
    ]);
  });

  test('a strip has causes that begin by the passing of time alone', () => {
    const idle = entry({ pending: 3, running: 5, wanted: 0 });
    const unclaimed = poolRecords({
      polls: polls({ entry: idle }, 60),
      reconciliations: [reconciliation(AT - 199_000)],
    });
    const range = { from: AT - 190_000, to: AT + 100_000 };
    expect(explainRange(unclaimed, range, changesIn(unclaimed, range)).map(({ from, cause }) => [from, cause])).toEqual(
      [
        [range.from, 'nothing-wanted'],
        [AT - 20_000, 'idle-not-claiming'],
      ],
    );
    const unheeded = poolRecords({ polls: polls({}, 60) });
    expect(explainRange(unheeded, range, changesIn(unheeded, range)).map(({ from, cause }) => [from, cause])).toEqual([
      [range.from, 'launching'],
      [AT - 79_999, 'not-evaluated'],
    ]);
  });

  test('an instant before all records has none', () => {
    expect(explained({ recordedSince: AT + 1 })).toMatchObject({ cause: 'no-record', certainty: 'no-record' });
    expect(explained({ recordedSince: null }).cause).toBe('no-record');
  });
});
