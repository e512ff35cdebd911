import { beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { allPoolsCapacity, poolSnapshot } from '../../../database/pool-snapshot.js';
import { recordLaunchedWorkers } from '../../../database/launches.js';
import type { Db } from '../../../database/client/schema.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { machines, makePool, NOW, newIntent, poolId, reserve, times } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

/** Only Postgres has a second connection that a lock can hold. */
describe('a snapshot that begins before a launch is recorded and ends after it', () => {
  const database = databaseFor('Postgres');
  beforeEach(() => makePool(database.db));

  const reads: [string, (db: Db) => Promise<number | undefined>][] = [
    ['a reconciliation', async (db) => (await poolSnapshot(db, poolId, NOW))?.requestedCapacity],
    ['a poll', async (db) => (await allPoolsCapacity(db, { nowMs: NOW, providerIds: ['aws'] }))[0]?.requestedCapacity],
  ];
  const tables = ['launches', 'workers'] as const;

  test.each(reads.flatMap(([by, read]) => tables.map((table) => [by, table, read] as const)))(
    'a snapshot counts a launch exactly once in %s that waits for %s',
    async (_, table, read) => {
      await reserve(database.db, [newIntent('t', 3)]);
      const snapshot = await database.db.transaction().execute(async (trx) => {
        await sql`lock table ${sql.table(table)} in access exclusive mode`.execute(trx);
        const reading = read(database.db);
        reading.catch(() => {});
        await eventually(() => isWaitedFor(database.db, table), { what: `a statement that waits for ${table}` });
        await recordLaunchedWorkers(trx, 't', machines(3), times);
        return { reading };
      });
      expect(await snapshot.reading).toBe(3);
    },
  );
});

async function isWaitedFor(db: Db, table: string): Promise<boolean> {
  const { rows } = await sql`
    select 1 from pg_locks l join pg_database d on d.oid = l.database
    where not granted and datname = current_database() and relation = cast(cast(${table} as text) as regclass)`.execute(
    db,
  );
  return rows.length > 0;
}
