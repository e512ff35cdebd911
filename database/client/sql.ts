import { sql, type RawBuilder } from 'kysely';
import type { WorkerKey } from '../../domain/ids.js';
import type { Db } from './schema.js';

/**
 * A jsonb value. Text plus a cast means the same to both engines; their own conversions of arrays and strings differ.
 * Jsonb cannot hold NUL characters or halves of surrogate pairs, which clouds' messages may contain: they are dropped.
 */
export function jsonb<T>(value: T): RawBuilder<T> {
  let text = JSON.stringify(value);
  if (/\\u(0000|d[89a-f])/.test(text)) {
    text = JSON.stringify(value, (_, part: unknown) => (typeof part === 'string' ? storable(part) : part));
  }
  return sql<T>`cast(${text} as jsonb)`;
}

/** Text as both engines accept it. */
export const storable = (text: string): string => text.replaceAll('\0', '').toWellFormed();

export const bigint = (value: number | null): RawBuilder<number> => sql`cast(${value} as bigint)`;
export const int = (value: number): RawBuilder<number> => sql`cast(${value} as int)`;
export const text = (value: string | null): RawBuilder<string> => sql`cast(${value} as text)`;

/** Epoch milliseconds by the database's clock: the one clock that all processes share. */
export const databaseNow = sql<number>`cast(extract(epoch from clock_timestamp()) * 1000 as bigint)`;

/** Text of others, as it is kept as evidence: storable, and of a bounded length. */
export const excerpt = (text: string, maxLength = 500): string => storable(text).slice(0, maxLength).toWellFormed();

/** Condition for one worker's row, in a statement where its table is called `w`. */
export const isWorker = (key: WorkerKey): RawBuilder<boolean> =>
  sql`w.worker_pool_id = ${key.workerPoolId} and w.worker_group = ${key.workerGroup} and w.worker_id = ${key.workerId}`;

/** Runs `work` in the transaction that `db` is, or in one of its own. */
export const inTransaction = <T>(db: Db, work: (trx: Db) => Promise<T>): Promise<T> =>
  db.isTransaction ? work(db) : db.transaction().execute(work);

/** A row that was fetched as jsonb (`to_jsonb(t)`), with the names that the rest of the code uses. */
export function camelKeys<T>(row: Record<string, unknown>): T {
  const named = Object.entries(row).map(([key, value]) => [
    key.replace(/_(\w)/g, (_, c: string) => c.toUpperCase()),
    value,
  ]);
  return Object.fromEntries(named) as T;
}
