import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateDir } from '#scripts/orphan-processes.mjs';
import { freePort } from '../servers/ports.js';

/** Files of `npm start` in .worker-manager/. Secrets are in some: the folder belongs to its owner alone. */
export const files = {
  ports: join(stateDir, 'ports.json'),
  running: join(stateDir, 'running.json'),
  config: join(stateDir, 'config.yml'),
  issuerToken: join(stateDir, 'issuer-token'),
  database: join(stateDir, 'database'),
  staticWorker: join(stateDir, 'static-worker.json'),
  temporalDb: join(stateDir, 'temporal.db'),
  simulator: join(stateDir, 'simulator'),
  simulatorLog: join(stateDir, 'simulator.jsonl'),
  simulatorPid: join(stateDir, 'simulator.pid'),
  workerManagerPid: join(stateDir, 'worker-manager.pid'),
  log: (name: string) => join(stateDir, 'logs', `${name}.log`),
} as const;

/** Throws for what an earlier version has left: nothing brings it up to date. */
export function assertStateIsCurrent(): void {
  if (existsSync(join(stateDir, 'records')))
    throw new Error(`${stateDir} is of an earlier version; npm run reset removes it`);
}

export function prepareStateDir(): void {
  mkdirSync(join(stateDir, 'logs'), { recursive: true, mode: 0o700 });
}

export function readJsonFile<T>(path: string): T | null {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : null;
}

/** The file appears whole, for its owner's eyes. */
export function writeJsonFile(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Signs the machines' credentials: those of the last start must be good after the next. */
export function ensureIssuerToken(): void {
  if (existsSync(files.issuerToken)) return;
  writeFileSync(files.issuerToken, randomBytes(33).toString('base64url'), { mode: 0o600 });
}

export interface Ports {
  readonly temporal: number;
  readonly temporalUi: number;
  readonly simulator: number;
  readonly api: number;
  readonly metrics: number;
}

const portNames = ['temporal', 'temporalUi', 'simulator', 'api', 'metrics'] as const;

/**
 * The ports of the last start, another for each that is taken now. `moved` names those: machines know the simulator,
 * and people their bookmarks, by the old number.
 */
export async function choosePorts(path: string): Promise<{ ports: Ports; moved: string[] }> {
  const last = readJsonFile<Partial<Ports>>(path) ?? {};
  const chosen: Record<string, number> = {};
  for (const name of portNames) {
    let port = await freePort(last[name]);
    while (Object.values(chosen).includes(port)) port = await freePort();
    chosen[name] = port;
  }
  const ports = chosen as unknown as Ports;
  writeJsonFile(path, ports);
  return { ports, moved: portNames.filter((name) => last[name] !== undefined && last[name] !== ports[name]) };
}

/** Where each thing of a running `npm start` is: for `npm run demo`, and for whoever types `npm start` twice. */
export interface Running {
  readonly temporalAddress: string;
  readonly temporalUiUrl: string;
  readonly apiUrl: string;
  readonly simulatorUrl: string;
  readonly metricsUrl: string;
}

export function addressesOf(ports: Ports): Running {
  const url = (port: number) => `http://127.0.0.1:${port}`;
  return {
    temporalAddress: `127.0.0.1:${ports.temporal}`,
    temporalUiUrl: url(ports.temporalUi),
    apiUrl: url(ports.api),
    simulatorUrl: url(ports.simulator),
    metricsUrl: `${url(ports.metrics)}/metrics`,
  };
}
