import { beforeEach, describe, expect, test } from '@jest/globals';
import { recordDecision } from '../../../database/decisions.js';
import { insertError } from '../../../database/errors.js';
import { hold, release } from '../../../database/holds.js';
import { beginAttempt, noteFailure, resolveAttempt } from '../../../database/launch-attempts.js';
import { failLaunch, noteShortage } from '../../../database/launch-failures.js';
import { recordLaunchedWorkers } from '../../../database/launches.js';
import { createPool, deletePool, updatePool } from '../../../database/pools.js';
import { bucketStore } from '../../../database/rate-limits.js';
import { recordFailedReconciliation } from '../../../database/reconciliations.js';
import { removeDeletedPools } from '../../../database/retention.js';
import { setShouldTerminate } from '../../../database/termination-advice.js';
import { insertStaticWorker, recordRunning, recordStopped, recordStopping } from '../../../database/worker-changes.js';
import { recordRefusal } from '../../../database/worker-events.js';
import type { SpanKind } from '../../../domain/evidence.js';
import type { CallAttempt } from '../../../providers/shared/attempts.js';
import { refuseInserts } from '../../support/broken-rows.js';
import {
  callAttempt,
  counting,
  engines,
  launchConfig,
  launched,
  machines,
  makePool,
  newIntent,
  newPool,
  NOW,
  poolId,
  refused,
  reserve,
  times,
  withoutEvents,
} from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';
import { decisionOf } from '../../support/decisions.js';

const SECOND = 1_000;

