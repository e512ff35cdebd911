import { randomBytes, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { sql } from 'kysely';
import type { Db } from './schema.js';

/** Any number that nothing else in the database uses for an advisory lock. */
const LOCK = 7_238_116_904;

const folder = new URL('./migrations/', import.meta.url);

/**
 * Applies the files of `migrations/` that were not applied before, in the order of their names, each in a transaction
 * of its own, and gives the names of those it applied. Processes that start at once wait for each other. The first time
 * it also makes the deployment's id and key.
 */
export async function migrate(db: Db, nowMs: number): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return await db.connection().execute(async (connection) => {
    // Another process's migration may take longer than a statement normally may.
    await sql`set statement_timeout = 0`.execute(connection);
    await sql`select pg_advisory_lock(${LOCK})`.execute(connection);
    try {
      return await applyMissing(connection, names, nowMs);
    } finally {
      await sql`select pg_advisory_unlock(${LOCK})`.execute(connection);
      await sql`reset statement_timeout`.execute(connection);
    }
  });
}

async function applyMissing(db: Db, names: string[], nowMs: number): Promise<string[]> {
  await sql`create table if not exists migrations (name text primary key, applied bigint not null)`.execute(db);
  const applied = new Set((await db.selectFrom('migrations').select('name').execute()).map((row) => row.name));
  const missing = names.filter((name) => !applied.has(name));
  for (const name of missing) {
    const statements = await readFile(new URL(name, folder), 'utf8');
    await db.transaction().execute(async (trx) => {
      await sql.raw(statements).execute(trx);
      await trx.insertInto('migrations').values({ name, applied: nowMs }).execute();
    });
  }
  await db
    .insertInto('deployment')
    .values({
      id: 1,
      deploymentId: randomUUID(),
      deploymentKey: randomBytes(32).toString('base64url'),
      taskQueuePrefix: null,
      created: nowMs,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return missing;
}
