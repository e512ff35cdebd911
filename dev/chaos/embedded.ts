import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { Client, Connection } from '@temporalio/client';
import { freePort } from '../servers/ports.js';
import { TcpProxy } from '../testing/tcp-proxy.js';
import { beginAll, type Begun } from './begun.js';
import { readRows, type Rows } from './check/rows.js';
import { apiAt, configWriter, type Deployment, type DeploymentOptions, newFolder, startClouds } from './deployment.js';
import { KeptProcess } from './kept-process.js';
import { startKeptDevServer } from './temporal-dev-server.js';

/** One process of everything with its database inside, as `npm start` has it, and Temporal's dev server on a file. */
export const startEmbedded = (options: DeploymentOptions): Promise<Deployment> =>
  beginAll((begun) => begin(options, begun));

async function begin({ regions, root, onUnexpectedEnd }: DeploymentOptions, begun: Begun): Promise<Deployment> {
  const folder = newFolder();
  const simulator = begun.add(await startClouds(folder, regions), (each) => each.stop());
  const { server: temporal, address } = await startKeptDevServer(folder);
  begun.add(temporal, (each) => each.stop());
  const proxy = begun.add(await TcpProxy.start(`tcp://${address}`), (each) => each.stop());
  const connection = begun.add(await Connection.connect({ address }), (each) => each.close());
  const apiPort = await freePort();
  await simulator.setApi(`http://127.0.0.1:${apiPort}`);
  const database = join(folder, 'database');
  const writeConfig = await configWriter(
    { folder, simulator, regions },
    { temporalAddress: proxy.address, databaseUrl: `pglite:${database}`, namespace: 'default' },
  );
  const configFile = writeConfig('all', { apiPort });
  const all = new KeptProcess({ name: 'all', role: 'all', configFile, folder, root, onUnexpectedEnd });
  begun.add(all, (each) => each.stop('SIGKILL'));
  await all.serves();
  begun.add(proxy, (each) => each.speak('lost'));
  return {
    ...{ shape: 'embedded', folder, simulator, api: apiAt(apiPort), processes: [all] },
    database: null,
    store: null,
    temporal: { server: temporal, proxy },
    temporalClient: new Client({ connection }),
    readRows: () => readClosed(database, join(folder, 'copy')),
    stop: () => begun.end(),
  };
}

/** The rows of a database that no process has open; a copy is opened, because its own process goes on with it. */
async function readClosed(database: string, copy: string): Promise<Rows> {
  rmSync(copy, { recursive: true, force: true });
  cpSync(join(database, 'data'), copy, { recursive: true });
  rmSync(join(copy, 'postmaster.pid'), { force: true });
  const opened = await PGlite.create(copy);
  try {
    return await readRows(async (statement) => (await opened.query<object>(statement)).rows);
  } finally {
    await opened.close();
  }
}
