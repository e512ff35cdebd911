/** What travels between the main thread and PGlite's. */
export interface ThreadData {
  /** Absolute; null for a database in memory. */
  readonly directory: string | null;
}

export interface ThreadCall {
  /** ≥ 1; the thread's own first message, that it is ready, is 0. */
  readonly id: number;
  /** Null closes the database. */
  readonly sql: string | null;
  readonly parameters: readonly unknown[];
}

export type ThreadAnswer =
  | { readonly id: number; readonly rows: unknown[]; readonly affectedRows: number | null }
  | { readonly id: number; readonly error: ThreadError };

/** What a commit has sent through the database. */
export interface ThreadNotification {
  readonly channel: string;
  readonly text: string;
}

export type ThreadMessage = ThreadAnswer | ThreadNotification;

export interface ThreadError {
  readonly message: string;
  /** SQLSTATE. */
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly constraint: string | undefined;
}
