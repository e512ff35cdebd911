import { PostgresDialect, type PostgresPool, type PostgresPoolClient, type PostgresQueryResult } from 'kysely';
import pg from 'pg';
import { type Log, logEvent } from '../../observability/log-events.js';
import { DatabaseUnavailableError } from './failures.js';
import type { Listen } from './notifications.js';
import type { WriteRefusals } from './write-refusals.js';

/**
 * Limits at both sides. The server's free what a vanished client holds (locks above all), ours free what a silent
 * server holds (places in the pool). Each of ours is longer than the server's for the same thing, whose answer says
 * more.
 */
export interface PostgresLimits {
  readonly statementMs: number;
  readonly lockMs: number;
  readonly idleInTransactionMs: number;
  /** A query without an answer for so long has its connection destroyed. */
  readonly queryMs: number;
  /** A connection in use for so long, by a transaction for instance, is destroyed. */
  readonly checkoutMs: number;
  /** Waiting for a free connection, and making one. */
  readonly connectMs: number;
}

export const SERVING_LIMITS: PostgresLimits = {
  statementMs: 12_000,
  lockMs: 5_000,
  idleInTransactionMs: 10_000,
  queryMs: 15_000,
  checkoutMs: 60_000,
  connectMs: 10_000,
};

/** Dead peers are noticed within half a minute, at both ends of a connection that nobody uses. */
const KEEPALIVE_IDLE_MS = 10_000;
const SERVER_KEEPALIVES = {
  tcp_keepalives_idle: 10,
  tcp_keepalives_interval: 5,
  tcp_keepalives_count: 3,
  tcp_user_timeout: 25_000,
};

/** `bigint` as number: instants and counts stay far below 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

export interface PostgresOptions {
  readonly url: string;
  readonly maxConnections: number;
  readonly applicationName: string;
  /** Null: none but for making the connection, for one that migrates. */
  readonly limits: PostgresLimits | null;
  readonly log?: Log<'warn'>;
  /** Hears what comes of each statement. */
  readonly refusals?: WriteRefusals;
}

export function postgresDialect(options: PostgresOptions): PostgresDialect {
  return new PostgresDialect({ pool: new LimitedPool(options) });
}

/**
 * `pg`'s pool, whose clients do not wait for ever: one that waited in vain is destroyed, and the pool makes another.
 * (The driver's own `query_timeout` gives the connection back to the pool with its question still open, and so loses
 * it.)
 */
class LimitedPool implements PostgresPool {
  /** As Kysely wants it. */
  readonly options: object = {};
  readonly #pool: pg.Pool;
  readonly #limits: PostgresLimits | null;
  readonly #refusals: WriteRefusals | undefined;

  constructor(options: PostgresOptions) {
    const { maxConnections, limits, log, refusals } = options;
    this.#limits = limits;
    this.#refusals = refusals;
    this.#pool = new pg.Pool({ ...connectionOptions(options), max: maxConnections, types });
    // A connection that breaks is an event of the pool while it is idle and of its own while it is in use. Without a
    // listener either would end the process; the statement that it broke under fails by itself.
    const onBroken = (error: Error) => log && logEvent(log, 'database-connection-broke', { err: error });
    this.#pool.on('error', onBroken);
    this.#pool.on('connect', (client) => client.on('error', onBroken));
  }

