import { sql } from 'kysely';
import type { Database } from './open.js';

export interface Vacuumed {
  readonly failed: readonly { readonly table: string; readonly failure: unknown }[];
  /** Tables that its time did not last for. */
  readonly left: number;
}

/**
 * Gives the space of rows that are gone back to the embedded database, which has no process in the background that
 * would: its files would grow with every change. Postgres does it by itself. One table at a time, so that others have
 * their turns, those first that have most to give back; one that cannot be vacuumed keeps no other.
 */
export async function vacuum(
  { db, kind }: Pick<Database, 'db' | 'kind'>,
  isOver: () => boolean = () => false,
): Promise<Vacuumed> {
  if (kind !== 'pglite') return { failed: [], left: 0 };
  const { rows } = await sql<{ name: string }>`
    select cast(c.oid as regclass)::text as name from pg_class c left join pg_stat_user_tables s on s.relid = c.oid
    where relkind = 'r' and relnamespace = 'public'::regnamespace
    order by coalesce(s.n_dead_tup, 0) desc, c.relname`.execute(db);
  const failed: { table: string; failure: unknown }[] = [];
  let done = 0;
  for (const { name: table } of rows) {
    if (isOver()) break;
    done += 1;
    await sql`vacuum (analyze) ${sql.raw(table)}`
      .execute(db)
      .catch((failure: unknown) => void failed.push({ table, failure }));
  }
  // Its log ends here, and its files are used again.
  await sql`checkpoint`.execute(db);
  return { failed, left: rows.length - done };
}
