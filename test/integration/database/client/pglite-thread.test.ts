import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { Kysely, sql } from 'kysely';
import { DatabaseLostError } from '../../../../database/client/failures.js';
import { PgliteClient } from '../../../../database/client/pglite/client.js';
import { PgliteThreadDialect } from '../../../../database/client/pglite/driver.js';
import { copyPglite } from '../../../../dev/testing/pglite.js';

/** Longer than any test lasts: it keeps the thread busy. */
const FOR_EVER = sql`select count(*) from generate_series(1, 1000000000000)`;

describe('the embedded database', () => {
  const clients: PgliteClient[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-thread-'));
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.thread.terminate();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let opened = 0;
  const open = async (timeoutMs = 60_000) => {
    const directory = join(folder, `records-${(opened += 1)}`);
    copyPglite(directory);
    const client = await PgliteClient.start(directory);
    clients.push(client);
    client.limitQueries(timeoutMs);
    const db = new Kysely<unknown>({ dialect: new PgliteThreadDialect(client, () => undefined) });
    return { client, db };
  };

  test('the embedded database rejects running, waiting and later queries when its thread dies', async () => {
    const { client, db } = await open();
    const running = Array.from({ length: 3 }, () => FOR_EVER.execute(db).catch((error: unknown) => error));
    const inTransaction = db
      .transaction()
      .execute(async (trx) => await FOR_EVER.execute(trx))
      .catch((error: unknown) => error);
    await client.thread.terminate();
    for (const failure of await Promise.all([...running, inTransaction]))
      expect(failure).toBeInstanceOf(DatabaseLostError);
    await expect(sql`select 1`.execute(db)).rejects.toThrow('the embedded database has ended');
    await db.destroy();
  });

  test('the embedded database gives up a query whose thread hangs, and the queries behind it', async () => {
    const { db } = await open(300);
    const stuck = [FOR_EVER.execute(db), sql`select 1`.execute(db), sql`select 1`.execute(db)];
    for (const query of stuck) await expect(query).rejects.toMatchObject({ code: '08006' });
  });

  test('the embedded database goes on after a query that took too long, with the transaction rolled back in its turn', async () => {
    const { client, db } = await open();
    await sql`create table t (n int)`.execute(db);
    client.limitQueries(50);
    const late = db.transaction().execute(async (trx) => {
      await sql`insert into t select 1 from generate_series(1, 1000000)`.execute(trx);
    });
    await expect(late).rejects.toThrow('no answer from the embedded database');
    client.limitQueries(60_000);
    const { rows } = await sql<{ count: number }>`select count(*) as count from t`.execute(db);
    expect(rows).toEqual([{ count: 0 }]);
  });

  test('the embedded database is in no transaction after one whose begin took too long', async () => {
    const { client, db } = await open();
    client.limitQueries(50);
    const busy = client.query('select count(*) from generate_series(1, 5000000)', []).catch(() => undefined);
    await expect(db.transaction().execute(async () => {})).rejects.toThrow('no answer from the embedded database');
    client.limitQueries(60_000);
    const transactionOf = async () =>
      (await sql<{ id: string }>`select cast(pg_current_xact_id() as text) as id`.execute(db)).rows[0]!.id;
    expect(await transactionOf()).not.toBe(await transactionOf());
    await busy;
  });

  test('the embedded database does not keep the process from closing it when its thread has died', async () => {
    const { client, db } = await open();
    await client.thread.terminate();
    await expect(db.destroy()).resolves.toBeUndefined();
  });
});
