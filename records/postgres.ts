import { PostgresDialect } from 'kysely';
import pg from 'pg';
import { logEvent } from '../observability/log-events.js';
import type { RecordsLog } from './open.js';

const STATEMENT_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** `bigint` as number: instants and counts stay far below 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

export interface PostgresOptions {
  readonly url: string;
  readonly maxConnections: number;
  readonly applicationName: string;
  readonly log?: RecordsLog;
}

export function postgresDialect(options: PostgresOptions): PostgresDialect {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections,
    application_name: options.applicationName,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    types,
  });
  // A connection that breaks is an event of the pool while it is idle and of its own while it is in use. Without a listener
  // either would end the process; the statement that it broke under fails by itself, and the pool replaces the connection.
  const onBroken = (error: Error) => options.log && logEvent(options.log, 'database-connection-broke', { err: error });
  pool.on('error', onBroken);
  pool.on('connect', (client) => client.on('error', onBroken));
  return new PostgresDialect({ pool });
}