  async connect(): Promise<PostgresPoolClient> {
    try {
      return new LimitedClient(await this.#pool.connect(), this.#limits, this.#refusals);
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  async end(): Promise<void> {
    await this.#pool.end();
  }
}

const connectionOptions = ({ url, applicationName, limits }: PostgresOptions) => ({
  connectionString: withSessionOptions(url),
  application_name: applicationName,
  connectionTimeoutMillis: (limits ?? SERVING_LIMITS).connectMs,
  keepAlive: true,
  keepAliveInitialDelayMillis: KEEPALIVE_IDLE_MS,
  ...(limits && {
    statement_timeout: limits.statementMs,
    // guard(lock-limit): drop
    lock_timeout: limits.lockMs,
    // guard(idle-in-transaction-limit): drop
    idle_in_transaction_session_timeout: limits.idleInTransactionMs,
  }),
});

/**
 * On two connections of its own: one of a pool would be everybody's in turn, and texts would wait for it when they are
 * needed most. The one that listens sends nothing: behind a pooler that keeps no sessions it would hear what it sends
 * itself, and nothing of what others do.
 */
export const listenOnPostgres =
  (options: PostgresOptions): Listen =>
  async (channel, { onText, onEnd }) => {
    const config = connectionOptions(options);
    const [listening, sending] = [new pg.Client(config), new pg.Client(config)];
    const destroy = () => [listening, sending].forEach(({ connection }) => void connection.stream.destroy());
    // Without a listener an error would end the process; the connection's end follows it.
    for (const client of [listening, sending]) client.on('error', destroy);
    listening.on('notification', ({ payload = '' }) => onText(payload));
    const timer = setTimeout(destroy, config.connectionTimeoutMillis);
    try {
      await Promise.all([listening.connect(), sending.connect()]);
      await listening.query(`listen ${channel}`);
    } catch (error) {
      destroy();
      throw asUnavailable(error);
    } finally {
      clearTimeout(timer);
    }
    listening.once('end', onEnd);
    sending.once('end', destroy);
    return {
      notify: async (text) => void (await sending.query('select pg_notify($1, $2)', [channel, text])),
      close: destroy,
    };
  };

/** A connection while it is in use. */
class LimitedClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient;
  readonly #queryMs: number | null;
  readonly #checkout: NodeJS.Timeout | undefined;
  readonly #refusals: WriteRefusals | undefined;

  constructor(client: pg.PoolClient, limits: PostgresLimits | null, refusals: WriteRefusals | undefined) {
    this.#client = client;
    this.#refusals = refusals;
    this.#queryMs = limits?.queryMs ?? null;
    if (limits) this.#checkout = this.#destroyIn(limits.checkoutMs, 'a connection was in use');
  }

  /** Undocumented in `pg`; Kysely's type requires it. */
  get processID(): number | undefined {
    return (this.#client as { processID?: number }).processID;
  }

  query<R>(statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query(): never;
  async query(statement?: string, parameters: readonly unknown[] = []): Promise<unknown> {
    const timer = this.#queryMs === null ? undefined : this.#destroyIn(this.#queryMs, 'no answer from the database');
    try {
      const answer: unknown = await this.#client.query(statement ?? '', [...parameters]);
      this.#refusals?.worked();
      return answer;
    } catch (error) {
      this.#refusals?.failed(error);
      throw asUnavailable(error);
    } finally {
      clearTimeout(timer);
    }
  }

  release(discard?: boolean): void {
    clearTimeout(this.#checkout);
    this.#client.release(discard);
  }

  #destroyIn(ms: number, what: string): NodeJS.Timeout {
    return setTimeout(() => this.#client.connection.stream.destroy(new Error(`${what} for ${ms / 1000} s`)), ms);
  }
}

/** What is neither the server's answer nor a mistake of ours is the connection's. */
const asUnavailable = (error: unknown): unknown =>
  error instanceof pg.DatabaseError || error instanceof TypeError ? error : new DatabaseUnavailableError(error);

/** What the URL says of the session comes last, and so holds; the driver by itself would take it instead of ours. */
function withSessionOptions(url: string): string {
  const [place = '', query = ''] = url.split('?', 2);
  const parameters = new URLSearchParams(query);
  const ours = Object.entries(SERVER_KEEPALIVES).map(([name, value]) => `-c ${name}=${value}`);
  parameters.set('options', [...ours, ...parameters.getAll('options')].join(' '));
  return `${place}?${parameters.toString()}`;
}
