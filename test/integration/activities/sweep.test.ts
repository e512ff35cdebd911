import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { sql } from 'kysely';
import { parseConfig } from '../../../config/load.js';
import { providerTypes } from '../../../providers/configured.js';
import { type SweepActivities, sweepActivities } from '../../../activities/sweep.js';
import { insertError } from '../../../database/errors.js';
import { deletePool, listPoolIds, updatePool } from '../../../database/pools.js';
import { activityDeps, asActivity } from '../../support/activities.js';
import { refuseDeletes } from '../../support/broken-rows.js';
import { createNamespace } from '../../../dev/testing/namespace.js';
import { recordedLog, type RecordedLog } from '../../support/recorded-log.js';
import { DAY, engines, launchConfig, makePool, newPool } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';
import { temporalAddress } from '../../../dev/testing/services.js';

let client: Client;
beforeAll(async () => {
  ({ client } = await createNamespace(temporalAddress()));
}, 60_000);
afterAll(() => client?.connection.close());

describe.each(engines)('on %s,', (engine) => {
  const database = databaseFor(engine);
  const deployment = { deploymentId: `deployment-${engine}`, deploymentKey: 'key', taskQueuePrefix: null };
  let log: RecordedLog;
  let activities: SweepActivities;
  let mend: (() => Promise<void>) | undefined;
  beforeEach(() => {
    log = recordedLog();
    activities = sweepActivities(
      activityDeps({ database: { db: database.db, deployment }, providers: { list: () => [] }, client, log: log.log }),
    );
  });
  afterEach(async () => {
    await mend?.();
    mend = undefined;
  });

  const run = (duty: keyof SweepActivities): Promise<unknown> => asActivity<unknown>(() => activities[duty]());
  const count = async (table: string) => {
    const { rows } = await sql<{ n: number }>`select count(*) as n from ${sql.raw(table)}`.execute(database.db);
    return rows[0]!.n;
  };
  const longAgo = () => Date.now() - 100 * DAY;
  const error = (workerPoolId: string, title: string) => ({
    ...{ workerPoolId, launchConfigId: null, kind: 'k', title, description: 'd', extra: {} },
  });

  describe('expireRows', () => {
    const stoppedWorkers = (rows: number) =>
      sql`with made as (
          insert into workers (worker_pool_id, worker_group, worker_id, provider_id, state, capacity, created, last_modified,
            expires, stopped_at, location, identity_attributes)
          select 'prov/pool', 'here', 'w-' || n, 'aws', 'stopped', 1, ${longAgo()}, ${longAgo()}, ${longAgo()}, ${longAgo()},
            '{}', '{}' from generate_series(1, cast(${rows} as int)) n
          returning worker_pool_id, worker_group, worker_id)
        insert into credentials_used select *, 0 from made`.execute(database.db);

    test('expireRows says how many messages it gives up where there is a broker, and nothing where there is none', async () => {
      const event = () =>
        sql`insert into events (at, topic, payload) values (${longAgo()}, 'worker-running', '{}')`.execute(database.db);
      await event();
      await run('expireRows');
      expect(log.of('messages-dropped')).toEqual([]);
      await event();
      await event();
      const config = parseConfig('pulse: {url: "amqp://localhost"}', 'the configuration', providerTypes);
      const deps = activityDeps({ database: { db: database.db, deployment }, config, client, log: log.log });
      await asActivity(() => sweepActivities(deps).expireRows());
      expect(log.of('messages-dropped')).toMatchObject([{ messages: 2 }]);
    });

    test('expireRows deletes more rows than one statement takes, with all that was stored of them', async () => {
      await stoppedWorkers(5_000);
      expect(await run('expireRows')).toEqual({ deleted: 5_000, finished: true });
      expect([await count('workers'), await count('credentials_used')]).toEqual([0, 0]);
    });

    test('expireRows deletes all others when one row cannot be deleted, fails at the end, and logs it once', async () => {
      const { db } = database;
      await stoppedWorkers(50);
      for (const title of ['bad', 'good', 'better']) await insertError(db, error('prov/pool', title), longAgo());
      mend = await refuseDeletes(db, 'worker_pool_errors', "old.title = 'bad'");
      const failure = {
        type: 'Unfinished',
        nonRetryable: true,
        message: expect.stringContaining('worker_pool_errors'),
      };
      await expect(run('expireRows')).rejects.toMatchObject(failure);
      expect([await count('workers'), await count('worker_pool_errors'), await count('events')]).toEqual([0, 1, 0]);
      await expect(run('expireRows')).rejects.toMatchObject(failure);
      expect(log.of('rows-not-deleted')).toMatchObject([{ table: 'worker_pool_errors', skipped: 1 }]);
      await mend();
      mend = undefined;
      expect(await run('expireRows')).toEqual({ deleted: 1, finished: true });
    });
  });

  describe('removeDeletedPools', () => {
    test('removeDeletedPools removes all others when one pool cannot be removed, and logs it once', async () => {
      const { db } = database;
      for (const workerPoolId of ['prov/a', 'prov/bad', 'prov/z']) {
        await makePool(db, { workerPoolId });
        await deletePool(db, workerPoolId, { clientId: 'tester', nowMs: Date.now() });
      }
      mend = await refuseDeletes(db, 'worker_pools', "old.worker_pool_id = 'prov/bad'");
      const failure = { type: 'Unfinished', nonRetryable: true };
      await expect(run('removeDeletedPools')).rejects.toMatchObject(failure);
      expect(await listPoolIds(db)).toEqual(['prov/bad']);
      await expect(run('removeDeletedPools')).rejects.toMatchObject(failure);
      const gone = log.of('worker-pool-gone').map((line) => line['workerPoolId']);
      expect(new Set(gone)).toEqual(new Set(['prov/a', 'prov/z']));
      expect(log.of('worker-pool-not-removed')).toMatchObject([{ workerPoolId: 'prov/bad' }]);
      await mend();
      mend = undefined;
      expect(await run('removeDeletedPools')).toBe(1);
    });
  });

  test('removeDeletedPools removes pools although an archived launch config cannot be removed, and fails at the end', async () => {
    const { db } = database;
    for (const workerPoolId of ['prov/gone', 'prov/kept']) await makePool(db, { workerPoolId });
    const pool = newPool({ workerPoolId: 'prov/kept' });
    const by = { clientId: 'tester', nowMs: longAgo() };
    await updatePool(db, { pool, launchConfigs: [launchConfig('lc-b')], ...by });
    await deletePool(db, 'prov/gone', by);
    mend = await refuseDeletes(db, 'launch_configs', "old.worker_pool_id = 'prov/kept'");
    await expect(run('removeDeletedPools')).rejects.toThrow('this row cannot be deleted');
    expect(await listPoolIds(db)).toEqual(['prov/kept']);
  });

  describe('reconcileSchedules', () => {
    test('reconcileSchedules creates all others when the engine rejects one, fails at the end, and logs it once', async () => {
      // The engine takes no id as long as this one.
      const tooLong = `prov/${'m'.repeat(1_100)}`;
      for (const workerPoolId of [`prov/a-${engine}`, tooLong, `prov/z-${engine}`]) {
        await makePool(database.db, { workerPoolId });
      }
      const failure = { type: 'Unfinished', nonRetryable: true };
      await expect(run('reconcileSchedules')).rejects.toMatchObject(failure);
      for (const workerPoolId of [`prov/a-${engine}`, `prov/z-${engine}`]) {
        const scheduleId = `cron/${workerPoolId}`;
        expect((await client.schedule.getHandle(scheduleId).describe()).scheduleId).toBe(scheduleId);
      }
      await expect(run('reconcileSchedules')).rejects.toMatchObject(failure);
      expect(log.of('schedule-failed')).toMatchObject([{ scheduleId: `cron/${tooLong}` }]);
    });
  });
});

