import { sql } from 'kysely';
import { type Log, logEvent } from '../../observability/log-events.js';
import { DatabaseUnavailableError } from './failures.js';
import { migrate } from './migrate.js';
import type { Db } from './schema.js';

const REPORT_INTERVAL_MS = 10_000;
/** So many times in a row the database did not say whether it still migrates: the connection that waits is dead. */
const MAX_UNKNOWN = 6;

/**
 * Migrates on `apart`, one connection that waits without a limit, for as long as the database says on another one (of
 * `db`) that it is at work there. Every 10 s a line tells whoever waits. Rejects when that session is gone, and when
 * six questions in a row had no answer, each within the limits of `db`.
 */
export async function migrateApart(
  apart: Db,
  db: Db,
  log?: Log<'info'>,
  reportIntervalMs = REPORT_INTERVAL_MS,
): Promise<void> {
  await apart.connection().execute(async (connection) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(connection);
    const watch = new SessionWatch(db, rows[0]!.pid, log, reportIntervalMs);
    try {
      await Promise.race([migrate(connection, Date.now()), watch.lost]);
    } finally {
      watch.end();
    }
  });
}

class SessionWatch {
  readonly #db: Db;
  readonly #pid: number;
  readonly #log: Log<'info'> | undefined;
  readonly #intervalMs: number;
  readonly #lost = Promise.withResolvers<never>();
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout;
  #unknown = 0;
  #ended = false;

  constructor(db: Db, pid: number, log: Log<'info'> | undefined, intervalMs: number) {
    this.#db = db;
    this.#pid = pid;
    this.#log = log;
    this.#intervalMs = intervalMs;
    // Nobody waits for it any more once the migration is done.
    this.#lost.promise.catch(() => undefined);
    this.#timer = this.#later();
  }

  /** Rejects when nothing more is to be expected. */
  get lost(): Promise<never> {
    return this.#lost.promise;
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #later(): NodeJS.Timeout {
    return setTimeout(() => void this.#report(), this.#intervalMs);
  }

  async #report(): Promise<void> {
    const session = await this.#session();
    if (this.#ended) return;
    this.#unknown = session === 'unknown' ? this.#unknown + 1 : 0;
    const seconds = Math.round((performance.now() - this.#startedAt) / 1000);
    if (session === 'gone' || this.#unknown === MAX_UNKNOWN) {
      const what = session === 'gone' ? 'the database has ended the migration' : 'the database stopped answering';
      this.#lost.reject(new DatabaseUnavailableError(`${what} after ${seconds} s`));
      return;
    }
    if (this.#log) logEvent(this.#log, 'database-migrating', { seconds, waits: session === 'waits' });
    this.#timer = this.#later();
  }

  async #session(): Promise<'works' | 'waits' | 'gone' | 'unknown'> {
    try {
      const { rows } = await sql<{ waits: boolean }>`
        select coalesce(wait_event_type = 'Lock' and wait_event = 'advisory', false) as waits
        from pg_stat_activity where pid = ${this.#pid}`.execute(this.#db);
      if (rows[0] === undefined) return 'gone';
      return rows[0].waits ? 'waits' : 'works';
    } catch {
      return 'unknown';
    }
  }
}
