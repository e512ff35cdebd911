import { describe, expect, test } from '@jest/globals';
import type {
  BackoffData,
  LimitNumbers,
  PollEntry,
  ReconciliationEvidence,
  SpanData,
  SpanKind,
} from '../../../domain/evidence.js';
import { evidenceAt } from '../../../domain/explain/evidence-at.js';
import { explainPool } from '../../../domain/explain/explain.js';
import { changesIn, explainRange } from '../../../domain/explain/range.js';
import type { Db } from '../../../database/client/schema.js';
import { jsonb } from '../../../database/client/sql.js';
import { poolRecords } from '../../../database/explain-records.js';
import { engines, counting, DAY, MINUTE, NOW } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

const POOL = 'proj/linux';
/** Polls come each ten seconds from half an hour before NOW to half an hour after it. */
const INTERVAL = 10_000;

const entry = (fields: Partial<PollEntry> = {}): PollEntry => ({
  ...{ pending: 41, claimed: 0, requested: 0, running: 0, stopping: 0, quarantined: 0, inDoubt: 0 },
  ...{ wanted: 41, room: 100, verdict: 'unchanged', dueMs: INTERVAL },
  ...fields,
});

const launchConfigs = ['lc-a', 'lc-b'].map((launchConfigId) => ({
  launchConfigId,
  revision: 3,
  configuration: { region: 'us-east-1', launchConfig: { InstanceType: 'm6a.large' } },
}));

const addRevision = (db: Db, action: 'created' | 'deleted', at: number, maxCapacity = 100) =>
  db
    .insertInto('poolRevisions')
    .values({
      ...{ workerPoolId: POOL, revision: Math.round(at / 1000) % 1_000_000, at, clientId: 'ops', action },
      definition: jsonb({
        ...{ providerId: 'aws', description: '', owner: 'a@example.com', emailOnError: false },
        ...{ config: { minCapacity: 0, maxCapacity }, launchConfigs },
      }),
    })
    .execute();

