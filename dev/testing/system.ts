import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type pg from 'pg';
import { freePort } from '../servers/ports.js';
import { ApiClient } from './api-client.js';
import { eventually } from './eventually.js';
import { createNamespace } from './namespace.js';
import { PATIENCE_MS } from './patience.js';
import { createDatabase, queryDatabase } from './postgres.js';
import { ProductProcess, type Ended, type Role } from './product.js';
import { temporalAddress } from './services.js';
import { startSimulator, type SimulatorFlags, type SimulatorHandle } from './simulator.js';
import { messageOf } from '../../domain/values.js';

export interface SystemOptions {
  readonly database?: 'postgres' | 'pglite';
  /** `split`: API and Temporal workers are processes of their own. */
  readonly roles?: 'all' | 'split';
  readonly simulator?: SimulatorFlags;
  /** The configuration's `providers`, whose files go into `folder`; the simulator's AWS when left out. */
  readonly providers?: (simulator: SimulatorHandle, folder: string) => Promise<Record<string, unknown>>;
  /** Laid over the configuration, section by section. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** host:port; the test run's shared server when left out. */
  readonly temporal?: string;
  /** False: nothing of the product is started yet. */
  readonly start?: boolean;
  /** Of the product's processes, beside this one's; from a file of the simulator's, for instance. */
  readonly environment?: (folder: string) => Readonly<Record<string, string>>;
}

const rolesOf = { all: ['all'], split: ['api', 'worker'] } as const satisfies Record<string, readonly Role[]>;

/** A whole deployment of its own: simulator, database, a Temporal namespace and the product's processes. */
export class System {
  readonly simulator: SimulatorHandle;
  readonly temporal: Client;
  readonly temporalAddress: string;
  readonly namespace: string;
  readonly api: ApiClient;
  readonly databaseUrl: string;
  readonly configFile: string;
  readonly folder: string;
  readonly roles: readonly Role[];
  readonly config: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string>>;
  /** Set when a test fails here: the logs are kept then. */
  failed = false;
  readonly #processes = new Map<Role, ProductProcess>();
  #starts = 0;

  constructor(parts: {
    simulator: SimulatorHandle;
    temporal: Client;
    temporalAddress: string;
    apiPort: number;
    databaseUrl: string;
    folder: string;
    roles: readonly Role[];
    config: Readonly<Record<string, unknown>>;
    environment: Readonly<Record<string, string>>;
  }) {
    this.simulator = parts.simulator;
    this.temporal = parts.temporal;
    this.temporalAddress = parts.temporalAddress;
    this.namespace = parts.temporal.options.namespace;
    this.api = new ApiClient(`http://127.0.0.1:${parts.apiPort}`);
    this.databaseUrl = parts.databaseUrl;
    this.folder = parts.folder;
    this.roles = parts.roles;
    this.config = parts.config;
    this.environment = parts.environment;
    this.configFile = this.writeConfig({});
  }

  /** Writes the configuration, changed by `changes`, and gives its path; the next starts use the plain one still. */
  writeConfig(changes: Readonly<Record<string, unknown>>, name = 'config.json'): string {
    const path = join(this.folder, name);
    writeFileSync(path, JSON.stringify(overlay(this.config, changes), null, 2));
    return path;
  }

  /** Starts the role's process (every role's when none is named) and waits until it serves. */
  async start(role?: Role): Promise<void> {
    const started = (role ? [role] : this.roles).map((each) => this.spawn(each));
    await Promise.all(started.map((process) => process.serves()));
  }

  /** Starts it and does not wait. */
  spawn(role: Role, configFile = this.configFile): ProductProcess {
    const logFile = join(this.folder, `${role}-${(this.#starts += 1)}.log`);
    const process = new ProductProcess(['serve', '--role', role, '--config', configFile], logFile, this.environment);
    this.#processes.set(role, process);
    return process;
  }

  process(role: Role): ProductProcess {
    const process = this.#processes.get(role);
    if (!process) throw new Error(`no ${role} has been started`);
    return process;
  }

  async kill9(role: Role): Promise<void> {
    await this.process(role).signal('SIGKILL');
  }

  async sigterm(role: Role): Promise<Ended> {
    return await this.process(role).signal('SIGTERM');
  }

