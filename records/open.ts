import { CamelCasePlugin, Kysely, sql, type Dialect } from 'kysely';
import { migrate } from './migrate.js';
import { openPglite } from './pglite/open.js';
import { postgresDialect } from './postgres.js';
import type { Db, Schema } from './schema.js';

/** As pino's. */
export interface RecordsLog {
  warn(fields: object, message: string): void;
}

export interface RecordsOptions {
  /** `pglite:./directory`, `pglite::memory:` or `postgres://…`. */
  readonly url: string;
  /** Postgres only; PGlite has one. */
  readonly maxConnections?: number;
  /** What Postgres shows of our connections. */
  readonly applicationName?: string;
  readonly log?: RecordsLog;
}

export interface Deployment {
  readonly deploymentId: string;
  /** 32 random bytes, base64url. Secret. */
  readonly deploymentKey: string;
  /** What the last process that served used; null before the first. */
  readonly taskQueuePrefix: string | null;
}

export interface Records {
  readonly db: Db;
  readonly kind: 'pglite' | 'postgres';
  readonly deployment: Deployment;
  /** Resolves when the database answers. */
  ping(): Promise<void>;
  /** Waits for what is running. */
  close(): Promise<void>;
}

/**
 * Opens and migrates the records. Throws `RecordsInUseError` when another process has the PGlite directory,
 * `UnknownRecordsUrlError` for any other kind of URL, and the driver's error when Postgres cannot be reached.
 */
export async function openRecords(options: RecordsOptions): Promise<Records> {
  const kind = recordsKind(options.url);
  const dialect = kind === 'pglite' ? await openPglite(options.url.slice('pglite:'.length)) : postgres(options);
  const db = new Kysely<Schema>({ dialect, plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })] });
  try {
    await migrate(db, Date.now());
    const deployment = await db
      .selectFrom('deployment')
      .select(['deploymentId', 'deploymentKey', 'taskQueuePrefix'])
      .executeTakeFirstOrThrow();
    return {
      db,
      kind,
      deployment,
      ping: async () => void (await sql`select 1`.execute(db)),
      close: () => db.destroy(),
    };
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

const postgres = (options: RecordsOptions): Dialect =>
  postgresDialect({
    url: options.url,
    maxConnections: options.maxConnections ?? 10,
    applicationName: options.applicationName ?? 'worker-manager',
    log: options.log,
  });

/** The message does not repeat the URL, which may hold a password. */
export class UnknownRecordsUrlError extends Error {
  override readonly name = 'UnknownRecordsUrlError';
}

export function recordsKind(url: string): 'pglite' | 'postgres' {
  if (/^postgres(ql)?:\/\//.test(url)) return 'postgres';
  if (/^pglite:./.test(url)) return 'pglite';
  throw new UnknownRecordsUrlError('must begin with postgres:// or pglite:');
}

/** Remembers under which prefix this deployment's workflows run; `serve` refuses to change it while some are open. */
export async function rememberTaskQueuePrefix(db: Db, taskQueuePrefix: string): Promise<void> {
  await db.updateTable('deployment').set({ taskQueuePrefix }).execute();
}