describe.each(engines)('evidence on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(() => makePool(database.db));

  const spans = (kind: SpanKind) =>
    database.db.selectFrom('spans').selectAll().where('kind', '=', kind).orderBy('id').execute();
  const audit = () =>
    database.db
      .selectFrom('audit')
      .select(['clientId', 'entityType', 'entityId', 'action', 'detail'])
      .where('action', 'not in', ['created', 'updated', 'deleted'])
      .orderBy('id')
      .execute();
  const attempts = () => database.db.selectFrom('attempts').selectAll().orderBy('id').execute();
  const events = () =>
    database.db
      .selectFrom('workerEvents')
      .select(['workerId', 'event', 'cause', 'clientId', 'data'])
      .orderBy('id')
      .execute();
  const key = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });
  const ops = { clientId: 'ops', nowMs: NOW };
  const backoff = {
    failureClass: 'capacity' as const,
    durationMs: (failures: number) => failures * 600_000,
    nowMs: NOW,
  };
  const error = {
    ...{ workerPoolId: poolId, launchConfigId: 'lc-a', kind: 'creation-error', title: 'No capacity' },
    ...{ description: `We have none\0 ${'of it '.repeat(500)}`, extra: { code: 'InsufficientInstanceCapacity' } },
  };
  const call = (change: Partial<CallAttempt> = {}) =>
    callAttempt({
      ...{ waitedMs: 12.4, result: 'InsufficientCapacity', cloudCode: 'InsufficientInstanceCapacity' },
      ...{ message: 'none\0', requestId: 'req-1', ...change },
    });
  const calls = (...attempts: CallAttempt[]) => ({ process: 'p', attempts });

  describe('holds', () => {
    test('a hold is a span from its begin to its release, and both are in the audit trail', async () => {
      const { db } = database;
      await hold(db, poolId, { ...ops, reason: 'bad image' });
      expect(await spans('hold')).toMatchObject([
        { subject: poolId, ends: null, data: { reason: 'bad image', clientId: 'ops' } },
      ]);
      expect(await release(db, poolId, { clientId: 'other', nowMs: NOW })).toBe(true);
      const [span] = await spans('hold');
      expect(span!.endedBy).toEqual({ by: 'released', clientId: 'other' });
      expect(span!.ends).toBeGreaterThanOrEqual(span!.begins);
      const about = { entityType: 'worker-pool', entityId: poolId };
      expect(await audit()).toEqual([
        { ...about, clientId: 'ops', action: 'held', detail: { reason: 'bad image' } },
        { ...about, clientId: 'other', action: 'released', detail: null },
      ]);
    });

    test('a hold that replaces another ends its span and begins one', async () => {
      const { db } = database;
      await hold(db, '*', { ...ops, reason: 'one' });
      await hold(db, '*', { ...ops, reason: 'two' });
      const [first, second] = await spans('hold');
      expect(first).toMatchObject({ ends: second!.begins, endedBy: { by: 'replaced' }, data: { reason: 'one' } });
      expect(second).toMatchObject({ subject: '*', ends: null, data: { reason: 'two' } });
    });

    test('a release of what is not held leaves nothing', async () => {
      expect(await release(database.db, poolId, ops)).toBe(false);
      expect([await spans('hold'), await audit()]).toEqual([[], []]);
    });

    test('holds at the same time leave one span that lasts', async () => {
      const { db } = database;
      await Promise.all(Array.from({ length: 8 }, (_, n) => hold(db, poolId, { ...ops, reason: `${n}` })));
      expect((await spans('hold')).filter(({ ends }) => ends === null)).toHaveLength(1);
    });

    test('a hold or a release costs one statement', async () => {
      const { db, statements } = counting(database.db);
      await hold(db, poolId, { ...ops, reason: 'bad image' });
      await release(db, poolId, ops);
      expect(statements()).toBe(2);
    });
  });

  describe('backoffs', () => {
    test('a refused launch leaves a backoff with its end, its class and the words of the cloud', async () => {
      const { db } = database;
      await reserve(db, [newIntent('t', 1)]);
      await failLaunch(db, 't', { ...backoff, failure: 'no', errors: [error], proof: refused });
      const [span] = await spans('backoff');
      expect(span).toMatchObject({ subject: poolId, part: 'lc-a', endedBy: null });
      expect(span!.ends! - span!.begins).toBe(600_000);
      expect(span!.data).toMatchObject({
        ...{ revision: 1, failureClass: 'capacity', failures: 1, launchToken: 't', unregistered: false },
        ...{ title: 'No capacity', code: 'InsufficientInstanceCapacity' },
      });
      const { message, errorId } = span!.data as { message: string; errorId: string };
      expect([message.length, message.startsWith('We have none of it')]).toEqual([500, true]);
      expect(await database.db.selectFrom('errorHours').select('errorId').execute()).toEqual([{ errorId }]);
    });

    test('the next failure of a launch config ends the backoff that lasts, and no other', async () => {
      const { db } = database;
      await reserve(db, [newIntent('t', 1), newIntent('u', 1), newIntent('v', 2, { launchConfigId: 'lc-b' })]);
      await recordLaunchedWorkers(db, 'v', machines(1, 'v'), times);
      await noteShortage(db, 'v', { ...backoff, errors: [error] });
      await failLaunch(db, 't', { ...backoff, failure: 'no', errors: [error], proof: refused });
      await failLaunch(db, 'u', { ...backoff, failure: 'no', errors: [error], proof: refused });
      const [ofOther, first, second] = await spans('backoff');
      expect(ofOther).toMatchObject({ part: 'lc-b', endedBy: null });
      expect(first).toMatchObject({ part: 'lc-a', ends: second!.begins, endedBy: { by: 'replaced' } });
      expect(second).toMatchObject({ part: 'lc-a', endedBy: null, data: { failures: 2 } });
    });

    test('a machine that ends unregistered leaves a backoff with its launch', async () => {
      const { db } = database;
      await launched(db, 't', 1);
      await recordStopping(db, key('t-0'), {
        ...{ reason: 'Client.InternalError', nowMs: NOW, failure: { ...error, kind: 'operation-error' } },
        backoff: { ...backoff, unregistered: true },
      });
      expect(await spans('backoff')).toMatchObject([{ data: { launchToken: 't', unregistered: true, failures: 1 } }]);
    });

    test('a failure whose proof does not hold leaves none', async () => {
      const { db } = database;
      await launched(db, 't', 1);
      await failLaunch(db, 't', { ...backoff, failure: 'no', errors: [error], proof: refused });
      expect(await spans('backoff')).toEqual([]);
    });
  });

  describe('pauses of calls', () => {
    test('a pause that the cloud asks for is a span, once for all calls that it refused', async () => {
      const store = bucketStore(database.db);
      const limit = { burst: 5, perSecond: 1 };
      for (const pauseMs of [20_000, 20_000, 60_000])
        await store.lower('aws/us-west-2/create', limit, { left: 1, pauseMs });
      await store.lower('aws/us-west-2/create', limit, { left: 1, pauseMs: 0 });
      const pauses = await spans('call-pause');
      expect(pauses.map(({ subject, begins, ends }) => [subject, ends! - begins])).toEqual([
        ['aws/us-west-2/create', 20_000],
        ['aws/us-west-2/create', 60_000],
      ]);
    });
  });

  describe('calls to clouds', () => {
    test('a refused launch leaves its call with the name that the cloud gave it and how long it waited', async () => {
      const { db } = database;
      await reserve(db, [newIntent('t', 1)]);
      await failLaunch(db, 't', { ...backoff, failure: 'no', errors: [error], proof: refused, calls: calls(call()) });
      const [row] = await attempts();
      expect(row).toMatchObject({
        ...{ process: 'p', providerId: 'aws', operation: 'RunInstances', callClass: 'create', region: 'us-west-2' },
        ...{ launchToken: 't', workerPoolId: poolId, subjects: [], waitedMs: 12, result: 'InsufficientCapacity' },
        ...{ cloudCode: 'InsufficientInstanceCapacity', message: 'none', requestId: 'req-1' },
      });
      expect(row!.ended - row!.begun).toBe(700);
    });

    test('a call that leaves its launch in doubt, one that did nothing and one that created machines leave their rows', async () => {
      const { db } = database;
      await reserve(db, [newIntent('t', 1)]);
      const begun = (await beginAttempt(db, 't', { nowMs: NOW, mayLaunch: true }))!;
      await noteFailure(db, 't', 'no answer', calls(call({ result: 'Unavailable', requestId: null })));
      await resolveAttempt(db, begun, 'busy', calls(call({ result: 'Throttled' })));
      await recordLaunchedWorkers(db, 't', machines(1), { ...times, calls: calls(call({ result: 'ok' })) });
      expect((await attempts()).map(({ result, requestId }) => [result, requestId])).toEqual([
        ['Unavailable', null],
        ['Throttled', 'req-1'],
        ['ok', 'req-1'],
      ]);
    });

    test('a call whose consequence cannot be written leaves no row', async () => {
      const { db } = database;
      await reserve(db, [newIntent('t', 1)]);
      await withoutEvents(db, 'worker-requested', async () => {
        const change = { ...times, calls: calls(call({ result: 'ok' })) };
        await expect(recordLaunchedWorkers(db, 't', machines(1), change)).rejects.toThrow('refused');
      });
      expect([await attempts(), await events()]).toEqual([[], []]);
    });

    test('what becomes of a launch costs no statement more for its calls', async () => {
      const cost = async (token: string, attempted: CallAttempt[]) => {
        await reserve(database.db, [newIntent(token, 1)]);
        const { db, statements } = counting(database.db);
        await recordLaunchedWorkers(db, token, machines(1, token), { ...times, calls: calls(...attempted) });
        return statements();
      };
      expect(await cost('u', [call(), call()])).toBe(await cost('t', []));
    });
  });

  describe('changes of workers', () => {
    const registration = {
      ...{ registeredAt: NOW, terminateAfter: NOW + 600 * SECOND, expires: NOW + 700 * SECOND },
      ...{ secretGeneration: 1, nowMs: NOW },
    };

    test('each change of a worker leaves an event, with its reason and who wanted it', async () => {
      const { db } = database;
      await launched(db, 't', 1);
      await recordRunning(db, key('t-0'), registration);
      await recordStopping(db, key('t-0'), { reason: 'by hand', nowMs: NOW, clientId: 'ops' });
      await recordStopped(db, key('t-0'), { nowMs: NOW, expires: NOW });
      const data = {
        ...{ providerId: 'aws', launchConfigId: 'lc-a', launchConfigRevision: 1, launchToken: 't', capacity: 1 },
        terminateAfter: times.terminateAfter,
      };
      const event = { workerId: 't-0', cause: null, clientId: null, data: {} };
      expect(await events()).toEqual([
        { ...event, event: 'requested', data },
        { ...event, event: 'registered', data: { tookMs: 0 } },
        { ...event, event: 'stopping', cause: 'by hand', clientId: 'ops', data: { from: 'running' } },
        { ...event, event: 'stopped' },
      ]);
      const about = { entityType: 'worker', entityId: `${poolId}/us-west-2/t-0`, action: 'removed' };
      expect(await audit()).toEqual([{ ...about, clientId: 'ops', detail: { reason: 'by hand' } }]);
    });

    test('a change that is repeated leaves one event', async () => {
      const { db } = database;
      await launched(db, 't', 1);
      for (let times = 0; times < 2; times += 1) {
        await recordRunning(db, key('t-0'), registration);
        await recordStopping(db, key('t-0'), { reason: 'by hand', nowMs: NOW, clientId: 'ops' });
        await recordStopped(db, key('t-0'), { nowMs: NOW, expires: NOW });
      }
      expect((await events()).map(({ event }) => event)).toEqual(['requested', 'registered', 'stopping', 'stopped']);
      expect(await audit()).toHaveLength(1);
    });

    test('a worker that removes itself is in no audit trail', async () => {
      const { db } = database;
      await launched(db, 't', 1);
      await recordStopping(db, key('t-0'), {
        reason: 'done',
        nowMs: NOW,
        clientId: `worker/aws/${poolId}/us-west-2/t-0`,
      });
      expect(await audit()).toEqual([]);
    });

    test('a change that is rolled back leaves no event', async () => {
      const { db } = database;
      await launched(db, 't', 1);
      await withoutEvents(db, 'worker-removed', async () => {
        const change = { reason: 'by hand', nowMs: NOW, clientId: 'ops' };
        await expect(recordStopping(db, key('t-0'), change)).rejects.toThrow('refused');
      });
      expect([(await events()).map(({ event }) => event), await audit()]).toEqual([['requested'], []]);
    });

    test('advice to stop and its end leave events, and the first verdict to go on leaves none', async () => {
      const { db } = database;
      await launched(db, 't', 2);
      const verdict = (workerId: string, terminate: boolean, reason: 'over capacity' | 'needed') =>
        setShouldTerminate(db, poolId, [{ workerGroup: 'us-west-2', workerId, terminate, reason }], NOW);
      await verdict('t-1', false, 'needed');
      await verdict('t-0', true, 'over capacity');
      await verdict('t-0', true, 'over capacity');
      await verdict('t-0', false, 'needed');
      const advice = (await events()).filter(({ event }) => event !== 'requested');
      expect(advice.map(({ workerId, event, cause }) => [workerId, event, cause])).toEqual([
        ['t-0', 'advised', 'over capacity'],
        ['t-0', 'spared', 'needed'],
      ]);
    });

    test('a refused registration of a worker leaves an event, and one of nobody none', async () => {
      const { db } = database;
      await launched(db, 't', 1);
      await recordRefusal(db, key('t-0'), 'wrong account');
      await recordRefusal(db, key('t-0'), 'wrong account');
      await recordRefusal(db, key('nobody'), 'wrong account');
      const refusals = (await events()).filter(({ event }) => event === 'refused');
      expect(refusals.map(({ workerId, cause }) => [workerId, cause])).toEqual([['t-0', 'wrong account']]);
    });

    test('a static worker leaves an event when it is created', async () => {
      const worker = {
        ...key('s'),
        providerId: 'static',
        capacity: 2,
        expires: NOW,
        secretFingerprint: 'f',
        nowMs: NOW,
      };
      await insertStaticWorker(database.db, worker);
      await insertStaticWorker(database.db, worker);
      expect(await events()).toMatchObject([
        { workerId: 's', event: 'registered', cause: 'static', data: { capacity: 2 } },
      ]);
    });
  });

  describe('revisions of pools', () => {
    const submission = { ...ops, launchConfigs: [launchConfig('lc-a')] };
    const revisions = () => database.db.selectFrom('poolRevisions').selectAll().orderBy('id').execute();

    test('a pool leaves its whole definition each time it changes, and who changed it', async () => {
      const { db } = database;
      await updatePool(db, { ...submission, pool: newPool({ description: 'new' }) });
      await updatePool(db, { ...submission, pool: newPool({ description: 'new' }) });
      const [created, updated, ...others] = await revisions();
      expect(others).toEqual([]);
      expect(created).toMatchObject({ workerPoolId: poolId, revision: 1, clientId: 'tester', action: 'created' });
      expect(created!.definition).toEqual({
        ...{ providerId: 'aws', description: 'builds', owner: 'owner@example.com', emailOnError: false },
        config: { minCapacity: 0, maxCapacity: 100 },
        launchConfigs: ['lc-a', 'lc-b'].map((id) => ({ ...launchConfig(id), revision: 1 })),
      });
      expect(updated).toMatchObject({
        ...{ revision: 2, clientId: 'ops', action: 'updated' },
        definition: { description: 'new', launchConfigs: [{ launchConfigId: 'lc-a' }] },
      });
    });

    test('revisions go on when a deleted pool has gone and its name is used again', async () => {
      const { db } = database;
      await deletePool(db, poolId, ops);
      expect((await removeDeletedPools(db)).removed).toEqual([poolId]);
      await createPool(db, { ...submission, pool: newPool() });
      expect((await revisions()).map(({ revision, action }) => [revision, action])).toEqual([
        [1, 'created'],
        [2, 'deleted'],
        [3, 'created'],
      ]);
    });

    test('a change of a pool that is rolled back leaves no revision', async () => {
      const { db } = database;
      await withoutEvents(db, 'worker-pool-updated', async () => {
        await expect(updatePool(db, { ...submission, pool: newPool({ owner: 'new@example.com' }) })).rejects.toThrow(
          'refused',
        );
      });
      expect(await revisions()).toHaveLength(1);
    });
  });

  describe('errors', () => {
    test('equal errors are counted by the hour, and outlive their pool', async () => {
      const { db } = database;
      const hour = 3_600_000;
      for (const at of [NOW, NOW + 5, NOW + hour]) await insertError(db, error, at);
      await deletePool(db, poolId, ops);
      await removeDeletedPools(db);
      const rows = await db.selectFrom('errorHours').selectAll().orderBy('hour').execute();
      expect(rows).toMatchObject([
        {
          ...{ hour: NOW, occurrences: 2, firstAt: NOW, lastAt: NOW + 5, workerPoolId: poolId, launchConfigId: 'lc-a' },
          ...{ kind: 'creation-error', title: 'No capacity', code: 'InsufficientInstanceCapacity' },
        },
        { hour: NOW + hour, occurrences: 1 },
      ]);
      expect(rows[0]!.description).toHaveLength(500);
    });
  });

  describe('reconciliations', () => {
    const basis = { wantedCapacity: 0, roomCapacity: 0, advisedCapacity: 0, evaluateAgainAt: null };
    const evidence = {
      ...{ estimator: 'corrected' as const, estimate: null, demandError: null, blocks: [], limitedBy: [], rounds: [] },
      ...{ inputs: decisionOf().inputs, launches: [], terminations: {}, basis, failure: null },
    };
    const reconciliation = (id: string, change: Partial<typeof evidence> | { blocks: unknown[] } = {}) => ({
      ...{ reconciliationId: id, process: 'p', durationMs: 1_500, triggeredBy: ['poll' as const] },
      evidence: { ...evidence, ...change } as never,
    });
    const decide = (id: string, change: Partial<typeof evidence> | { blocks: unknown[] } = {}, db = database.db) =>
      recordDecision(db, poolId, decisionOf(), {
        ...{ basis, fingerprint: 'f', nowMs: NOW },
        reconciliation: reconciliation(id, change),
      });
    const rows = () => database.db.selectFrom('reconciliations').selectAll().orderBy('id').execute();

    test('each reconciliation leaves a row, also where its decision extends the one before', async () => {
      await decide('one');
      await decide('two');
      const [one, two] = await rows();
      expect(one).toMatchObject({
        ...{ workerPoolId: poolId, reconciliationId: 'one', outcome: 'concluded', process: 'p', version: 1 },
        ...{ triggeredBy: ['poll'], poolRevision: 1, evidence: { estimator: 'corrected', spans: [] } },
      });
      expect(one!.ended - one!.began).toBe(1_500);
      const decisions = await database.db.selectFrom('decisions').select(['id', 'occurrences']).execute();
      expect(decisions).toEqual([{ id: one!.decisionId, occurrences: 2 }]);
      expect(two!.decisionId).toBe(one!.decisionId);
    });

    test('a reconciliation that is recorded again leaves one row', async () => {
      await decide('one');
      await decide('one');
      expect(await rows()).toHaveLength(1);
    });

    test('a reconciliation names the holds, backoffs and failures of its provider that last', async () => {
      const { db } = database;
      await reserve(db, [newIntent('t', 1)]);
      await failLaunch(db, 't', { ...backoff, failure: 'no', errors: [error], proof: refused });
      await hold(db, poolId, { ...ops, reason: 'one' });
      await release(db, poolId, ops);
      await hold(db, '*', { ...ops, reason: 'two' });
      await hold(db, 'prov/other', { ...ops, reason: 'three' });
      await decide('one');
      const lasting = await db
        .selectFrom('spans')
        .select('id')
        .where('subject', 'in', [poolId, '*'])
        .where((eb) => eb.or([eb('kind', '=', 'backoff'), eb('ends', 'is', null)]))
        .orderBy('id')
        .execute();
      expect((await rows())[0]!.evidence.spans).toEqual(lasting.map(({ id }) => id));
    });

    test('a paused Schedule is a span from the first reconciliation that sees it to the first that does not', async () => {
      const paused = { blocks: [{ code: 'schedule-paused', reason: 'held: its cron Schedule is paused' }] };
      await decide('one', paused);
      await decide('two', paused);
      const [span, ...others] = await spans('schedule');
      expect([span, others]).toMatchObject([{ subject: poolId, ends: null }, []]);
      expect((await rows()).map((row) => row.evidence.spans)).toEqual([[span!.id], [span!.id]]);
      await recordFailedReconciliation(database.db, poolId, reconciliation('three', { inputs: null as never }));
      expect(await spans('schedule')).toMatchObject([{ ends: null }]);
      await decide('four');
      const last = (await rows()).at(-1)!;
      expect(await spans('schedule')).toMatchObject([{ ends: last.ended, endedBy: { by: 'seen' } }]);
      expect(last.evidence.spans).toEqual([]);
    });

    test('a reconciliation that could not read the Schedule neither begins nor ends a pause', async () => {
      const unread = { blocks: [{ code: 'schedule-unread', reason: 'Temporal did not say' }] };
      await decide('one', unread);
      expect(await spans('schedule')).toEqual([]);
      await decide('two', { blocks: [{ code: 'schedule-paused', reason: 'held: its cron Schedule is paused' }] });
      await decide('three', unread);
      const [span] = await spans('schedule');
      expect(span).toMatchObject({ ends: null });
      expect((await rows()).map((row) => row.evidence.spans)).toEqual([[], [span!.id], [span!.id]]);
    });

    test('a reconciliation that failed leaves a row without a decision', async () => {
      const failed = reconciliation('one', { failure: 'no answer' as never, inputs: null as never });
      await recordFailedReconciliation(database.db, poolId, failed);
      expect(await rows()).toMatchObject([
        { outcome: 'failed', decisionId: null, evidence: { failure: 'no answer', inputs: null, spans: [] } },
      ]);
    });

    test('a decision that cannot be stored leaves no row', async () => {
      const mend = await refuseInserts(database.db, 'decisions');
      try {
        await expect(decide('one')).rejects.toThrow('cannot be inserted');
      } finally {
        await mend();
      }
      expect(await rows()).toEqual([]);
    });

    test('a reconciliation costs no statement more for its evidence', async () => {
      const { db, statements } = counting(database.db);
      await decide('one', {}, db);
      expect(statements()).toBe(1);
    });
  });
});
