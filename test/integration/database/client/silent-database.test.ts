import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import pg from 'pg';
import { isDatabaseUnavailable } from '../../../../database/client/failures.js';
import { openDatabase, type Database, type DatabaseOptions } from '../../../../database/client/open.js';
import { SERVING_LIMITS } from '../../../../database/client/postgres.js';
import { TcpProxy } from '../../../../dev/testing/tcp-proxy.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { createDatabase } from '../../../../dev/testing/postgres.js';

/** Limits of a tenth, so that what takes half a minute takes seconds. */
const SHORT = Object.fromEntries(
  Object.entries(SERVING_LIMITS).map(([name, ms]) => [name, ms / 10]),
) as unknown as typeof SERVING_LIMITS;

describe('a database that falls silent', () => {
  let url: string;
  let proxy: TcpProxy;
  const opened: Database[] = [];
  beforeEach(async () => {
    url = await createDatabase();
    proxy = await TcpProxy.start(url);
  });
  afterEach(async () => {
    proxy.speak('lost');
    await Promise.all(opened.splice(0).map((database) => database.close()));
    await proxy.stop();
  });

  const open = async (options: Partial<DatabaseOptions> = {}) => {
    const database = await openDatabase({ url: proxy.url, limits: SHORT, maxConnections: 3, ...options });
    opened.push(database);
    return database;
  };
  const answers = (database: Database) => () =>
    database.ping().then(
      () => true,
      () => false,
    );

  test('a silent database has each unanswered query given up as unavailable, and is used again when it is back', async () => {
    const database = await open();
    await Promise.all([database.ping(), database.ping(), database.ping()]);
    proxy.silence();
    // Twice as many as there are connections: some wait for the database, some for a connection.
    const failures = await Promise.all(
      Array.from({ length: 6 }, () =>
        database.ping().then(
          () => null,
          (error: unknown) => error,
        ),
      ),
    );
    expect(failures.map(isDatabaseUnavailable)).toEqual(Array.from({ length: 6 }, () => true));
    proxy.speak('lost');
    await eventually(answers(database), { withinMs: 30_000 });
    await Promise.all(Array.from({ length: 6 }, () => database.ping()));
  });

  test('connections that died while nobody used them are replaced', async () => {
    const database = await open();
    await Promise.all([database.ping(), database.ping(), database.ping()]);
    proxy.silence();
    proxy.speak('lost');
    await eventually(answers(database), { withinMs: 30_000 });
  });

  test('connections go on after a short silence that loses nothing', async () => {
    const database = await open({ maxConnections: 1, limits: SERVING_LIMITS });
    const pid = async () =>
      (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(database.db)).rows[0]!.pid;
    const before = await pid();
    proxy.silence();
    const during = pid();
    proxy.speak();
    expect(await during).toBe(before);
  });

  test('a connection that a transaction does not give back is destroyed', async () => {
    const database = await open({
      maxConnections: 1,
      limits: { ...SHORT, idleInTransactionMs: 600_000, checkoutMs: 500 },
    });
    const begun = Promise.withResolvers<void>();
    const hangs = Promise.withResolvers<void>();
    const transaction = database.db.transaction().execute(async (trx) => {
      await sql`select 1`.execute(trx);
      begun.resolve();
      await hangs.promise;
      await sql`select 1`.execute(trx);
    });
    transaction.catch(() => undefined);
    await begun.promise;
    await eventually(async () => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const { rows } = await client.query(
        `select 1 from pg_stat_activity where state = 'idle in transaction' and datname = current_database()`,
      );
      await client.end();
      return rows.length === 0;
    });
    hangs.resolve();
    await expect(transaction).rejects.toMatchObject({ code: '08006' });
    // A new connection has half a second here, which a busy machine may need.
    await eventually(answers(database));
  });

  test('every connection tells the server its limits', async () => {
    const database = await open({ limits: SERVING_LIMITS });
    const { rows } = await sql`select name, setting from pg_settings where name in ('statement_timeout', 'lock_timeout',
      'idle_in_transaction_session_timeout', 'tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_keepalives_count',
      'tcp_user_timeout') order by name`.execute(database.db);
    expect(rows).toEqual([
      { name: 'idle_in_transaction_session_timeout', setting: '10000' },
      { name: 'lock_timeout', setting: '5000' },
      { name: 'statement_timeout', setting: '12000' },
      { name: 'tcp_keepalives_count', setting: '3' },
      { name: 'tcp_keepalives_idle', setting: '10' },
      { name: 'tcp_keepalives_interval', setting: '5' },
      { name: 'tcp_user_timeout', setting: '25000' },
    ]);
  });

  test('the session settings of the URL win over our own', async () => {
    const own = new URL(proxy.url);
    own.searchParams.set('options', '-c tcp_keepalives_idle=77 -c search_path=public');
    const database = await open({ url: own.href });
    const { rows } = await sql`select current_setting('tcp_keepalives_idle') as idle,
      current_setting('tcp_keepalives_count') as count`.execute(database.db);
    expect(rows).toEqual([{ idle: '77', count: '3' }]);
  });
});
