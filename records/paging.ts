/**
 * Lists go on after the last row they gave, by its key, so that rows which come or go meanwhile are neither skipped nor
 * doubled (W65). `after` is opaque to callers; null begins, and in an answer says that nothing follows.
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
