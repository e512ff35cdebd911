import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { sql } from 'kysely';
import { openDatabase, type Database } from '../../../../database/client/open.js';
import { vacuum } from '../../../../database/client/vacuum.js';
import { proofSize } from '../../../support/long.js';
import { copyPglite } from '../../../../dev/testing/pglite.js';
import { openTestDatabase } from '../../../support/database.js';

const DAYS = 30;
/** Of each pool; a real deployment's are many more, and its rows are no larger. */
const {
  rows: ROWS,
  rounds: ROUNDS_A_DAY,
  withinMs,
} = proofSize({
  short: { rows: 300, rounds: 6, withinMs: 300_000 },
  long: { rows: 2_000, rounds: 24, withinMs: 900_000 },
});
jest.setTimeout(withinMs);

describe('the embedded database', () => {
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-vacuum-'));
  let database: Database | undefined;
  afterEach(async () => {
    await database?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const sizeOf = (path: string): number =>
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((total, entry) => total + statSync(join(entry.parentPath, entry.name)).size, 0);

  /** Events come and go; decisions are written again and again. */
  const aDay = async ({ db }: Database, day: number) => {
    for (let round = 0; round < ROUNDS_A_DAY; round += 1) {
      await sql`insert into events (at, topic, payload)
        select ${sql.lit(day)}, 'worker-requested', jsonb_build_object('text', repeat('x', 300))
        from generate_series(1, ${sql.lit(ROWS)})`.execute(db);
      await sql`delete from events where at < ${sql.lit(day)}`.execute(db);
      await sql`update decisions set last_at = last_at + 1, decision = jsonb_build_object('text', repeat('y', 300))`.execute(
        db,
      );
    }
    await sql`delete from events`.execute(db);
  };

  test('the embedded database is no larger after a month of changes than after its first days', async () => {
    copyPglite(join(folder, 'database'));
    database = await openDatabase({ url: `pglite:${join(folder, 'database')}` });
    await sql`insert into decisions (worker_pool_id, first_at, last_at, fingerprint, decision)
      select 'prov/' || n, 0, 0, '', '{}' from generate_series(1, ${sql.lit(ROWS)}) as n`.execute(database.db);
    const sizes: number[] = [];
    for (let day = 1; day <= DAYS; day += 1) {
      await aDay(database, day);
      await vacuum(database);
      sizes.push(sizeOf(folder));
    }
    expect(sizes.at(-1)).toBeLessThanOrEqual(Math.max(...sizes.slice(0, 5)) * 1.1);
  });

  test('the vacuum leaves Postgres to its own processes', async () => {
    const postgres = await openTestDatabase('Postgres');
    const before = await sql`select coalesce(sum(vacuum_count), 0) as count from pg_stat_user_tables`.execute(
      postgres.db,
    );
    await vacuum(postgres);
    const after = await sql`select coalesce(sum(vacuum_count), 0) as count from pg_stat_user_tables`.execute(
      postgres.db,
    );
    expect(after.rows).toEqual(before.rows);
    await postgres.close();
  });
});
