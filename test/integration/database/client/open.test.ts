import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { migrate, migrationNames, missingMigrations } from '../../../../database/client/migrate.js';
import { openDatabase, databaseKind, recordTaskQueuePrefix, type Database } from '../../../../database/client/open.js';
import { listPoolIds } from '../../../../database/pools.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { copyPglite } from '../../../../dev/testing/pglite.js';
import { createDatabase } from '../../../../dev/testing/postgres.js';
import { engines, makePool, NOW, openTestDatabase, poolId } from '../../../support/database.js';

describe.each(engines)('a database on %s', (engine) => {
  let database: Database;
  beforeAll(async () => {
    database = await openTestDatabase(engine);
  });
  afterAll(() => database.close());

  test('a database of before the first release names npm run reset', async () => {
    const { db } = database;
    const [first] = await migrationNames();
    await db.updateTable('migrations').set({ name: '0001_initial.sql' }).where('name', '=', first!).execute();
    await expect(missingMigrations(db)).rejects.toThrow('npm run reset');
    await db.updateTable('migrations').set({ name: first! }).where('name', '=', '0001_initial.sql').execute();
  });

  test('a database is migrated once, and keeps the id and the key of its creation', async () => {
    const { db } = database;
    expect(await migrate(db, NOW)).toEqual([]);
    const { deploymentId, deploymentKey } = await db.selectFrom('deployment').selectAll().executeTakeFirstOrThrow();
    expect(database.deployment).toEqual({ deploymentId, deploymentKey, taskQueuePrefix: null });
    expect(deploymentId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Buffer.from(deploymentKey, 'base64url')).toHaveLength(32);
    await recordTaskQueuePrefix(db, 'worker-manager');
    expect((await db.selectFrom('deployment').select('taskQueuePrefix').execute())[0]?.taskQueuePrefix).toBe(
      'worker-manager',
    );
  });

  test('a database answers a ping', async () => {
    await expect(database.ping()).resolves.toBeUndefined();
  });

  test('a database gives bigint, sums and counts as numbers, and json as it was', async () => {
    const value = {
      text: 'ä\u2028"',
      list: [1, 'two', null, { three: 3.5 }],
      nested: { snake_case: true, camelCase: [] },
    };
    const { rows } = await sql`select cast(${NOW} as bigint) as big, (select count(*) from workers) as count,
      (select coalesce(sum(capacity), 0) from workers) as total, cast(${JSON.stringify(value)} as jsonb) as value`.execute(
      database.db,
    );
    expect(rows).toEqual([{ big: NOW, count: 0, total: 0, value }]);
  });

  test('a database keeps two transactions at once apart', async () => {
    const { db } = database;
    const insert = (scope: string, fail: boolean) =>
      db.transaction().execute(async (trx) => {
        await trx.insertInto('holds').values({ scope, reason: 'r', clientId: 'c', at: NOW }).execute();
        await trx.selectFrom('holds').selectAll().execute();
        if (fail) throw new Error('undone');
      });
    const results = await Promise.allSettled([
      insert('a', false),
      insert('b', true),
      insert('c', false),
      insert('d', true),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect((await db.selectFrom('holds').select('scope').orderBy('scope').execute()).map(({ scope }) => scope)).toEqual(
      ['a', 'c'],
    );
  });

  test('a database lets running queries end before it closes, and rejects later ones', async () => {
    const closing = await openTestDatabase(engine);
    const begun = Promise.withResolvers<void>();
    const slow = closing.db.transaction().execute(async (trx) => {
      begun.resolve();
      await makePool(trx);
      return await listPoolIds(trx);
    });
    await begun.promise;
    const closed = closing.close();
    expect(await slow).toEqual([poolId]);
    await closed;
    await expect(closing.ping()).rejects.toBeInstanceOf(Error);
  });

  test('a database undoes a transaction whose statement failed, even if it goes on as if nothing had happened', async () => {
    const { db } = database;
    const attempt = db.transaction().execute(async (trx) => {
      await trx.insertInto('holds').values({ scope: 'z', reason: 'r', clientId: 'c', at: NOW }).execute();
      await sql`select 1 / 0`.execute(trx).catch(() => undefined);
    });
    await expect(attempt).rejects.toMatchObject({ name: 'AbortedTransactionError' });
    expect(await db.selectFrom('holds').where('scope', '=', 'z').selectAll().execute()).toEqual([]);
    await expect(sql`select * from nothing`.execute(db)).rejects.toMatchObject({ code: '42P01' });
    await expect(database.ping()).resolves.toBeUndefined();
  });
});

describe('a database on Postgres', () => {
  test('a database is migrated once by processes that start at once, which agree on the deployment', async () => {
    const url = await createDatabase();
    const all = await Promise.all(Array.from({ length: 4 }, () => openDatabase({ url, maxConnections: 2 })));
    expect(new Set(all.map(({ deployment }) => deployment.deploymentKey)).size).toBe(1);
    await Promise.all(all.map((each) => each.close()));
  });

  test('a database survives the loss of its connections', async () => {
    const url = await createDatabase();
    const database = await openDatabase({
      url,
      applicationName: 'lost',
      log: { info: () => undefined, warn: () => undefined },
    });
    const other = await openDatabase({ url });
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lost'`.execute(other.db);
    await eventually(() =>
      database.ping().then(
        () => true,
        () => false,
      ),
    );
    await Promise.all([database.close(), other.close()]);
  });

  test('a database that cannot be reached is an error that does not show the password', async () => {
    const attempt = openDatabase({ url: 'postgres://user:s3cret@127.0.0.1:1/none' });
    await expect(attempt).rejects.toThrow('ECONNREFUSED');
    expect(String(await attempt.catch((error: unknown) => error))).not.toContain('s3cret');
  });
});

test('a database of another kind is rejected without repeating the URL', () => {
  expect(databaseKind('pglite::memory:')).toBe('pglite');
  expect(databaseKind('postgresql://host/db')).toBe('postgres');
  expect(() => databaseKind('mysql://user:s3cret@host/db')).toThrow(/^must begin with/);
});

describe('a database in a directory', () => {
  const folders: string[] = [];
  const directory = () => {
    const folder = mkdtempSync(join(tmpdir(), 'worker-manager-database-'));
    folders.push(folder);
    return join(folder, 'database');
  };
  const createdDirectory = () => {
    const path = directory();
    copyPglite(path);
    return path;
  };
  const children: Child[] = [];
  afterAll(() => {
    for (const { process: child } of children) child.kill('SIGKILL');
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  const open = (path: string) => openDatabase({ url: `pglite:${path}` });
  const startChild = (path: string, first = 0): Child => {
    const root = new URL('../../../../', import.meta.url);
    const program = new URL('test/support/database-process.ts', root).pathname;
    const loader = new URL('scripts/typescript.mjs', root).href;
    const args = [
      '--disable-warning=ExperimentalWarning',
      '--import',
      loader,
      program,
      `pglite:${path}`,
      String(first),
    ];
    const env = { ...process.env, NODE_OPTIONS: '' };
    const child = new Child(spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] }));
    children.push(child);
    return child;
  };

  test('a database in a directory is created whole, also where a dead process left a lock and half a database, and exists again later', async () => {
    const path = directory();
    mkdirSync(join(path, 'data.unfinished'), { recursive: true });
    writeFileSync(join(path, 'data.unfinished', 'PG_VERSION'), '17\n');
    // The dead one's process id is in use again: by us.
    writeFileSync(join(path, 'lock'), `${process.pid} 12345\n`);
    const first = await open(path);
    expect(readFileSync(join(path, 'lock'), 'utf8')).not.toContain(' 12345\n');
    await makePool(first.db);
    await first.close();
    const second = await open(path);
    expect(second.deployment).toEqual(first.deployment);
    expect(await listPoolIds(second.db)).toEqual([poolId]);
    await second.close();
  }, 60_000);

  test('a database in a directory serves one opener at a time: a second, in this process or another, gets the holder’s name', async () => {
    const path = createdDirectory();
    const first = await open(path);
    await expect(open(path)).rejects.toMatchObject({ name: 'DatabaseInUseError' });
    const other = startChild(path);
    expect(await other.ended).toBe(1);
    expect(other.lines).toEqual([
      `DatabaseInUseError: ${path} is in use by process ${process.pid}; the embedded database serves one process`,
    ]);
    await first.close();
  }, 60_000);

  test('a database in a directory loses nothing that was acknowledged when its process is killed, again and again', async () => {
    const path = createdDirectory();
    let acknowledged = -1;
    for (let kills = 0; kills < 3; kills += 1) {
      const child = startChild(path, acknowledged + 1);
      await child.until((lines) => lines.length >= 20 + kills * 7);
      child.process.kill('SIGKILL');
      await child.ended;
      acknowledged = Math.max(acknowledged, ...child.lines.slice(1).map(Number));
    }
    const database = await open(path);
    const found = new Set(await listPoolIds(database.db));
    for (let number = 0; number <= acknowledged; number += 1) expect(found).toContain(`prov/p-${number}`);
    await database.close();
  }, 120_000);
});

/** A child process and the lines it printed. */
class Child {
  readonly process: ChildProcess;
  readonly ended: Promise<number | null>;
  #text = '';
  #waiting: (() => void)[] = [];

  constructor(child: ChildProcess) {
    this.process = child;
    this.ended = new Promise((resolve) => child.on('close', (code) => resolve(code)));
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString();
      for (const check of this.#waiting) check();
    });
  }

  /** Whole lines only. */
  get lines(): string[] {
    return this.#text.split('\n').slice(0, -1);
  }

  async until(condition: (lines: string[]) => boolean): Promise<void> {
    await Promise.race([
      new Promise<void>((resolve) => {
        const check = () => condition(this.lines) && resolve();
        this.#waiting.push(check);
        check();
      }),
      this.ended.then((code) => {
        throw new Error(`ended with ${code}: ${this.lines.join('; ')}`);
      }),
    ]);
  }
}
