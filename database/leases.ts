import { sql } from 'kysely';
import type { Db } from './client/schema.js';
import { bigint, databaseNow, text } from './client/sql.js';

/**
 * Leases in the database's clock. Only one whose end lies ahead by no more than it was given for counts: a step back of
 * the clock keeps nobody out for longer than that.
 */

/** Whether `holder` has the lease now, for so long: it had it, or nobody did. */
export async function acquireLease(db: Db, name: string, holder: string, durationMs: number): Promise<boolean> {
  const { rows } = await sql`
    with clock as (${clock})
    insert into leases as l (name, holder, since, until)
      select ${text(name)}, ${text(holder)}, now, now + ${bigint(durationMs)} from clock
    on conflict (name) do update set holder = excluded.holder, until = excluded.until,
        since = case when l.holder = excluded.holder then l.since else excluded.since end
      where l.holder = excluded.holder or not ${isCurrent(durationMs)}
    returning 1`.execute(db);
  return rows.length > 0;
}

export async function releaseLease(db: Db, name: string, holder: string): Promise<void> {
  await sql`update leases set until = 0 where name = ${name} and holder = ${holder}`.execute(db);
}

/**
 * States that something is done, by whomever, for so long. What several processes state one after the other without a
 * gap is one span.
 */
export async function extendPresence(db: Db, name: string, holder: string, durationMs: number): Promise<void> {
  await sql`
    with clock as (${clock})
    insert into leases as l (name, holder, since, until)
      select ${text(name)}, ${text(holder)}, now, now + ${bigint(durationMs)} from clock
    on conflict (name) do update set holder = excluded.holder, until = excluded.until,
      since = case when ${isCurrent(durationMs)} then l.since else excluded.since end`.execute(db);
}

/** States that it is not done any more. Whoever still does it begins a new span. */
export async function endPresence(db: Db, name: string): Promise<void> {
  await sql`update leases set until = 0 where name = ${name}`.execute(db);
}

/** For how long it has been done without a gap; null when it is not done. */
export async function presenceMs(db: Db, name: string, durationMs: number): Promise<number | null> {
  const { rows } = await sql<{ ms: number }>`
    with clock as (${clock})
    select now - since as ms from leases l, clock where name = ${name} and ${isCurrent(durationMs)}`.execute(db);
  return rows[0]?.ms ?? null;
}

const clock = sql`select ${databaseNow} as now`;

/** Of a row `l`, in a statement with `clock`. */
const isCurrent = (durationMs: number) => sql<boolean>`
  ((select now from clock) < l.until and l.until <= (select now from clock) + ${bigint(durationMs)})`;
