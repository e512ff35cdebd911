import { beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { recordDecision } from '../../../database/decisions.js';
import { recordReadings } from '../../../database/demand-readings.js';
import { insertError } from '../../../database/errors.js';
import { hold } from '../../../database/holds.js';
import { dropLaunches, failLaunch } from '../../../database/launch-failures.js';
import { recordLaunchedWorkers } from '../../../database/launches.js';
import { beginAttempt } from '../../../database/launch-attempts.js';
import { listLaunchConfigs } from '../../../database/launch-configs.js';
import { createPool, deletePool, listPoolIds, updatePool } from '../../../database/pools.js';
import { jsonb } from '../../../database/client/sql.js';
import { recordAct, recordMissedLifecycles, recordOrphans } from '../../../database/orphans.js';
import type { Orphan } from '../../../domain/orphans.js';
import { expireRows, removeArchivedLaunchConfigs, removeDeletedPools } from '../../../database/retention.js';
import { beginScan, endScan, lastScan, setNotes } from '../../../database/scans.js';
import { recordCredentialsUsed } from '../../../database/credentials-used.js';
import { recordStopped, recordStopping } from '../../../database/worker-changes.js';
import { recordWedgedAct, recordWedgedLifecycles } from '../../../database/wedged-lifecycles.js';
import type { Db, Schema } from '../../../database/client/schema.js';
import { refuseDeletes } from '../../support/broken-rows.js';
import { decisionOf } from '../../support/decisions.js';
import { eventually } from '../../../dev/testing/eventually.js';
import {
  DAY,
  emptyDatabase,
  engines,
  launchConfig,
  launched,
  machines,
  makePool,
  MINUTE,
  newPool,
  NOW,
  newIntent,
  poolId,
  refused,
  reserve,
  times,
  finish,
} from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

const evidence = [
  ...([
    'demandPolls',
    'demandHours',
    'queueWaits',
    'reconciliations',
    'spans',
    'attempts',
    'workerEvents',
    'errorHours',
    'poolRevisions',
  ] as const),
];
const evidenceOfPools = [
  'attempts',
  'demand_hours',
  'error_hours',
  'pool_revisions',
  'queue_waits',
  'reconciliations',
  'worker_events',
];

/** A row of each table of evidence. */
async function insertEvidence(db: Db, workerPoolId: string, at: number): Promise<void> {
  await sql`
    with polls as (
      insert into demand_polls (begun, ended, process, interval_ms, pools, errors)
      values (${at}, ${at}, 'p', 10000, '{}', '[]')),
    waits as (insert into queue_waits values (${workerPoolId}, ${at}, 1, true, 1, 1, 1)),
    hours as (insert into demand_hours (worker_pool_id, hour, series) values (${workerPoolId}, ${at}, '{}')),
    decided as (
      insert into reconciliations (worker_pool_id, reconciliation_id, began, ended, outcome, process, version, triggered_by,
        evidence) values (${workerPoolId}, ${workerPoolId}, ${at}, ${at}, 'concluded', 'p', 1, '[]', '{}')),
    spanned as (
      insert into spans (kind, subject, begins, ends, data) values ('backoff', ${workerPoolId}, ${at}, ${at}, '{}')),
    attempted as (
      insert into attempts (begun, ended, process, provider_id, operation, call_class, worker_pool_id, subjects, waited_ms,
        result) values (${at}, ${at}, 'p', 'aws', 'RunInstances', 'create', ${workerPoolId}, '[]', 0, 'ok')),
    events as (
      insert into worker_events (at, worker_pool_id, worker_group, worker_id, event, data)
      values (${at}, ${workerPoolId}, 'g', 'w', 'stopped', '{}')),
    errors as (
      insert into error_hours (error_id, hour, worker_pool_id, kind, title, description, occurrences, first_at, last_at)
      values (${workerPoolId}, ${at}, ${workerPoolId}, 'k', 't', 'd', 1, ${at}, ${at}))
    insert into pool_revisions (worker_pool_id, revision, at, client_id, action, definition)
    values (${workerPoolId}, 1000, ${at}, 'ops', 'updated', '{}')`.execute(db);
}

describe.each(engines)('retention on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(async () => {
    await makePool(database.db);
    await listedCompletely('aws');
  });

  const orphanOf = (token: string): Orphan => ({
    thing: {
      ...{ providerId: 'aws', thingId: `us-west-2/${token}-0`, workerGroup: 'us-west-2', workerId: `${token}-0` },
      ...{ location: { account: null, region: 'us-west-2', group: null }, steps: ['instance'], resourceIds: [] },
      ...{ isMachine: true, launchToken: token, isOurs: true },
    },
    launch: {
      ...{ token, providerId: 'aws', workerPoolId: poolId, launchConfigId: 'lc-a', capacityPerMachine: 1 },
      ...{ isUnfinished: false, closed: NOW, location: { account: null, region: 'us-west-2', group: null } },
    },
    ...{ row: null, since: NOW, firstSeen: NOW, isProven: true, verdict: 'held' },
  });

  /** Nothing of its launches is left in the cloud, ever. */
  const listedCompletely = (providerId: string) =>
    database.db
      .insertInto('taggedListings')
      .values({ providerId, begun: NOW + 10_000 * DAY })
      .execute();

  const retention = { stoppedWorkersDays: 7, errorsDays: 7, decisionsDays: 30, evidenceDays: 8 };
  const key = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });
  const stop = (workerId: string, nowMs = NOW) =>
    recordStopped(database.db, key(workerId), { nowMs, expires: nowMs + 7 * DAY });
  const count = async (table: keyof Schema) =>
    (
      await database.db
        .selectFrom(table)
        .select((eb) => eb.fn.countAll<number>().as('n'))
        .executeTakeFirstOrThrow()
    ).n;
  const error = { workerPoolId: poolId, launchConfigId: null, kind: 'k', title: 't', description: 'd', extra: {} };
  const deleted = { clientId: 'tester', nowMs: NOW };

  test('retention deletes a stopped worker when its time is over, with what was noted of it, and never a living one', async () => {
    const { db } = database;
    await launched(db, 't', 2);
    await finish(db, ['t'], NOW);
    await recordCredentialsUsed(db, key('t-0'), NOW);
    await stop('t-0');
    await expireRows(db, retention, NOW + 7 * DAY);
    expect([await count('workers'), await count('credentialsUsed')]).toEqual([2, 1]);
    await expireRows(db, retention, NOW + 7 * DAY + 1);
    expect([await count('workers'), await count('credentialsUsed')]).toEqual([1, 0]);
    await expireRows(db, retention, NOW + 1000 * DAY);
    expect([await count('workers'), await count('launches')]).toEqual([1, 1]);
    await stop('t-1');
    await expireRows(db, retention, NOW + 1000 * DAY);
    expect([await count('workers'), await count('launches')]).toEqual([0, 0]);
  });

  test('retention keeps the events of a week, and of those at most so many as wait for a broker', async () => {
    const { db } = database;
    const event = (at: number) => ({ at, topic: 'worker-running', payload: jsonb({}) });
    const ids = async () => (await db.selectFrom('events').select('id').orderBy('id').execute()).map(({ id }) => id);
    await db.deleteFrom('events').execute();
    await db
      .insertInto('events')
      .values([NOW - 8 * DAY, NOW - 8 * DAY, NOW, NOW, NOW].map(event))
      .execute();
    const all = await ids();
    await expireRows(db, retention, NOW);
    expect(await ids()).toEqual(all.slice(2));
    await expireRows(db, retention, NOW, () => false, 2);
    expect(await ids()).toEqual(all.slice(3));
  });

  test('retention keeps an unfinished launch for as long as it is unfinished', async () => {
    const { db } = database;
    await reserve(db, [newIntent('open', 1), newIntent('fulfilled', 1)]);
    await recordLaunchedWorkers(db, 'fulfilled', machines(1), times);
    await expireRows(db, retention, NOW + 1000 * DAY);
    expect(await count('launches')).toBe(2);
  });

  test('retention keeps a launch until a recent complete list shows nothing of it, and while something of it is an orphan', async () => {
    const { db } = database;
    await launched(db, 't', 1);
    await finish(db, ['t'], NOW);
    await stop('t-0');
    await db.deleteFrom('taggedListings').execute();
    const left = async () => {
      await expireRows(db, retention, NOW + 100 * DAY);
      return await count('launches');
    };
    expect(await left()).toBe(1);
    const complete = ['aws'];
    // Before its last machine may have stopped.
    await recordOrphans(db, { orphans: [], complete, begunAt: NOW + 99 * DAY });
    expect(await left()).toBe(1);
    await recordOrphans(db, { orphans: [orphanOf('t')], complete, begunAt: NOW + 100 * DAY });
    expect(await left()).toBe(1);
    await recordOrphans(db, { orphans: [], complete, begunAt: NOW + 100 * DAY + 1 });
    expect(await left()).toBe(0);
  });

  test('retention deletes a launch without workers that was closed after a thousand with workers', async () => {
    const { db } = database;
    await sql`
      insert into launches (token, worker_pool_id, provider_id, launch_config_id, launch_config_revision, location, request,
        count, capacity_per_machine, status, attempts, created, closed)
      select 't-' || n, ${poolId}, 'aws', 'lc-a', 1, '{}', '{}', 1, 1, 'done', 1, n, n from generate_series(1, 1001) n`.execute(
      db,
    );
    await sql`
      insert into workers (worker_pool_id, worker_group, worker_id, provider_id, launch_token, state, capacity, created,
        last_modified, expires, location, identity_attributes)
      select ${poolId}, 'us-west-2', 'i-' || n, 'aws', 't-' || n, 'running', 1, n, n, n, '{}', '{}'
      from generate_series(1, 1000) n`.execute(db);
    await expireRows(db, retention, NOW);
    expect(await count('launches')).toBe(1_000);
    expect(await db.selectFrom('launches').select('token').where('token', '=', 't-1001').execute()).toEqual([]);
  });

  test('retention deletes errors, events and scans that are old, but not the last complete scan', async () => {
    const { db } = database;
    await insertError(db, error, NOW);
    const counts = { machines: 0, signalled: 0, unowned: 0 };
    for (const nowMs of [NOW, NOW + 1]) {
      await endScan(db, await beginScan(db, 'aws', nowMs), { ...counts, ended: nowMs, complete: true });
    }
    await expireRows(db, retention, NOW + 6 * DAY);
    expect([await count('workerPoolErrors'), await count('scans')]).toEqual([1, 2]);
    expect(await count('events')).toBeGreaterThan(0);
    await expireRows(db, retention, NOW + 9 * DAY);
    expect([await count('workerPoolErrors'), await count('events'), await count('scans')]).toEqual([0, 0, 1]);
    expect(await lastScan(db, 'aws')).toMatchObject({ begun: NOW + 1 });
  });

  test('retention removes an archived launch config once no worker and no launch of its own pool points at it', async () => {
    const { db } = database;
    // Another pool's worker of a launch config of the same name does not count.
    await makePool(db, { workerPoolId: 'prov/other' });
    await reserve(db, [newIntent('elsewhere', 1)], 'prov/other');
    await recordLaunchedWorkers(db, 'elsewhere', machines(1, 'e'), times);
    await reserve(db, [newIntent('t', 1)]);
    await updatePool(db, { pool: newPool(), launchConfigs: [launchConfig('lc-b')], clientId: 'tester', nowMs: NOW });
    const remove = () => removeArchivedLaunchConfigs(db, NOW + 8 * DAY);
    expect(await remove()).toEqual([]);
    await recordLaunchedWorkers(db, 't', machines(1), times);
    await finish(db, ['t'], NOW);
    expect(await remove()).toEqual([]);
    await stop('i-0');
    await expireRows(db, retention, NOW + 8 * DAY);
    expect(await remove()).toEqual([{ workerPoolId: poolId, launchConfigId: 'lc-a' }]);
    const left = await listLaunchConfigs(db, poolId, { includeArchived: true }, { limit: 9, after: null });
    expect(left.items.map(({ launchConfigId }) => launchConfigId)).toEqual(['lc-b']);
  });

  test('retention keeps a launch config that was archived a moment ago, of which a launch may be about to be reserved', async () => {
    const { db } = database;
    await updatePool(db, { pool: newPool(), launchConfigs: [launchConfig('lc-b')], clientId: 'tester', nowMs: NOW });
    expect(await removeArchivedLaunchConfigs(db, NOW + 10 * MINUTE - 1)).toEqual([]);
    const removed = [{ workerPoolId: poolId, launchConfigId: 'lc-a' }];
    expect(await removeArchivedLaunchConfigs(db, NOW + 10 * MINUTE)).toEqual(removed);
  });

  test('retention removes a deleted pool with its last worker, and nothing of it meets a pool of the same name', async () => {
    const { db } = database;
    await launched(db, 't', 1);
    await insertError(db, error, NOW);
    await hold(db, poolId, { reason: 'repair', clientId: 'tester', nowMs: NOW });
    await deletePool(db, poolId, deleted);
    expect((await removeDeletedPools(db)).removed).toEqual([]);
    await finish(db, ['t'], NOW);
    expect((await removeDeletedPools(db)).removed).toEqual([]);
    await stop('t-0');
    expect((await removeDeletedPools(db)).removed).toEqual([poolId]);
    expect((await removeDeletedPools(db)).removed).toEqual([]);
    expect(await listPoolIds(db)).toEqual([]);
    for (const table of ['launchConfigs', 'launchConfigRevisions', 'workers', 'workerPoolErrors', 'holds'] as const) {
      expect([table, await count(table)]).toEqual([table, 0]);
    }
    const other = [launchConfig('lc-a', { region: 'elsewhere' })];
    expect((await createPool(db, { pool: newPool(), launchConfigs: other, ...deleted })).outcome).toBe('created');
  });

  test('retention leaves of a removed pool nothing but its launches, evidence and what sweeps did, in whatever table it had rows', async () => {
    const { db } = database;
    const other = 'prov/other';
    await makePool(db, { workerPoolId: other });
    await launched(db, 't', 2);
    await reserve(db, [newIntent('refused', 1)]);
    const cause = { failureClass: 'other', durationMs: () => DAY, nowMs: NOW } as const;
    await failLaunch(db, 'refused', { ...cause, failure: 'no', errors: [error], proof: refused });
    await finish(db, ['t'], NOW);
    await recordCredentialsUsed(db, key('t-0'), NOW);
    const note = { noted: 'missing', since: NOW, signalledAt: null, nextSignalAt: null, signalFailures: 0 };
    await setNotes(db, 'aws', [{ ...key('t-0'), ...note }]);
    const reading = { pendingTasks: 1, claimedTasks: 0, wantedMachines: 1 };
    await recordReadings(
      db,
      [
        { workerPoolId: poolId, ...reading },
        { workerPoolId: other, ...reading },
      ],
      NOW,
    );
    const basis = { wantedCapacity: 0, roomCapacity: 0, advisedCapacity: 0, evaluateAgainAt: null };
    await recordDecision(db, poolId, decisionOf(), { basis, fingerprint: 'f', nowMs: NOW });
    await recordMissedLifecycles(db, [{ ...key('t-0'), providerId: 'aws', startedAt: NOW, missedSince: NOW }]);
    await recordOrphans(db, { orphans: [orphanOf('t')], complete: ['aws'], begunAt: NOW });
    const act = { at: NOW, runId: 'run', providerId: 'aws', thingId: 'us-west-2/t-0', launchToken: 't' };
    await recordAct(db, { ...act, workerPoolId: poolId, act: 'removal', detail: 'instance' });
    const wedged = { ...key('t-0'), runId: 'run' };
    await recordWedgedLifecycles(db, [{ ...wedged, attempts: 5, since: NOW, earlierActs: 0, verdict: 'young' }], []);
    await recordWedgedAct(db, { ...wedged, act: 'replace', at: NOW });
    await recordStopping(db, key('t-1'), { reason: 'preempted', nowMs: NOW, preempted: true });
    await db.insertInto('errorMails').values({ workerPoolId: poolId, errorKey: 'key', mailedAt: NOW }).execute();
    await insertEvidence(db, poolId, NOW);
    for (const workerId of ['t-0', 't-1']) await stop(workerId);
    await deletePool(db, poolId, deleted);
    const { rows: tables } = await sql<{ name: string }>`
      select table_name as name from information_schema.columns
      where table_schema = 'public' and column_name = 'worker_pool_id' order by 1`.execute(db);
    const withRowsOf = async (workerPoolId: string) => {
      const found = await Promise.all(
        tables.map(async ({ name }) => {
          const query = sql`select 1 from ${sql.table(name)} where worker_pool_id = ${workerPoolId} limit 1`;
          return (await query.execute(db)).rows.length > 0 ? [name] : [];
        }),
      );
      return found.flat();
    };
    // A table that is new here needs a row above.
    expect(await withRowsOf(poolId)).toEqual(tables.map(({ name }) => name));
    const ofOther = await withRowsOf(other);
    expect((await removeDeletedPools(db)).removed).toEqual([poolId]);
    // Their tokens outlive everything that carries them.
    const left = [...evidenceOfPools, 'launches', 'orphan_acts', 'orphans', 'stray_lifecycles', 'wedged_acts'];
    expect(await withRowsOf(poolId)).toEqual(left.sort());
    expect(await withRowsOf(other)).toEqual(ofOther);
  });

  test('retention keeps a deleted pool for a launch in doubt, whose machines then find it', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 1)]);
    await beginAttempt(db, 't', { nowMs: NOW, mayLaunch: true });
    await deletePool(db, poolId, deleted);
    expect((await removeDeletedPools(db)).removed).toEqual([]);
    await recordLaunchedWorkers(db, 't', machines(1, 't'), times);
    await finish(db, ['t'], NOW);
    expect((await removeDeletedPools(db)).removed).toEqual([]);
    expect(await listPoolIds(db)).toEqual([poolId]);
    await stop('t-0');
    expect((await removeDeletedPools(db)).removed).toEqual([poolId]);
  });

  test('retention keeps evidence for its own time and not longer, whatever became of its pool', async () => {
    const { db } = database;
    await emptyDatabase(db);
    await insertEvidence(db, poolId, NOW);
    await insertEvidence(db, 'prov/gone', NOW);
    const counts = async () =>
      Object.fromEntries(await Promise.all(evidence.map(async (table) => [table, await count(table)])));
    const all = await counts();
    await expireRows(db, retention, NOW + 8 * DAY);
    expect(await counts()).toEqual(all);
    const gone = { ...Object.fromEntries(evidence.map((table) => [table, 0])), poolRevisions: 2 };
    await expireRows(db, retention, NOW + 9 * DAY);
    // Charts of a month are drawn from these.
    expect(await counts()).toEqual({ ...gone, demandHours: all['demandHours'] });
    await expireRows(db, retention, NOW + 31 * DAY);
    expect(await count('demandHours')).toBe(all['demandHours']);
    await expireRows(db, retention, NOW + 32 * DAY);
    expect(await counts()).toEqual(gone);
  });

  test('retention keeps a hold that lasts, and the definition of a pool that is in force, however old they are', async () => {
    const { db } = database;
    await emptyDatabase(db);
    const revision = (
      number: number,
      day: number,
      action: 'created' | 'updated' | 'deleted',
      workerPoolId = poolId,
    ) => ({
      ...{ workerPoolId, revision: number, at: NOW + day * DAY, clientId: 'ops', action },
      definition: jsonb({}) as never,
    });
    await db
      .insertInto('poolRevisions')
      .values([
        ...[revision(1, 0, 'created'), revision(2, 1, 'updated'), revision(3, 99, 'updated')],
        ...[revision(1, 0, 'created', 'prov/gone'), revision(2, 1, 'deleted', 'prov/gone')],
      ])
      .execute();
    const data = jsonb({ reason: 'bad image', clientId: 'ops' });
    const span = { kind: 'hold' as const, subject: poolId, begins: NOW, data: data as never };
    await db
      .insertInto('spans')
      .values([
        { ...span, ends: null },
        { ...span, ends: NOW + DAY },
      ])
      .execute();
    await expireRows(db, retention, NOW + 100 * DAY);
    const left = await db
      .selectFrom('poolRevisions')
      .select(['workerPoolId', 'revision'])
      .orderBy('revision')
      .execute();
    expect(left).toEqual([2, 3].map((number) => ({ workerPoolId: poolId, revision: number })));
    expect(await db.selectFrom('spans').select('ends').execute()).toEqual([{ ends: null }]);
  });

  test('retention leaves to the next run what its time does not last for', async () => {
    const { db } = database;
    await insertError(db, error, NOW);
    await deletePool(db, poolId, deleted);
    const results = await expireRows(db, retention, NOW + 1000 * DAY, () => true);
    expect(results.every(({ result }) => !result.finished && result.deleted === 0)).toBe(true);
    expect((await removeDeletedPools(db, () => true)).removed).toEqual([]);
    expect([await count('workerPoolErrors'), await count('workerPools')]).toEqual([1, 1]);
  });

  test('retention gives every deleted pool a turn although its time lasts for one that cannot be removed', async () => {
    const { db } = database;
    for (const workerPoolId of ['prov/a-bad', 'prov/z-good']) {
      await makePool(db, { workerPoolId });
      await deletePool(db, workerPoolId, deleted);
    }
    const mend = await refuseDeletes(db, 'worker_pools', "old.worker_pool_id = 'prov/a-bad'");
    await eventually(async () => {
      let requested = 0;
      // Before the pool, and before each of its four kinds of history.
      const { removed } = await removeDeletedPools(db, () => (requested += 1) > 5);
      return removed.includes('prov/z-good');
    });
    await mend();
  });

  test('retention gives every table a turn although no row of the first can be deleted', async () => {
    const { db } = database;
    await launched(db, 't', 1);
    await finish(db, ['t'], NOW);
    await stop('t-0');
    await insertError(db, error, NOW);
    const mend = await refuseDeletes(db, 'workers', 'true');
    // One turn of each table, and two more of the first: its batches have not shrunk to one row yet.
    let requested = 0;
    const results = await expireRows(db, retention, NOW + 1000 * DAY, () => (requested += 1) > 10);
    await mend();
    expect(results.find(({ table }) => table === 'workers')).toMatchObject({ result: { deleted: 0, finished: false } });
    expect([await count('workers'), await count('workerPoolErrors'), await count('events')]).toEqual([1, 0, 0]);
  });

  test('retention leaves no launch behind one that cannot be deleted', async () => {
    const { db } = database;
    const tokens = ['bad', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6'];
    await reserve(
      db,
      tokens.map((token) => newIntent(token, 1)),
    );
    await dropLaunches(db, tokens, NOW);
    const mend = await refuseDeletes(db, 'launches', "old.token = 'bad'");
    const results = await expireRows(db, retention, NOW + 1000 * DAY);
    await mend();
    expect(results.find(({ table }) => table === 'launches')).toMatchObject({ result: { deleted: 6, skipped: 1 } });
    expect(await db.selectFrom('launches').select('token').execute()).toEqual([{ token: 'bad' }]);
  });

  test('retention does not remove a deleted pool while a launch of it may still come to something', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 1)]);
    await deletePool(db, poolId, deleted);
    expect((await removeDeletedPools(db)).removed).toEqual([]);
  });
});

describe('retention on Postgres, beside other connections', () => {
  const database = databaseFor('Postgres');

  test('retention keeps a pool for which a launch was reserved after it had been chosen for removal', async () => {
    const { db } = database;
    await makePool(db);
    await deletePool(db, poolId, { clientId: 'tester', nowMs: NOW });
    let removing: ReturnType<typeof removeDeletedPools> | undefined;
    await db.transaction().execute(async (holder) => {
      await sql`lock table decisions in exclusive mode`.execute(holder);
      removing = removeDeletedPools(db);
      removing.catch(() => {});
      await eventually(async () => {
        const { rows } = await sql`select pid from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
        return rows.length === 1;
      });
      await sql`insert into launches (token, worker_pool_id, provider_id, launch_config_id, launch_config_revision, location,
          request, count, capacity_per_machine, status, created)
        values ('late', ${poolId}, 'aws', 'lc-a', 1, '{}', '{}', 1, 1, 'open', 0)`.execute(db);
    });
    expect(await removing).toEqual({ removed: [], failed: [] });
    expect(await listPoolIds(db)).toEqual([poolId]);
  });
});
