import { type RawBuilder, sql } from 'kysely';
import type { Db } from './schema.js';

/** Rows of one statement, which others of the same tables wait for: far below its time limit. */
const MAX_BATCH = 500;
/** More rows that cannot be deleted are not one bad row: what is wrong concerns them all. */
const MAX_SKIPPED = 10;

/** Deletes at most `limit` rows of those that are to go, leaving out the first `offset`, and gives how many it deleted. */
export type DeleteBatch = (limit: number, offset: number) => Promise<number>;

export interface BatchesResult {
  readonly deleted: number;
  /** Rows that cannot be deleted; they are left out. */
  readonly skipped: number;
  /** False: the rest is the next run's. */
  readonly finished: boolean;
  /** The last one. */
  readonly failure: unknown;
}

/**
 * Rows of a table that match `where`, whatever else writes them. `t` is the table, `key` is unique. `first` comes before it in
 * the order: the column that `where` bounds and an index has, so that a batch reads little more than it deletes.
 */
export const batchOf =
  (
    db: Db,
    table: string,
    key: readonly string[],
    where: RawBuilder<unknown>,
    first: readonly string[] = [],
  ): DeleteBatch =>
  async (limit, offset) => {
    const [columns, order] = [key, [...first, ...key]].map((names) =>
      sql.raw(names.map((name) => `t.${name}`).join(', ')),
    );
    const own = sql.raw(key.join(', '));
    const result = await sql`
      with gone as materialized (
        select ${columns} from ${sql.raw(table)} t where ${where} order by ${order}
        limit ${limit} offset ${offset} for update of t skip locked)
      delete from ${sql.raw(table)} where (${own}) in (select ${own} from gone)`.execute(db);
    return Number(result.numAffectedRows ?? 0);
  };

/**
 * Deletes batch after batch until nothing is left or the time is over. A batch that fails is tried again half as large, so
 * that neither a slow database nor a row that cannot be deleted keeps the others.
 */
export async function deleteInBatches(batch: DeleteBatch, isOver: () => boolean): Promise<BatchesResult> {
  let size = MAX_BATCH;
  let deleted = 0;
  let skipped = 0;
  let failure: unknown = null;
  while (!isOver()) {
    try {
      const count = await batch(size, skipped);
      deleted += count;
      if (count < size) return { deleted, skipped, finished: true, failure };
      size = Math.min(MAX_BATCH, size * 2);
    } catch (error) {
      failure = error;
      if (size > 1) size = Math.floor(size / 2);
      else skipped += 1;
      if (skipped > MAX_SKIPPED) break;
    }
  }
  return { deleted, skipped, finished: false, failure };
}
