import { spawn } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../servers/ports.js';
import { packageUser } from '../testing/package-user.js';
import { finished, findPrograms, queryDatabase, untilAnswers } from '../testing/postgres.js';
import { KeptServer } from './kept-server.js';

/**
 * What a killed server has committed stays: it is in the operating system's memory, which does not crash here. A commit
 * that was answered has been written.
 */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: 300,
  shared_buffers: '128MB',
  fsync: 'off',
  synchronous_commit: 'on',
} as const;

export interface KeptPostgres {
  readonly server: KeptServer;
  readonly port: number;
  readonly urlOf: (database: string) => string;
  readonly stop: () => Promise<void>;
}

export async function startKeptPostgres(databases: readonly string[]): Promise<KeptPostgres> {
  const bin = findPrograms();
  const user = packageUser('postgres', 'postgresql');
  // The server's user may not look into a folder of ours.
  const home = mkdtempSync(join(tmpdir(), 'worker-manager-postgres-'));
  if (user.uid !== undefined && user.gid !== undefined) chownSync(home, user.uid, user.gid);
  const data = join(home, 'data');
  const init = ['-D', data, '--username=test', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'];
  await finished(spawn(join(bin, 'initdb'), init, { ...user, cwd: home, stdio: ['ignore', 'ignore', 'pipe'] }));
  const port = await freePort();
  const urlOf = (database: string) => `postgres://test:unused@127.0.0.1:${port}/${database}`;
  const flags = Object.entries({ ...SETTINGS, port }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = await KeptServer.begin(async () => {
    const child = spawn(join(bin, 'postgres'), ['-D', data, ...flags], { ...user, cwd: home, stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    await untilAnswers(urlOf('postgres'), () => child.exitCode !== null || child.signalCode !== null);
    return { pid: child.pid ?? 0, ended };
  });
  for (const database of databases) await queryDatabase(urlOf('postgres'), `create database ${database}`);
  return {
    ...{ server, port, urlOf },
    async stop() {
      await server.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