  /** Lifecycles that Temporal's list shows as running; the list lags a little. */
  async openLifecycles(): Promise<number> {
    const running = `WorkflowType = 'workerLifecycle' AND ExecutionStatus = 'Running'`;
    return (await this.temporal.workflow.count(running)).count;
  }

  /** Rows of one statement on the database. */
  query<Row extends pg.QueryResultRow>(statement: string, values: readonly unknown[] = []): Promise<Row[]> {
    return queryDatabase<Row>(this.databaseUrl, statement, values);
  }

  /** Waits for something, the longer the more rarely it reads; the error says where the logs are. */
  async waitFor<T>(condition: () => T | Promise<T>, what: string, withinMs = PATIENCE_MS) {
    try {
      return await eventually(condition, { withinMs, everyMs: (waitedMs) => 100 + waitedMs / 20, what });
    } catch (error) {
      throw this.failure(messageOf(error), error);
    }
  }

  /** An error that says where the logs are, which are kept. */
  failure(message: string, cause?: unknown): Error {
    this.failed = true;
    return new Error(`${message}\nlogs are in ${this.folder}`, { cause });
  }

  /** Ends every process. */
  async stop({ keepLogs = this.failed }: { keepLogs?: boolean } = {}): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.stop()));
    // The server is shared: what goes on every second in a namespace that nobody serves slows the tests after this one.
    for await (const { scheduleId } of this.temporal.schedule.list()) {
      await this.temporal.schedule.getHandle(scheduleId).delete();
    }
    await this.simulator.stop();
    await this.temporal.connection.close();
    if (!keepLogs) rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Starts a deployment with intervals that suit tests. The caller stops it. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const { database = 'postgres', roles = 'split' } = options;
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-system-'));
  const [apiPort, metricsPort] = await Promise.all([freePort(), freePort()]);
  const simulator = await startSimulator({
    log: join(folder, 'requests.jsonl'),
    api: `http://127.0.0.1:${apiPort}`,
    bootMs: 300,
    listDelayMs: 500,
    shutdownMs: 300,
    ...options.simulator,
  });
  const address = options.temporal ?? temporalAddress();
  const { client, namespace } = await createNamespace(address);
  const databaseUrl = database === 'postgres' ? await createDatabase() : `pglite:${join(folder, 'database')}`;
  const config = overlay(
    {
      rootUrl: simulator.url,
      server: { host: '127.0.0.1', port: apiPort },
      // Two processes of one machine cannot share a port.
      metrics: { host: '127.0.0.1', port: roles === 'split' ? 0 : metricsPort },
      temporal: { address, namespace },
      database: { url: databaseUrl },
      intervals: { demandSeconds: 10, provisionSeconds: 60, scanSeconds: 10, sweepSeconds: 60 },
      log: { level: 'info', format: 'json' },
      shutdownGraceSeconds: 10,
      providers: await (options.providers ?? awsProviders)(simulator, folder),
    },
    options.config ?? {},
  );
  const environment = options.environment?.(folder) ?? {};
  const parts = {
    environment,
    simulator,
    temporal: client,
    temporalAddress: address,
    apiPort,
    databaseUrl,
    folder,
    config,
  };
  const system = new System({ ...parts, roles: rolesOf[roles] });
  try {
    if (options.start ?? true) await system.start();
  } catch (error) {
    const failure = system.failure('the system did not start', error);
    await system.stop();
    throw failure;
  }
  return system;
}

/** The simulator's AWS. */
export async function awsProviders(simulator: SimulatorHandle, folder: string): Promise<Record<string, unknown>> {
  const identityCertificates = join(folder, 'identity-certificates.json');
  writeFileSync(identityCertificates, JSON.stringify(await simulator.identityCertificates()));
  const regions = ['us-east-1', 'us-west-2'];
  return { aws: { providerType: 'aws', endpoint: simulator.ec2Endpoint, regions, identityCertificates } };
}

/** Sections are merged, everything else is replaced. */
function overlay(
  below: Readonly<Record<string, unknown>>,
  above: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const under = merged[key];
    merged[key] = isSection(under) && isSection(value) ? overlay(under, value) : value;
  }
  return merged;
}

const isSection = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
