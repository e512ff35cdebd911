import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { freePort, HOST, listens } from '../servers/ports.js';
import { findTemporalServer } from '../servers/temporal-server.js';
import { runProgram } from '../servers/tool-cache.js';
import { KeptServer, startServer } from './kept-server.js';

const STORES = { temporal: 'temporal', visibility: 'temporal_visibility' } as const;
export const temporalDatabases: readonly string[] = Object.values(STORES);
const SERVICES = ['frontend', 'history', 'matching', 'worker'] as const;
const START_TIMEOUT_MS = 120_000;

/** Temporal's server on Postgres, all its services in one process. */
export async function startTemporalCluster(
  folder: string,
  postgresPort: number,
  onUnexpectedEnd?: () => void,
): Promise<{ server: KeptServer; address: string }> {
  const programs = await findTemporalServer((line) => process.stderr.write(`${line}\n`));
  for (const [name, database] of Object.entries(STORES)) {
    const on = ['--ep', '127.0.0.1', '-p', String(postgresPort), '-u', 'test', '--pl', 'postgres12', '--db', database];
    await runProgram(programs.sqlTool, [...on, 'setup-schema', '-v', '0.0']);
    await runProgram(programs.sqlTool, [...on, 'update-schema', '--schema-name', `postgresql/v12/${name}`]);
  }
  const config = join(folder, 'temporal');
  mkdirSync(config);
  const ports: Record<string, { grpcPort: number; membershipPort: number }> = {};
  for (const service of SERVICES) ports[service] = { grpcPort: await freePort(), membershipPort: await freePort() };
  // JSON is YAML.
  writeFileSync(join(config, 'chaos.yaml'), JSON.stringify(configOf(config, postgresPort, ports)));
  writeFileSync(join(config, 'dynamic.yaml'), JSON.stringify(DYNAMIC));
  const port = ports['frontend']!.grpcPort;
  const args = ['--root', folder, '--config', 'temporal', '--env', 'chaos', '--allow-no-auth', 'start'];
  const program = [programs.server, ...args] as const;
  const logFile = join(folder, 'temporal.log');
  const start = () => startServer(program, { logFile }, (hasEnded) => untilServes(port, hasEnded));
  return { server: await KeptServer.begin(start, onUnexpectedEnd), address: `${HOST}:${port}` };
}

/** Columns of ids are no longer in SQL; else as the server comes, its limits of calls among it. */
const DYNAMIC = { 'limit.maxIDLength': [{ value: 255 }] };

function configOf(
  folder: string,
  postgresPort: number,
  ports: Record<string, { grpcPort: number; membershipPort: number }>,
) {
  const store = (databaseName: string) => ({
    sql: {
      ...{ pluginName: 'postgres12', databaseName, connectAddr: `127.0.0.1:${postgresPort}`, connectProtocol: 'tcp' },
      ...{ user: 'test', password: 'unused', maxConns: 20, maxIdleConns: 20, maxConnLifetime: '1h' },
    },
  });
  const cluster = { enabled: true, initialFailoverVersion: 1, rpcName: 'frontend' };
  const rpcAddress = `127.0.0.1:${ports['frontend']!.grpcPort}`;
  return {
    log: { stdout: true, level: 'error' },
    persistence: {
      ...{ defaultStore: 'temporal', visibilityStore: 'visibility', numHistoryShards: 4 },
      datastores: { temporal: store(STORES.temporal), visibility: store(STORES.visibility) },
    },
    global: { membership: { maxJoinDuration: '30s', broadcastAddress: '127.0.0.1' } },
    services: Object.fromEntries(
      Object.entries(ports).map(([service, rpc]) => [service, { rpc: { ...rpc, bindOnLocalHost: true } }]),
    ),
    clusterMetadata: {
      ...{ enableGlobalNamespace: false, failoverVersionIncrement: 10 },
      ...{ masterClusterName: 'active', currentClusterName: 'active' },
      clusterInformation: { active: { ...cluster, rpcAddress } },
    },
    dcRedirectionPolicy: { policy: 'noop' },
    dynamicConfigClient: { filepath: join(folder, 'dynamic.yaml'), pollInterval: '10s' },
  };
}

async function untilServes(port: number, hasEnded: () => boolean): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (let cause: unknown; ; await delay(200)) {
    try {
      if (await listens(port)) return await answers(`${HOST}:${port}`);
    } catch (error) {
      cause = error;
    }
    if (hasEnded() || Date.now() > deadline) throw new Error('the Temporal server does not serve', { cause });
  }
}

async function answers(address: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: 2_000 });
  try {
    await connection.withDeadline(Date.now() + 10_000, () => connection.workflowService.listNamespaces({}));
  } finally {
    await connection.close();
  }
}
