import {
  AbortedTransactionError,
  PGliteAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
} from 'kysely';
import type { PgliteClient } from './client.js';
import { Mutex } from './mutex.js';

/**
 * Kysely on PGlite's thread. PGlite has one connection, so whoever acquires it has it alone until released: a
 * transaction's statements are never mixed with others'. (Kysely's own PGlite driver hands the connection to everybody
 * at once, and two transactions would become one.)
 */
export class PgliteThreadDialect implements Dialect {
  readonly #client: PgliteClient;
  readonly #afterClose: () => void;

  constructor(client: PgliteClient, afterClose: () => void) {
    this.#client = client;
    this.#afterClose = afterClose;
  }

  createAdapter(): PGliteAdapter {
    return new PGliteAdapter();
  }

  createDriver(): Driver {
    return new PgliteDriver(this.#client, this.#afterClose);
  }

  createIntrospector(db: Kysely<unknown>): PostgresIntrospector {
    return new PostgresIntrospector(db);
  }

  createQueryCompiler(): PostgresQueryCompiler {
    return new PostgresQueryCompiler();
  }
}

class PgliteDriver implements Driver {
  readonly #client: PgliteClient;
  readonly #afterClose: () => void;
  readonly #connection: PgliteConnection;
  readonly #turns = new Mutex();

  constructor(client: PgliteClient, afterClose: () => void) {
    this.#client = client;
    this.#afterClose = afterClose;
    this.#connection = new PgliteConnection(client);
  }

  init(): Promise<void> {
    return Promise.resolve();
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    await this.#turns.acquire();
    return this.#connection;
  }

  async beginTransaction(): Promise<void> {
    await this.#connection.begin();
  }

  async commitTransaction(): Promise<void> {
    await this.#connection.commit();
  }

  async rollbackTransaction(): Promise<void> {
    await this.#connection.rollback();
  }

  releaseConnection(): Promise<void> {
    this.#turns.release();
    return Promise.resolve();
  }

  async destroy(): Promise<void> {
    // Whoever has the connection ends first; one that never does is not waited for, and loses it.
    await this.#turns.acquire().catch(() => undefined);
    try {
      await this.#client.close();
    } finally {
      this.#turns.release();
      this.#afterClose();
    }
  }
}

class PgliteConnection implements DatabaseConnection {
  readonly #client: PgliteClient;
  /** A statement of the present transaction failed: the engine answers `commit` with a silent rollback. */
  #aborted = false;

  constructor(client: PgliteClient) {
    this.#client = client;
  }

  /**
   * One that is given up begins all the same, in its turn: what others write later would belong to it, and be lost with
   * the process. So its end follows it.
   */
  async begin(): Promise<void> {
    try {
      await this.#client.query('begin', []);
    } catch (error) {
      void this.#client.query('rollback', []).catch(() => undefined);
      throw error;
    }
    this.#aborted = false;
  }

  async commit(): Promise<void> {
    await this.#client.query('commit', []);
    if (this.#aborted) throw new AbortedTransactionError();
  }

  async rollback(): Promise<void> {
    await this.#client.query('rollback', []);
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    try {
      const { rows, affectedRows } = await this.#client.query(query.sql, query.parameters);
      return { rows: rows as R[], numAffectedRows: affectedRows === null ? undefined : BigInt(affectedRows) };
    } catch (error) {
      this.#aborted = true;
      throw error;
    }
  }

  // oxlint-disable-next-line require-yield -- the interface wants it; nothing here streams
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('the embedded database cannot stream');
  }
}
