import { type RawBuilder, sql } from 'kysely';
import type { Db } from './schema.js';

/** Rows of one statement, which others of the same tables wait for: far below its time limit. */
const MAX_BATCH = 500;
/** More rows that cannot be deleted are not one bad row: what is wrong concerns them all. */
const MAX_SKIPPED = 10;

/** Deletes at most `limit` rows of those that are to go, leaving out the first `offset`. */
export type DeleteBatch = (limit: number, offset: number) => Promise<Batch>;

export interface Batch {
  readonly deleted: number;
  /** Fewer than `limit`: there are no more. */
  readonly considered: number;
}

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
 * Rows of a table that match `where`, whatever else writes them. `t` is the table, `key` is unique. `first` comes
 * before it in the order: the column that `where` bounds and an index has, so that a batch reads little more than it
 * deletes.
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
    const order = sql.raw([...first, ...key].map((name) => `t.${name}`).join(', '));
    // By the places of the locked rows: to find 500 rows by their key again, the whole of a smaller table is read.
    const result = await sql`
      delete from ${sql.raw(table)} where ctid = any (array(
        select t.ctid from ${sql.raw(table)} t where ${where} order by ${order}
        limit ${limit} offset ${offset} for update of t skip locked))`.execute(db);
    const deleted = Number(result.numAffectedRows ?? 0);
    return { deleted, considered: deleted };
  };

/**
 * One table's deletes, batch by batch until nothing is left. A batch that fails is tried again much smaller, so that
 * neither a slow database nor a row that cannot be deleted keeps the others: each failure may have taken a statement's
 * time limit.
 */
export class BatchedDelete {
  readonly #batch: DeleteBatch;
  #size = MAX_BATCH;
  #result: BatchesResult = { deleted: 0, skipped: 0, finished: false, failure: null };

  constructor(batch: DeleteBatch) {
    this.#batch = batch;
  }

  get result(): BatchesResult {
    return this.#result;
  }

  get hasEnded(): boolean {
    return this.#result.finished || this.#result.skipped > MAX_SKIPPED;
  }

  async next(): Promise<void> {
    const { deleted, skipped } = this.#result;
    try {
      const done = await this.#batch(this.#size, skipped);
      this.#result = { ...this.#result, deleted: deleted + done.deleted, finished: done.considered < this.#size };
      this.#size = Math.min(MAX_BATCH, this.#size * 2);
    } catch (failure) {
      this.#result = { ...this.#result, failure, skipped: this.#size > 1 ? skipped : skipped + 1 };
      this.#size = Math.ceil(this.#size / 8);
    }
  }
}

/** One batch after the other until nothing is left or the time is over. */
export async function deleteInBatches(batch: DeleteBatch, isOver: () => boolean): Promise<BatchesResult> {
  const deletes = new BatchedDelete(batch);
  while (!deletes.hasEnded && !isOver()) await deletes.next();
  return deletes.result;
}
