import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { freePort } from '../servers/ports.js';
import { findTemporalServer } from '../servers/temporal-server.js';
import { runProgram } from '../servers/tool-cache.js';
import { KeptServer } from './kept-server.js';

const STORES = { temporal: 'temporal', visibility: 'temporal_visibility' } as const;
export const temporalDatabases: readonly string[] = Object.values(STORES);
const SERVICES = ['frontend', 'history', 'matching', 'worker'] as const;
const START_TIMEOUT_MS = 120_000;

/** Temporal's server on Postgres, all its services in one process. */
export async function startTemporalCluster(
  folder: string,
  postgresPort: number,
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
  const address = `127.0.0.1:${ports['frontend']!.grpcPort}`;
  const server = await KeptServer.begin(async () => {
    const log = openSync(join(folder, 'temporal.log'), 'a');
    const args = ['--root', folder, '--config', 'temporal', '--env', 'chaos', '--allow-no-auth', 'start'];
    const child = spawn(programs.server, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    const ended = new Promise((resolve) => child.on('exit', resolve));
    await untilServes(address, () => child.exitCode !== null || child.signalCode !== null);
    return { pid: child.pid ?? 0, ended };
  });
  return { server, address };
}

const DYNAMIC = {
  'system.forceSearchAttributesCacheRefreshOnRead': [{ value: true }],
  'limit.maxIDLength': [{ value: 255 }],
};

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

async function untilServes(address: string, hasEnded: () => boolean): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: 2_000 });
      await connection.workflowService.listNamespaces({});
      await connection.close();
      return;
    } catch (error) {
      if (hasEnded() || Date.now() > deadline) throw new Error('the Temporal server did not start', { cause: error });
    }
    await delay(200);
  }
}
