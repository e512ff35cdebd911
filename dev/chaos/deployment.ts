import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { ApiClient } from '../testing/api-client.js';
import { azureProviderConfig } from '../testing/azure-pool.js';
import { googleProviderConfig } from '../testing/google-pool.js';
import { startSimulator, type SimulatorHandle } from '../testing/simulator.js';
import type { TcpProxy } from '../testing/tcp-proxy.js';
import type { Rows } from './check/rows.js';
import type { KeptProcess } from './kept-process.js';
import type { KeptServer } from './kept-server.js';

export const shapes = ['embedded', 'production'] as const;
export type Shape = (typeof shapes)[number];

/** Temporal's server on Postgres, or its dev server, which needs no Go. */
export const temporalKinds = ['server', 'dev'] as const;
export type TemporalKind = (typeof temporalKinds)[number];

export const SWEEP_SECONDS = 60;
/** There are always these two. */
export const EXAMPLE_REGIONS = ['us-east-1', 'us-west-2'] as const;

/** A server that the product needs, by way of a proxy that can fall silent. */
export interface Dependency {
  readonly server: KeptServer;
  readonly proxy: TcpProxy;
}

/** A database that others than the product can read and write. */
export interface Store {
  readonly query: <Row extends object>(statement: string, values?: readonly unknown[]) => Promise<Row[]>;
  /** Does it while no process of the product runs. */
  readonly whileDown: (work: () => Promise<void>) => Promise<void>;
  readonly copy: (name: string) => Promise<void>;
  /** In the place of what is there. */
  readonly putBack: (name: string) => Promise<void>;
  /** Its URL. */
  readonly create: (name: string) => Promise<string>;
}

/** A whole deployment on this machine, and what can be done to it. */
export interface Deployment {
  readonly shape: Shape;
  readonly folder: string;
  readonly simulator: SimulatorHandle;
  readonly api: ApiClient;
  /** Not by way of the proxy. */
  readonly temporalClient: Client;
  readonly processes: readonly KeptProcess[];
  readonly temporal: Dependency;
  /** Null: it is inside a process of the product. */
  readonly database: Dependency | null;
  /** Null where the database is inside a process of the product. */
  readonly store: Store | null;
  /** An embedded database: only while its process is down. */
  readonly readRows: () => Promise<Rows>;
  readonly stop: () => Promise<void>;
}

export interface DeploymentOptions {
  readonly regions: readonly string[];
  /** Of the build to run; the project's own when left out. */
  readonly root?: string;
  /** Of the production shape. */
  readonly temporal?: TemporalKind;
  readonly onUnexpectedEnd: (what: string) => void;
}

export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'worker-manager-chaos-'));

/** All clouds and their machines, quick enough that a life takes seconds. */
export const startClouds = (folder: string, regions: readonly string[]): Promise<SimulatorHandle> =>
  startSimulator({
    ...{ log: join(folder, 'requests.jsonl'), regions: regions.join(',') },
    ...{ bootMs: 500, listDelayMs: 500, shutdownMs: 500, terminatedVisibleMs: 60_000 },
    ...{ taskMs: 1_000, idleMs: 2_000, claimTimeoutMs: 5_000 },
    ...{ azureVmCreateMs: 1_000, azureVmDeleteMs: 500, azureNetworkCreateMs: 200, azureNetworkDeleteMs: 200 },
    ...{ azureDiskDeleteMs: 200, azureDeploymentMs: 200, azureRetryAfterSeconds: 1 },
    ...{ googleInsertMs: 500, googleDeleteMs: 500, googleStopMs: 200 },
  });

/** Writes the configuration that all processes of a deployment share; `changes` are sections of one process's own. */
export async function configWriter(
  { folder, simulator, regions }: { folder: string; simulator: SimulatorHandle; regions: readonly string[] },
  dependencies: { temporalAddress: string; databaseUrl: string; namespace: string },
): Promise<(name: string, changes: { apiPort: number }) => string> {
  const identityCertificates = join(folder, 'identity-certificates.json');
  writeFileSync(identityCertificates, JSON.stringify(await simulator.identityCertificates()));
  const providers = {
    aws: { providerType: 'aws', endpoint: simulator.ec2Endpoint, regions, identityCertificates },
    azure: await azureProviderConfig(simulator, folder),
    google: await googleProviderConfig(simulator),
    hand: { providerType: 'static' },
  };
  return (name, { apiPort }) => {
    const path = join(folder, `${name}.json`);
    const config = {
      rootUrl: simulator.url,
      server: { host: '127.0.0.1', port: apiPort },
      metrics: { host: '127.0.0.1', port: 0 },
      temporal: { address: dependencies.temporalAddress, namespace: dependencies.namespace },
      database: { url: dependencies.databaseUrl },
      intervals: { demandSeconds: 5, provisionSeconds: 60, scanSeconds: 5, sweepSeconds: SWEEP_SECONDS },
      log: { level: 'info', format: 'json' },
      shutdownGraceSeconds: 10,
      providers,
    };
    writeFileSync(path, JSON.stringify(config, null, 2));
    return path;
  };
}

export const apiAt = (port: number): ApiClient => new ApiClient(`http://127.0.0.1:${port}`);
