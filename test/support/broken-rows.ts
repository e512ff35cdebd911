import { sql } from 'kysely';
import type { Db } from '../../database/client/schema.js';

/** From now on rows of `table` that match `condition` (on `old`) cannot be deleted. Gives what mends them. */
export async function refuseDeletes(db: Db, table: string, condition: string): Promise<() => Promise<void>> {
  await sql
    .raw(
      `create or replace function refuse_delete() returns trigger language plpgsql as $$
        begin raise exception 'this row cannot be deleted'; end $$`,
    )
    .execute(db);
  await sql
    .raw(
      `create trigger refuse_delete before delete on ${table} for each row when (${condition})
        execute function refuse_delete()`,
    )
    .execute(db);
  return async () => void (await sql.raw(`drop trigger refuse_delete on ${table}`).execute(db));
}
