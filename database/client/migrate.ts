import { randomBytes, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { sql } from 'kysely';
import type { Db } from './schema.js';

/** Any number that nothing else in the database uses for an advisory lock. */
const LOCK = 7_238_116_904;

const folder = new URL('../migrations/', import.meta.url);

/**
 * Applies the files of `migrations/` that were not applied before, in the order of their names, each in a transaction
 * of its own, and gives the names of those it applied. Processes that start at once wait for each other. The first time
 * it also makes the deployment's id and key.
 */
export async function migrate(db: Db, nowMs: number): Promise<string[]> {
  return await db.connection().execute(async (connection) => {
    // Another process's migration, or ours, may take longer than a statement normally may.
    for (const limit of LIFTED) await sql`set ${sql.raw(limit)} = 0`.execute(connection);
    await sql`select pg_advisory_lock(${LOCK})`.execute(connection);
    try {
      return await applyMissing(connection, nowMs);
    } finally {
      await sql`select pg_advisory_unlock(${LOCK})`.execute(connection);
      for (const limit of LIFTED) await sql`reset ${sql.raw(limit)}`.execute(connection);
    }
  });
}

const LIFTED = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];

/** A database of before the first release, whose migrations are one by now. */
export class OutdatedDatabaseError extends Error {
  override readonly name = 'OutdatedDatabaseError';
}

/** The migrations that would be applied, in their order. Only reads. Throws OutdatedDatabaseError. */
export async function missingMigrations(db: Db): Promise<string[]> {
  const names = await migrationNames();
  if (!(await tableExists(db, 'migrations'))) return names;
  const applied = new Set((await db.selectFrom('migrations').select('name').execute()).map((row) => row.name));
  if (applied.size > 0 && !applied.has(names[0]!)) {
    throw new OutdatedDatabaseError('it was made before the first release; `npm run reset` removes an embedded one');
  }
  return names.filter((name) => !applied.has(name));
}

export async function migrationNames(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
}

async function tableExists(db: Db, name: string): Promise<boolean> {
  const { rows } = await sql<{ exists: boolean }>`select to_regclass(${name}) is not null as exists`.execute(db);
  return rows[0]?.exists ?? false;
}

async function applyMissing(db: Db, nowMs: number): Promise<string[]> {
  await sql`create table if not exists migrations (name text primary key, applied bigint not null)`.execute(db);
  const missing = await missingMigrations(db);
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
