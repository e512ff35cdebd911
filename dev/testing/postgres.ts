import { spawn, type SpawnOptions } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from '../servers/ports.js';
import { packageUser } from './package-user.js';

/** Where global set-up tells the test files which server is theirs. */
const ADMIN_URL = 'TEST_POSTGRES_URL';
const DEBIAN_ROOT = '/usr/lib/postgresql';
const START_TIMEOUT_MS = 120_000;

/** A new empty database on the server of this test run. */
export async function createDatabase(): Promise<string> {
  const adminUrl = process.env[ADMIN_URL];
  if (!adminUrl) throw new Error('no Postgres in this test run: only the projects integration and end-to-end have one');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name}`);
  } finally {
    await client.end();
  }
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Rows of one statement, on a connection of its own. */
export async function queryDatabase<Row extends pg.QueryResultRow>(
  url: string,
  statement: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(statement, [...values])).rows;
  } finally {
    await client.end();
  }
}

/**
 * Starts a Postgres of this run's own, on 127.0.0.1 and in a temporary folder, and makes it the one of
 * `createDatabase`.
 */
export async function startPostgres(): Promise<{ readonly pid: number; stop(): Promise<void> }> {
  const bin = findPrograms();
  // Postgres refuses to run as root.
  const user = packageUser('postgres', 'postgresql');
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-postgres-'));
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
  const options: SpawnOptions = { ...user, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] };
  const data = join(folder, 'data');
  const init = ['-D', data, '--username=test', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'];
  await finished(spawn(join(bin, 'initdb'), init, options));
  const port = await freePort();
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 300,
    shared_buffers: '64MB',
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...flags], { ...options, stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => server.on('exit', () => resolve()));
  // The server accepts any password; tests search logs for this one.
  const adminUrl = `postgres://test:hidden-password@127.0.0.1:${port}/postgres`;
  await untilAnswers(adminUrl, () => server.exitCode !== null);
  process.env[ADMIN_URL] = adminUrl;
  return {
    pid: server.pid ?? 0,
    async stop() {
      server.kill('SIGINT');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Debian keeps the server's programs off the PATH, in one folder for each version. */
export function findPrograms(): string {
  const versions = existsSync(DEBIAN_ROOT) ? readdirSync(DEBIAN_ROOT).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(DEBIAN_ROOT, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(':'),
  ];
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')));
  if (!found)
    throw new Error("Postgres is not installed: these tests need Debian's package postgresql, or initdb on the PATH");
  return found;
}

export async function finished(child: ReturnType<typeof spawn>): Promise<void> {
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new Error(`initdb failed: ${errors.trim()}`);
}

export async function untilAnswers(url: string, hasEnded: () => boolean): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (hasEnded() || Date.now() > deadline) throw new Error('Postgres did not start', { cause: error });
    }
    await delay(50);
  }
}