/** All polls of the time; the pool's entry changes where `changes` says so. */
async function addPolls(
  db: Db,
  { from = NOW - 30 * MINUTE, to = NOW + 30 * MINUTE, changes = new Map<number, PollEntry | null>() } = {},
): Promise<void> {
  let fullId: number | null = null;
  let current: PollEntry | null = changes.get(from) ?? entry();
  for (let ended = from; ended <= to; ended += INTERVAL) {
    const changed = changes.get(ended);
    if (changed !== undefined) current = changed;
    const isFull: boolean = (ended - from) % (10 * MINUTE) === 0;
    if (isFull) fullId = null;
    const others: Record<string, PollEntry | null> = { 'proj/other': entry() };
    const pools = isFull || changed !== undefined ? { ...others, [POOL]: current } : others;
    const row: { id: number } = await db
      .insertInto('demandPolls')
      .values({
        ...{ begun: ended - 200, ended, process: 'host/1/ab', fullId, intervalMs: INTERVAL },
        ...{ pools: jsonb(pools), errors: jsonb<readonly string[]>(['HTTP 403']) },
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    if (isFull) fullId = row.id;
  }
}

const addSpan = (
  db: Db,
  kind: SpanKind,
  subject: string,
  span: { begins: number; ends?: number | null; data: SpanData; part?: string },
) =>
  db
    .insertInto('spans')
    .values({
      ...{ kind, subject, part: span.part ?? '', begins: span.begins, ends: span.ends ?? null, endedBy: null },
      data: jsonb(span.data),
    })
    .execute();

const evidence = (fields: Partial<ReconciliationEvidence> = {}): ReconciliationEvidence => ({
  ...{ estimator: 'corrected', inputs: null, estimate: null, demandError: null, blocks: [], limitedBy: [] },
  ...{ rounds: [], launches: [], spans: [], terminations: {}, basis: null, failure: null },
  ...fields,
});

const addReconciliation = (db: Db, ended: number, fields: Partial<ReconciliationEvidence> = {}) =>
  db
    .insertInto('reconciliations')
    .values({
      ...{ workerPoolId: POOL, reconciliationId: `run.${ended}`, began: ended - 100, ended, outcome: 'concluded' },
      ...{ process: 'host/1/ab', version: 1, decisionId: null, poolRevision: 1 },
      ...{ triggeredBy: jsonb(['poll']), evidence: jsonb(evidence(fields)) },
    })
    .execute();

const addEvent = (
  db: Db,
  workerId: string,
  event: 'requested' | 'registered' | 'stopping' | 'stopped',
  at: number,
  data = {},
) =>
  db
    .insertInto('workerEvents')
    .values({
      ...{ at, workerPoolId: POOL, workerGroup: 'g', workerId, event, cause: null, clientId: null, data: jsonb(data) },
    })
    .execute();

const explainedAt = async (db: Db, at: number) =>
  explainPool(evidenceAt(await poolRecords(db, POOL, { from: at, to: at }, 'corrected'), at), at);

describe.each(engines)('explanations from %s', (engine) => {
  const database = databaseFor(engine);

  test('a hold is explained at each second of it, and no second before or after', async () => {
    const { db } = database;
    await addRevision(db, 'created', NOW - DAY);
    await addPolls(db);
    await addReconciliation(db, NOW - 5_000);
    await addSpan(db, 'hold', POOL, {
      begins: NOW,
      ends: NOW + MINUTE,
      data: { reason: 'bad image', clientId: 'ops' },
    });
    expect((await explainedAt(db, NOW - 1)).cause).toBe('launching');
    expect(await explainedAt(db, NOW + 1_000)).toMatchObject({
      cause: 'held',
      sentence: 'ops held the pool at 00:00:00 ("bad image"); 41 more were wanted.',
      ...{ since: NOW, until: NOW + MINUTE, certainty: 'exact' },
    });
    expect((await explainedAt(db, NOW + MINUTE)).cause).not.toBe('held');
  });

  test('counts of a poll come from the last row that has the pool', async () => {
    const { db } = database;
    await addRevision(db, 'created', NOW - DAY, 10);
    const busy = entry({ pending: 5, claimed: 10, running: 10 });
    await addPolls(db, { changes: new Map([[NOW + 2 * INTERVAL, busy]]) });
    await addReconciliation(db, NOW - 5_000);
    expect((await explainedAt(db, NOW + 2 * INTERVAL - 1)).inputs).toMatchObject({ pendingTasks: 41, ageMs: 9_999 });
    expect(await explainedAt(db, NOW + 25_000)).toMatchObject({
      cause: 'at-maximum',
      sentence: '10 of at most 10 existed; 5 more were wanted.',
      inputs: { pendingTasks: 5, ageMs: 5_000 },
    });
  });

  test('a queue that did not answer is explained with its words', async () => {
    const { db } = database;
    await addRevision(db, 'created', NOW - DAY);
    const silent = entry({ pending: null, claimed: null, verdict: 'unanswered', error: 0 });
    await addPolls(db, { changes: new Map([[NOW, silent]]) });
    expect(await explainedAt(db, NOW + 25_000)).toMatchObject({
      cause: 'demand-unreadable',
      sentence: expect.stringContaining('from 00:00:00 on ("HTTP 403")'),
    });
  });

  test('capacity between two polls is what the poll counted and what has changed since', async () => {
    const { db } = database;
    await addRevision(db, 'created', NOW - DAY);
    await addPolls(db, { changes: new Map([[NOW - 30 * MINUTE, entry({ pending: 3, requested: 3 })]]) });
    for (const [index, workerId] of ['i-1', 'i-2', 'i-3'].entries()) {
      const data = { capacity: 1, launchToken: 'run.0.0', launchConfigId: 'lc-a' };
      await addEvent(db, workerId, 'requested', NOW - 20_000, data);
      await addEvent(db, workerId, 'registered', NOW + (index + 1) * 1_000);
    }
    expect(await explainedAt(db, NOW + 500)).toMatchObject({
      cause: 'still-booting',
      sentence: '3 machines requested at 23:59:40 had not registered.'.replace('at 23', 'at 2029-12-31 23'),
    });
    expect((await explainedAt(db, NOW + 2_500)).inputs).toMatchObject({ requestedCapacity: 1, runningCapacity: 2 });
    expect((await explainedAt(db, NOW + 3_500)).cause).toBe('nothing-wanted');
  });

  test('backed-off launch configs are explained with the cloud’s request', async () => {
    const { db } = database;
    await addRevision(db, 'created', NOW - DAY);
    await addPolls(db);
    const data: BackoffData = {
      ...{ revision: 3, failureClass: 'quota', failures: 2, launchToken: 'run.0.0', errorId: null, title: null },
      ...{ message: 'no vCPU left', code: 'VcpuLimitExceeded', unregistered: false },
    };
    for (const { launchConfigId: part } of launchConfigs) {
      await addSpan(db, 'backoff', POOL, { part, begins: NOW, ends: NOW + 3 * MINUTE, data });
    }
    await db
      .insertInto('attempts')
      .values({
        ...{ begun: NOW - 900, ended: NOW - 100, process: 'p', providerId: 'aws', operation: 'RunInstances' },
        ...{ callClass: 'create', region: 'us-east-1', launchToken: 'run.0.0', workerPoolId: POOL, waitedMs: 0 },
        ...{ subjects: jsonb([]), result: 'QuotaExceeded', cloudCode: 'VcpuLimitExceeded', message: 'no' },
        requestId: 'req-1f',
      })
      .execute();
    const explained = await explainedAt(db, NOW + 1_000);
    expect(explained).toMatchObject({
      cause: 'quota',
      sentence: expect.stringContaining('in us-east-1 was used up for lc-a (VcpuLimitExceeded, request req-1f)'),
      nextChange: { at: NOW + 3 * MINUTE },
    });
    expect(explained.candidates.map(({ outcome }) => outcome)).toEqual(['backing off', 'backing off']);
    expect((await explainedAt(db, NOW + 3 * MINUTE)).cause).not.toBe('quota');
  });

  test('a time without polls is explained as not evaluated, and so is a pool that is deleted by its deletion', async () => {
    const { db } = database;
    await addRevision(db, 'created', NOW - DAY);
    await addPolls(db, { to: NOW });
    await addPolls(db, { from: NOW + 10 * MINUTE, to: NOW + 20 * MINUTE });
    await addSpan(db, 'outage', '', { begins: NOW, ends: NOW + 10 * MINUTE - 200, data: { process: 'host/2/cd' } });
    expect(await explainedAt(db, NOW + 5 * MINUTE)).toMatchObject({
      ...{ cause: 'not-evaluated', certainty: 'not-evaluated' },
      sentence: 'No poll from 00:00:00 to 00:10:00: no process polled.',
      ...{ since: NOW, until: NOW + 10 * MINUTE },
    });
    await addRevision(db, 'deleted', NOW + 15 * MINUTE);
    expect((await explainedAt(db, NOW + 15 * MINUTE - 1)).cause).not.toBe('no-such-pool');
    expect(await explainedAt(db, NOW + 16 * MINUTE)).toMatchObject({
      cause: 'no-such-pool',
      sentence: 'No pool serves the queue proj/linux, deleted by ops at 00:15:00.',
    });
    expect((await explainedAt(db, NOW - DAY)).cause).toBe('no-record');
  });

  test('a limit of the deployment is explained with its numbers', async () => {
    const { db } = database;
    await addRevision(db, 'created', NOW - DAY);
    await addPolls(db);
    const limit: LimitNumbers = {
      ...{ limit: 'machines' as const, wanted: 41, allowed: 0, machines: 5000, maxMachines: 5000 },
      ...{ launchedLastMinute: 3, launchesPerMinute: 500, others: 0, endsAt: null },
    };
    await addReconciliation(db, NOW, {
      rounds: [{ wantedCapacity: 41, roomCapacity: 100, candidates: [], omitted: 0, limit }],
    });
    expect(await explainedAt(db, NOW + 1_000)).toMatchObject({
      cause: 'deployment-limit',
      sentence: 'limits.machines: 5000 of 5000 in the whole deployment; 41 more were wanted.',
    });
  });

  test('a strip has a segment for each cause, without a gap', async () => {
    const { db } = database;
    await addRevision(db, 'created', NOW - DAY);
    await addPolls(db);
    for (let at = NOW - 30 * MINUTE; at < NOW + 30 * MINUTE; at += MINUTE) await addReconciliation(db, at);
    await addSpan(db, 'hold', '*', { begins: NOW, ends: NOW + MINUTE, data: { reason: 'freeze', clientId: 'boss' } });
    const range = { from: NOW - 5 * MINUTE, to: NOW + 5 * MINUTE };
    const records = await poolRecords(db, POOL, range, 'corrected');
    const strip = explainRange(records, range, changesIn(records, range));
    expect(strip.map(({ from, to, cause }) => [from, to, cause])).toEqual([
      [range.from, NOW, 'launching'],
      [NOW, NOW + MINUTE, 'held'],
      [NOW + MINUTE, range.to, 'launching'],
    ]);
  });

  test('an explanation takes a fixed number of statements', async () => {
    await addRevision(database.db, 'created', NOW - DAY);
    await addPolls(database.db, { from: NOW - MINUTE, to: NOW });
    const { db, statements } = counting(database.db);
    await poolRecords(db, POOL, { from: NOW, to: NOW }, 'corrected');
    expect(statements()).toBeLessThanOrEqual(8);
    const before = statements();
    await poolRecords(db, POOL, { from: NOW - DAY, to: NOW }, 'corrected');
    expect(statements() - before).toBeLessThanOrEqual(8);
  });
});