describe('vacuumDatabase', () => {
  const database = databaseFor('PGlite');
  const tables = ['decisions', 'events', 'worker_pool_errors'];
  /** Statistics of a column that are there when the table has been analyzed. */
  const analyzed = async () => {
    const { rows } = await sql<{ name: string }>`
      select distinct tablename as name from pg_stats where schemaname = 'public' order by 1`.execute(database.db);
    return rows.map(({ name }) => name).filter((name) => tables.includes(name));
  };

  test('the vacuum treats all other tables when one cannot be vacuumed, fails at the end, and logs it once', async () => {
    const { db } = database;
    await sql`delete from pg_statistic`.execute(db);
    await makePool(db);
    await insertError(
      db,
      { workerPoolId: 'prov/pool', launchConfigId: null, kind: 'k', title: 't', description: 'd', extra: {} },
      0,
    );
    await sql`insert into decisions (worker_pool_id, first_at, last_at, fingerprint, decision) values ('prov/pool', 0, 0, '', '{}')`.execute(
      db,
    );
    const define = (body: string) =>
      sql
        .raw(
          `create or replace function breaks(text) returns text language plpgsql immutable as $$ begin ${body} end $$`,
        )
        .execute(db);
    await define('return $1;');
    await sql`create index breaking on decisions (breaks(fingerprint))`.execute(db);
    await define("raise exception 'this table cannot be analyzed';");
    const log = recordedLog();
    const activities = sweepActivities(activityDeps({ database: { db, kind: 'pglite' }, log: log.log }));
    const vacuum = () => asActivity(() => activities.vacuumDatabase());
    await expect(vacuum()).rejects.toMatchObject({ type: 'Unfinished', message: expect.stringContaining('decisions') });
    await expect(vacuum()).rejects.toMatchObject({ type: 'Unfinished' });
    expect(await analyzed()).toEqual(['events', 'worker_pool_errors']);
    expect(log.of('table-not-vacuumed')).toMatchObject([{ table: 'decisions' }]);
    await sql`drop index breaking`.execute(db);
    expect(await vacuum()).toEqual({ left: 0 });
    expect(await analyzed()).toEqual(tables);
  });
});
