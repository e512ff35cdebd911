import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CamelCasePlugin, Kysely, sql } from 'kysely';
import { migrateApart } from '../../../../database/client/migrate-apart.js';
import { migrate, migrationNames } from '../../../../database/client/migrate.js';
import { postgresDialect, SERVING_LIMITS, type PostgresLimits } from '../../../../database/client/postgres.js';
import type { Db, Schema } from '../../../../database/client/schema.js';
import { TcpProxy } from '../../../../dev/testing/tcp-proxy.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { createDatabase } from '../../../../dev/testing/postgres.js';

const REPORT_MS = 100;

describe('a migration', () => {
  let proxy: TcpProxy;
  let url: string;
  const opened: Db[] = [];
  beforeEach(async () => {
    url = await createDatabase();
    proxy = await TcpProxy.start(url);
  });
  afterEach(async () => {
    proxy.speak('lost');
    await Promise.all(opened.splice(0).map((db) => db.destroy()));
    await proxy.stop();
  });

  const open = (limits: PostgresLimits | null, name: string, through = proxy.url): Db => {
    const dialect = postgresDialect({ url: through, maxConnections: 2, applicationName: name, limits });
    const db = new Kysely<Schema>({ dialect, plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })] });
    opened.push(db);
    return db;
  };
  const migrating = () => {
    const lines: object[] = [];
    const log = {
      info: (fields: object, message: string) => void lines.push({ message, ...fields }),
      warn: () => undefined,
    };
    const limits = { ...SERVING_LIMITS, queryMs: 500, connectMs: 500 };
    const done = migrateApart(open(null, 'apart'), open(limits, 'watch'), log, REPORT_MS);
    done.catch(() => undefined);
    return { lines, done };
  };
  /** As another process does while it migrates. */
  const lockedByAnother = async () => {
    const other = open(null, 'other', url);
    const end = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const held = other.connection().execute(async (connection) => {
      await sql`select pg_advisory_lock(7238116904)`.execute(connection);
      begun.resolve();
      await end.promise;
      await sql`select pg_advisory_unlock(7238116904)`.execute(connection);
    });
    await begun.promise;
    return {
      db: other,
      end: async () => {
        end.resolve();
        await held;
      },
    };
  };

  test('a migration waits for another process’s for as long as that takes, and says so again and again', async () => {
    const other = await lockedByAnother();
    const { lines, done } = migrating();
    await eventually(() => lines.length >= 3);
    expect(lines[1]).toEqual({ message: 'database-migrating', seconds: expect.any(Number), waits: true });
    await other.end();
    await done;
    expect(await other.db.selectFrom('migrations').select('name').execute()).toHaveLength(
      (await migrationNames()).length,
    );
  });

  test('a migration says that it works when it does', async () => {
    const blocker = open(null, 'blocker', url);
    await migrate(blocker, 0);
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const held = blocker.transaction().execute(async (trx) => {
      await sql`lock table migrations in access exclusive mode`.execute(trx);
      begun.resolve();
      await end.promise;
    });
    await begun.promise;
    const { lines, done } = migrating();
    await eventually(() => lines.length >= 2);
    expect(lines[0]).toMatchObject({ waits: false });
    end.resolve();
    await Promise.all([held, done]);
  });

  test('a migration ends when the database has ended its session', async () => {
    const other = await lockedByAnother();
    const { lines, done } = migrating();
    await eventually(() => lines.length >= 1);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'apart' and datname = current_database()`.execute(open(null, 'killer', url));
    await expect(done).rejects.toThrow(/terminat/);
    await other.end();
  });

  test('a migration ends when the database has not said for six reports in a row that it goes on', async () => {
    const other = await lockedByAnother();
    const { lines, done } = migrating();
    await eventually(() => lines.length >= 1);
    proxy.silence();
    await expect(done).rejects.toThrow('the database stopped answering');
    await other.end();
  });
});
