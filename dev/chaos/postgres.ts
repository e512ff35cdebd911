import { spawn } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../servers/ports.js';
import { packageUser } from '../testing/package-user.js';
import { finished, findPrograms, queryDatabase, untilAnswers } from '../testing/postgres.js';
import { KeptServer, startServer } from './kept-server.js';

/**
 * What a killed server has committed stays: it is in the operating system's memory, which does not crash here. A commit
 * that was answered has been written.
 */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // Eight pools of twenty of Temporal's, and those of a killed one that have not ended yet.
  max_connections: 500,
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

/** Its log goes into `folder`. */
export async function startKeptPostgres(
  folder: string,
  databases: readonly string[],
  onUnexpectedEnd?: () => void,
): Promise<KeptPostgres> {
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
  const program = [join(bin, 'postgres'), '-D', data, ...flags] as const;
  const options = { ...user, cwd: home, logFile: join(folder, 'postgres.log') };
  const start = () => startServer(program, options, (hasEnded) => untilAnswers(urlOf('postgres'), hasEnded));
  const server = await KeptServer.begin(start, onUnexpectedEnd);
  for (const database of databases) await queryDatabase(urlOf('postgres'), `create database ${database}`);
  return {
    ...{ server, port, urlOf },
    async stop() {
      await server.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
