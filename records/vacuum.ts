import { sql } from 'kysely';
import type { Records } from './open.js';

/**
 * Gives the space of rows that are gone back to the embedded database, which has no process in the background that would:
 * its files would grow with every change. Postgres does it by itself. One table at a time, so that others have their turns.
 */
export async function vacuum({ db, kind }: Pick<Records, 'db' | 'kind'>): Promise<void> {
  if (kind !== 'pglite') return;
  const { rows } = await sql<{ name: string }>`
    select cast(oid as regclass)::text as name from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname`.execute(db);
  for (const { name } of rows) await sql`vacuum (analyze) ${sql.raw(name)}`.execute(db);
  // Its log ends here, and its files are used again.
  await sql`checkpoint`.execute(db);
}
