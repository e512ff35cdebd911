import { PostgresDialect } from 'kysely';
import pg from 'pg';
import type { RecordsLog } from './open.js';

const STATEMENT_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** `bigint` as number: instants and counts stay far below 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8
      ? Number
      : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
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
  // Without a listener, a connection that breaks while idle would end the process. The pool replaces it by itself.
  pool.on('error', (error) => options.log?.warn({ err: error }, 'an idle database connection broke'));
  return new PostgresDialect({ pool });
}
