import pg from 'pg';
import { eventually } from '../../dev/testing/eventually.js';
import { PATIENCE_MS } from '../../dev/testing/patience.js';

/**
 * Holds the product between two of its own steps, from outside: a lock taken on a connection of the test's own makes
 * the statement that needs the table wait.
 */
export class DatabaseLock {
  static readonly #held = new Set<DatabaseLock>();
  readonly #client: pg.Client;
  readonly #table: string;

  private constructor(client: pg.Client, table: string) {
    this.#client = client;
    this.#table = table;
  }

  /** `writes`: rows can be read and not changed. `everything`: not even read. */
  static async acquire(url: string, table: string, what: 'writes' | 'everything'): Promise<DatabaseLock> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('BEGIN');
    await client.query(`LOCK TABLE ${table} IN ${what === 'writes' ? 'EXCLUSIVE' : 'ACCESS EXCLUSIVE'} MODE`);
    client.on('error', () => {});
    const lock = new DatabaseLock(client, table);
    DatabaseLock.#held.add(lock);
    return lock;
  }

  /** What a test that failed has left. */
  static async releaseAll(): Promise<void> {
    for (const lock of DatabaseLock.#held) await lock.release();
  }

  /** Waits until somebody waits for this lock. */
  async isMet(): Promise<void> {
    await eventually(async () => (await this.#waiting()).length > 0, {
      withinMs: PATIENCE_MS,
      what: `a statement that waits for ${this.#table}`,
    });
  }

  /** Ends the connections that wait for it: their statements never happen. Else they do, whoever has died meanwhile. */
  async cutWaiting(): Promise<void> {
    await this.#client.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid', [await this.#waiting()]);
  }

  async release(): Promise<void> {
    DatabaseLock.#held.delete(this);
    await this.#client.end();
  }

  async #waiting(): Promise<number[]> {
    const { rows } = await this.#client.query<{ pid: number }>(
      `SELECT waiting.pid FROM pg_locks waiting
       WHERE NOT waiting.granted AND waiting.relation = $1::regclass AND pg_backend_pid() = ANY (pg_blocking_pids(waiting.pid))`,
      [this.#table],
    );
    return rows.map(({ pid }) => pid);
  }
}
