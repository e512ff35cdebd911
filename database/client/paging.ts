import { sql, type RawBuilder } from 'kysely';
import type { Db } from './schema.js';

/**
 * Lists go on after the last row they gave, by its key, so that rows which come or go meanwhile are neither skipped nor
 * doubled (docs/taskcluster-compatibility.md#lists). `after` is opaque to callers; null begins, and in an answer says
 * that nothing follows.
 */
export interface Page {
  readonly limit: number;
  readonly after: string | null;
}

export interface PageOf<T> {
  readonly items: T[];
  readonly after: string | null;
}

/** Makes a page of rows fetched with `limit + 1`. */
export function pageOf<T>(rows: T[], page: Page, keyOf: (row: T) => string): PageOf<T> {
  const items = rows.slice(0, page.limit);
  const last = items.at(-1);
  return { items, after: rows.length > page.limit && last !== undefined ? keyOf(last) : null };
}

/** Characters of the large columns of one page; at least one row comes, whatever its size. */
const MAX_PAGE_LENGTH = 4 * 1024 * 1024;

export interface BoundedList<Row> {
  /** All rows of the list after `page.after`; their order is the page's. */
  readonly rows: RawBuilder<unknown>;
  /** Of columns of `rows`; the last makes it total. */
  readonly order: RawBuilder<unknown>;
  /** Characters of a row, as far as they are not bounded. */
  readonly length: RawBuilder<unknown>;
  readonly keyOf: (row: Row) => string;
}

/** A page that ends by its size too, so that rows with much in them do not fill the process that lists them. */
export async function boundedPage<Row extends object>(
  db: Db,
  page: Page,
  { rows: all, order, length, keyOf }: BoundedList<Row>,
): Promise<PageOf<Row>> {
  const { rows } = await sql<Row & { rowsFound: number; lengthBefore: number }>`
    with candidates as (${all} order by ${order} limit ${page.limit + 1}),
    measured as (
      select *, count(*) over () as rows_found, sum(${length}) over (order by ${order}) - ${length} as length_before
      from candidates)
    select * from measured where length_before < ${MAX_PAGE_LENGTH} order by ${order} limit ${page.limit}`.execute(db);
  const items = rows.map(({ rowsFound: _, lengthBefore: __, ...row }) => row as unknown as Row);
  const last = items.at(-1);
  const isLast = (rows[0]?.rowsFound ?? 0) <= items.length;
  return { items, after: isLast || last === undefined ? null : keyOf(last) };
}
