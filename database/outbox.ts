import { sql } from 'kysely';
import type { Db } from './client/schema.js';
import { bigint, jsonb } from './client/sql.js';

/**
 * The reader's side of the outbox (`events`). Ids are drawn before their transactions end, so a row may appear below
 * others that were there before it. Whoever changes a worker or a pool locks its row before the event's id is drawn:
 * in the order of ids, the events of each are in the order of its changes.
 */

export interface StoredEvent {
  readonly id: number;
  readonly topic: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Up to which id there are rows, and which transactions may yet add one below it. */
export interface Horizon {
  readonly lastId: number;
  readonly writers: readonly string[];
}

/**
 * Null when there is nothing. A transaction that has drawn an id holds a lock on the table to its end. The locks are
 * read after the rows: a writer that is in neither has ended in between, and a later statement sees its rows.
 */
export async function outboxHorizon(db: Db): Promise<Horizon | null> {
  const { rows } = await sql<{ lastId: number | null }>`select max(id) as last_id from events`.execute(db);
  const lastId = rows[0]?.lastId ?? null;
  return lastId === null ? null : { lastId, writers: await openWriters(db) };
}

/** Those of `writers` that have not ended. */
export async function stillOpen(db: Db, writers: readonly string[]): Promise<readonly string[]> {
  const open = new Set(await openWriters(db));
  return writers.filter((writer) => open.has(writer));
}

async function openWriters(db: Db): Promise<string[]> {
  const { rows } = await sql<{ writer: string }>`
    select distinct virtualtransaction as writer from pg_locks
    where locktype = 'relation' and relation = 'events'::regclass and mode = 'RowExclusiveLock' and granted
      and database = (select oid from pg_database where datname = current_database())`.execute(db);
  return rows.map(({ writer }) => writer);
}

/** The oldest up to that id, in their order. */
export async function oldestEvents(db: Db, lastId: number, limit: number): Promise<StoredEvent[]> {
  const { rows } = await sql<StoredEvent>`
    select id, topic, payload from events where id <= ${bigint(lastId)} order by id limit ${limit}`.execute(db);
  return rows;
}

export async function deleteEvents(db: Db, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  await sql`
    delete from events where id in (select cast(value as bigint) from jsonb_array_elements_text(${jsonb(ids)}))`.execute(
    db,
  );
}

/** As many are counted; where there are more, their ids say about how many, and metrics never read a million rows. */
const COUNTED = 1_000;

/** How many wait to be delivered, and for how long the oldest has. */
export async function outboxState(db: Db, nowMs: number): Promise<{ messages: number; oldestSeconds: number }> {
  const { rows } = await sql<{ messages: number; oldest: number | null }>`
    select case when counted < ${COUNTED} then counted
        else (select max(id) from events) - (select min(id) from events) + 1 end as messages,
      (select at from events order by id limit 1) as oldest
    from (select count(*) as counted from (select from events order by id limit ${COUNTED}) as first) as few`.execute(
    db,
  );
  const { messages, oldest } = rows[0]!;
  return { messages, oldestSeconds: oldest === null ? 0 : Math.max(0, nowMs - oldest) / 1000 };
}
