import { beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { launchConfigStats, poolCounters } from '../../../database/counts.js';
import { insertStaticWorker, recordStopped, recordStopping } from '../../../database/worker-changes.js';
import { engines, launchConfig, makePool, MINUTE, NOW } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';
import { seededRandom } from '../../support/seeded-random.js';

const POOLS = ['prov/a', 'prov/b', 'prov/c'];

describe.each(engines)('the counters of workers on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(async () => {
    for (const workerPoolId of POOLS) await makePool(database.db, { workerPoolId }, [launchConfig('lc-a')]);
  });

  const announce = (workerPoolId: string, workerId: string, capacity: number, nowMs: number) =>
    insertStaticWorker(database.db, {
      ...{ workerPoolId, workerGroup: 'rack', workerId, providerId: 'hand', capacity },
      ...{ expires: NOW + MINUTE, secretFingerprint: 'f', nowMs },
    });

  /** What counting every row gives. */
  async function recount(): Promise<unknown> {
    const { rows } =
      await sql`select worker_pool_id, cast(count(*) as int) as workers, cast(sum(capacity) as int) as capacity
      from workers where state = 'stopped' group by 1 order by 1`.execute(database.db);
    return rows;
  }
  async function kept(): Promise<unknown> {
    const counters = [...(await poolCounters(database.db, 'all'))].filter(([, { stoppedCount }]) => stoppedCount > 0);
    return counters
      .map(([workerPoolId, { stoppedCount, stoppedCapacity }]) => ({
        workerPoolId,
        workers: stoppedCount,
        capacity: stoppedCapacity,
      }))
      .toSorted((a, b) => a.workerPoolId.localeCompare(b.workerPoolId));
  }

  test('the counters of workers are what counting the rows gives, whatever workers do at once', async () => {
    const { db } = database;
    const random = seededRandom(11);
    const pick = (count: number) => Math.floor(random() * count);
    for (let round = 0; round < 30; round += 1) {
      const steps = Array.from({ length: 8 }, () => async () => {
        const workerPoolId = POOLS[pick(POOLS.length)]!;
        const key = { workerPoolId, workerGroup: 'rack', workerId: `w${pick(6)}` };
        const nowMs = NOW + round;
        switch (pick(4)) {
          case 0:
            return await announce(workerPoolId, key.workerId, 1 + pick(5), nowMs);
          case 1:
            return await recordStopping(db, key, { reason: 'removed', nowMs });
          case 2:
            return await recordStopped(db, key, { nowMs, expires: nowMs });
          default:
            return await db
              .deleteFrom('workers')
              .where('state', '=', 'stopped')
              .where('workerId', '>', key.workerId)
              .execute();
        }
      });
      await Promise.all(steps.map((step) => step()));
      expect(await kept()).toEqual(await recount());
    }
    await sql`update workers set state = 'stopped'`.execute(db);
    expect(await kept()).toEqual(await recount());
    for (const workerPoolId of POOLS) {
      const stats = await launchConfigStats(db, workerPoolId);
      const stopped = stats.reduce((sum, { stoppedCount }) => sum + stoppedCount, 0);
      expect((await poolCounters(db, [workerPoolId])).get(workerPoolId)?.stoppedCount).toBe(stopped);
    }
    await db.deleteFrom('workers').execute();
    expect(await kept()).toEqual([]);
    const left = await sql`select * from stopped_worker_counts`.execute(db);
    expect(left.rows).toEqual([]);
  });

  test('the counters of workers read no row of a stopped worker', async () => {
    const { db } = database;
    await sql`insert into workers (worker_pool_id, worker_group, worker_id, provider_id, state, capacity, created,
        last_modified, expires, location, identity_attributes)
      select 'prov/a', 'rack', 'old-' || n, 'hand', case when n % 100 = 0 then 'running' else 'stopped' end, 1, 0, 0, 0, '{}', '{}'
      from generate_series(1, 20000) as n`.execute(db);
    await sql`analyze workers`.execute(db);
    expect((await poolCounters(db, 'all')).get('prov/a')).toMatchObject({ stoppedCount: 19_800, runningCount: 200 });
    const { rows } = await sql<{
      'QUERY PLAN': string;
    }>`explain select worker_pool_id, launch_config_id, state, count(*),
      sum(capacity) from workers where state <> 'stopped' group by 1, 2, 3`.execute(db);
    const plan = JSON.stringify(rows);
    expect(plan).not.toContain('Seq Scan');
    expect(plan).toMatch(/workers_(counted|live)/);
  });
});
