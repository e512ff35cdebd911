import { CamelCasePlugin, Kysely, sql, type Dialect } from 'kysely';
import type { Deployment } from '../../domain/deployment.js';
import type { Log } from '../../observability/log-events.js';
import { migrateApart } from './migrate-apart.js';
import { migrate, migrationNames, missingMigrations } from './migrate.js';
import { hasPglite, openPglite } from './pglite/open.js';
import { type Listen } from './notifications.js';
import { listenOnPglite } from './pglite/listen.js';
import {
  listenOnPostgres,
  postgresDialect,
  SERVING_LIMITS,
  type PostgresLimits,
  type PostgresOptions,
} from './postgres.js';
import { allPools, type PoolWithLaunchConfigs } from '../pools.js';
import { providerAccounts } from '../provider-accounts.js';
import type { Db, Schema } from './schema.js';
import type { WriteRefusals } from './write-refusals.js';
import { liveWorkersByProvider } from '../workers.js';

export interface DatabaseOptions {
  /** `pglite:./directory`, `pglite::memory:` or `postgres://…`. */
  readonly url: string;
  /** Postgres only; PGlite has one. */
  readonly maxConnections?: number;
  /** What Postgres shows of our connections. */
  readonly applicationName?: string;
  readonly log?: Log<'info' | 'warn'>;
  /** Postgres only. */
  readonly limits?: PostgresLimits;
  /** Postgres only: hears what comes of each statement. */
  readonly refusals?: WriteRefusals;
}

export interface Database {
  readonly db: Db;
  readonly kind: 'pglite' | 'postgres';
  readonly deployment: Deployment;
  /** To what commits send; on Postgres two connections more than `maxConnections`. */
  readonly listen: Listen;
  /** Resolves when the database answers. */
  ping(): Promise<void>;
  /** Waits for what is running. */
  close(): Promise<void>;
}

/**
 * Opens and migrates the database. Throws `DatabaseInUseError` when another process has the PGlite directory,
 * `UnknownDatabaseUrlError` for any other kind of URL, and the driver's error when Postgres cannot be reached.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const kind = databaseKind(options.url);
  const { db, listen } = kind === 'pglite' ? await openMigratedPglite(options) : await openMigratedPostgres(options);
  try {
    const deployment = await selectDeployment(db).executeTakeFirstOrThrow();
    return {
      db,
      kind,
      deployment,
      listen,
      ping: async () => void (await sql`select 1`.execute(db)),
      close: () => db.destroy(),
    };
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

type Opened = Pick<Database, 'db' | 'listen'>;

async function openMigratedPglite(options: DatabaseOptions): Promise<Opened> {
  const { client, dialect } = await openPglite(directoryOf(options));
  const db = kyselyOn(dialect);
  try {
    await migrate(db, Date.now());
  } catch (error) {
    await db.destroy();
    throw error;
  }
  client.limitQueries();
  return { db, listen: listenOnPglite(client, db) };
}

/** Migrates on a connection of its own, which no limit of the others stops. */
async function openMigratedPostgres(options: DatabaseOptions): Promise<Opened> {
  const db = kyselyOn(postgresDialect(postgres(options)));
  const apart = kyselyOn(postgresDialect(postgres({ ...options, maxConnections: 1 }, null)));
  try {
    await migrateApart(apart, db, options.log);
    return { db, listen: listenOnPostgres(postgres(options)) };
  } catch (error) {
    await db.destroy();
    throw error;
  } finally {
    await apart.destroy();
  }
}

/** What `openDatabase` would find and do. */
export interface DatabaseState {
  readonly missingMigrations: readonly string[];
  /** Null when there is none yet. */
  readonly deployment: Deployment | null;
  /** Empty while migrations are missing, as the two below. */
  readonly pools: readonly PoolWithLaunchConfigs[];
  readonly liveWorkers: readonly { readonly providerId: string; readonly workers: number }[];
  readonly accounts: ReadonlyMap<string, string>;
}

const NOTHING_YET = { pools: [], liveWorkers: [], accounts: new Map<string, string>() };

/**
 * Reads the database and leaves it as it is: nothing is migrated, and no PGlite directory is made. Throws as
 * `openDatabase` does.
 */
export async function inspectDatabase(options: DatabaseOptions): Promise<DatabaseState> {
  const kind = databaseKind(options.url);
  if (kind === 'pglite' && !hasPglite(directoryOf(options))) {
    return { missingMigrations: await migrationNames(), deployment: null, ...NOTHING_YET };
  }
  const db = await connect(options);
  try {
    return await db.transaction().execute(async (trx) => {
      await sql`set transaction read only`.execute(trx);
      const missing = await missingMigrations(trx);
      const isNew = missing.length === (await migrationNames()).length;
      const deployment = isNew ? null : ((await selectDeployment(trx).executeTakeFirst()) ?? null);
      if (missing.length > 0) return { missingMigrations: missing, deployment, ...NOTHING_YET };
      return {
        missingMigrations: missing,
        deployment,
        pools: await allPools(trx),
        liveWorkers: await liveWorkersByProvider(trx),
        accounts: await providerAccounts(trx),
      };
    });
  } finally {
    await db.destroy();
  }
}

async function connect(options: DatabaseOptions): Promise<Db> {
  if (databaseKind(options.url) === 'postgres') return kyselyOn(postgresDialect(postgres(options)));
  return kyselyOn((await openPglite(directoryOf(options))).dialect);
}

const kyselyOn = (dialect: Dialect): Db =>
  new Kysely<Schema>({ dialect, plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })] });

const directoryOf = ({ url }: DatabaseOptions): string => url.slice('pglite:'.length);

const selectDeployment = (db: Db) =>
  db.selectFrom('deployment').select(['deploymentId', 'deploymentKey', 'taskQueuePrefix']);

const postgres = (
  options: DatabaseOptions,
  limits: PostgresLimits | null = options.limits ?? SERVING_LIMITS,
): PostgresOptions => ({
  limits,
  url: options.url,
  maxConnections: options.maxConnections ?? 10,
  applicationName: options.applicationName ?? 'worker-manager',
  log: options.log,
  refusals: options.refusals,
});

/** The message does not repeat the URL, which may hold a password. */
export class UnknownDatabaseUrlError extends Error {
  override readonly name = 'UnknownDatabaseUrlError';
}

export function databaseKind(url: string): 'pglite' | 'postgres' {
  if (/^postgres(ql)?:\/\//.test(url)) return 'postgres';
  if (/^pglite:./.test(url)) return 'pglite';
  throw new UnknownDatabaseUrlError('must begin with postgres:// or pglite:');
}

/** Records under which prefix this deployment's workflows run; `serve` refuses to change it while some are open. */
export async function recordTaskQueuePrefix(db: Db, taskQueuePrefix: string): Promise<void> {
  await db.updateTable('deployment').set({ taskQueuePrefix }).execute();
}
