import { sql } from 'kysely';
import type { Db } from '../../database/client/schema.js';

/** From now on rows of `table` that match `condition` (on `old`) cannot be deleted. Gives what mends them. */
export const refuseDeletes = (db: Db, table: string, condition: string): Promise<() => Promise<void>> =>
  refuse(db, 'deleted', `before delete on ${table} for each row when (${condition})`, table);

/** From now on nothing can be inserted into `table`. Gives what mends it. */
export const refuseInserts = (db: Db, table: string): Promise<() => Promise<void>> =>
  refuse(db, 'inserted', `before insert on ${table} for each row`, table);

async function refuse(db: Db, done: string, when: string, table: string): Promise<() => Promise<void>> {
  await sql
    .raw(
      `create or replace function refuse_change() returns trigger language plpgsql as $$
        begin raise exception 'this row cannot be ${done}'; end $$`,
    )
    .execute(db);
  await sql.raw(`create trigger refuse_change ${when} execute function refuse_change()`).execute(db);
  return async () => void (await sql.raw(`drop trigger refuse_change on ${table}`).execute(db));
}
