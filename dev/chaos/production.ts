import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { freePort } from '../servers/ports.js';
import { createNamespace } from '../testing/namespace.js';
import { queryDatabase } from '../testing/postgres.js';
import { TcpProxy } from '../testing/tcp-proxy.js';
import { Balancer } from './balancer.js';
import { beginAll, type Begun } from './begun.js';
import { readRows, type Rows } from './check/rows.js';
import {
  apiAt,
  configWriter,
  type Deployment,
  type DeploymentOptions,
  newFolder,
  startClouds,
  type Store,
} from './deployment.js';
import { KeptProcess } from './kept-process.js';
import { type KeptPostgres, startKeptPostgres } from './postgres.js';
import { startKeptDevServer } from './temporal-dev-server.js';
import { startTemporalCluster, temporalDatabases } from './temporal-cluster.js';

const DATABASE = 'worker_manager';
const COPIES = [1, 2];

/**
 * As in production, without containers: Temporal's server and the product's database on Postgres, two processes each.
 */
export const startProduction = (options: DeploymentOptions): Promise<Deployment> =>
  beginAll((begun) => begin(options, begun));

async function begin(options: DeploymentOptions, begun: Begun): Promise<Deployment> {
  const { regions, root, temporal = 'server', onUnexpectedEnd } = options;
  const folder = newFolder();
  const simulator = begun.add(await startClouds(folder, regions), (each) => each.stop());
  const databases = [...temporalDatabases, DATABASE];
  const postgres = await startKeptPostgres(folder, databases, startedAgain('Postgres'));
  begun.add(postgres, (each) => each.stop());
  const cluster =
    temporal === 'server'
      ? await startTemporalCluster(folder, postgres.port, startedAgain('Temporal'))
      : await startKeptDevServer(folder, startedAgain('Temporal'));
  begun.add(cluster.server, (each) => each.stop());
  const { namespace, client } = await createNamespace(cluster.address);
  await client.connection.close();
  const connection = begun.add(await Connection.connect({ address: cluster.address }), (each) => each.close());
  const temporalProxy = begun.add(await TcpProxy.start(`tcp://${cluster.address}`), (each) => each.stop());
  const databaseProxy = begun.add(await TcpProxy.start(postgres.urlOf(DATABASE)), (each) => each.stop());
  const ports = [await freePort(), await freePort()];
  const balancer = begun.add(await Balancer.start(ports), (each) => each.stop());
  await simulator.setApi(`http://127.0.0.1:${balancer.port}`);
  const writeConfig = await configWriter(
    { folder, simulator, regions },
    { temporalAddress: temporalProxy.address, databaseUrl: databaseProxy.url, namespace },
  );
  const start = (role: 'api' | 'worker', copy: number) => {
    const name = `${role}-${copy}`;
    const configFile = writeConfig(name, { apiPort: ports[copy - 1]! });
    return new KeptProcess({ name, role, configFile, folder, root, onUnexpectedEnd });
  };
  const processes = (['api', 'worker'] as const).flatMap((role) => COPIES.map((copy) => start(role, copy)));
  begun.add(processes, (all) => Promise.all(all.map((process) => process.stop('SIGKILL'))));
  await Promise.all(processes.map((process) => process.serves()));
  for (const proxy of [temporalProxy, databaseProxy]) begun.add(proxy, (each) => each.speak('lost'));
  return {
    ...{ shape: 'production', folder, simulator, api: apiAt(balancer.port), processes },
    temporal: { server: cluster.server, proxy: temporalProxy },
    database: { server: postgres.server, proxy: databaseProxy },
    temporalClient: new Client({ connection, namespace }),
    store: storeOf(postgres, processes),
    readRows: () => readPostgres(postgres.urlOf(DATABASE)),
    stop: () => begun.end(),
  };
}

const startedAgain = (name: string) => () =>
  void process.stderr.write(`${name} ended by itself, and is started again\n`);

function storeOf({ urlOf }: KeptPostgres, processes: readonly KeptProcess[]): Store {
  const admin = (statement: string) => queryDatabase(urlOf('postgres'), statement);
  const disconnect = () =>
    admin(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${DATABASE}'`);
  return {
    query: <Row extends object>(statement: string, values: readonly unknown[] = []) =>
      queryDatabase<Row & pg.QueryResultRow>(urlOf(DATABASE), statement, values),
    async whileDown(work) {
      const { promise: allDown, resolve } = Promise.withResolvers<void>();
      let down = 0;
      const worked = allDown.then(work);
      const whileDown = async () => {
        if ((down += 1) === processes.length) resolve();
        await worked.catch(() => undefined);
      };
      await Promise.all(processes.map((process) => process.kill(whileDown)));
      await worked;
      await Promise.all(processes.map((process) => process.serves()));
    },
    async copy(name) {
      await disconnect();
      await admin(`create database ${name} template ${DATABASE}`);
    },
    async putBack(name) {
      await admin(`drop database ${DATABASE} with (force)`);
      await admin(`alter database ${name} rename to ${DATABASE}`);
    },
    async create(name) {
      await admin(`create database ${name}`);
      return urlOf(name);
    },
  };
}

/** In one transaction, so that no two tables are of different instants. */
async function readPostgres(url: string): Promise<Rows> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('begin transaction isolation level repeatable read read only');
    return await readRows(async (statement) => (await client.query<object>(statement)).rows);
  } finally {
    await client.end();
  }
}
