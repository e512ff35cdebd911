import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { endOrphan } from '#scripts/orphan-processes.mjs';
import { ownerOf } from '#scripts/lock.mjs';
import { freePort, HOST, listens } from './ports.js';

export interface DevServerOptions {
  /** Path of the Temporal command-line program (`findTemporalCli`). */
  readonly cli: string;
  /** SQLite file that keeps everything; without it all is in memory. */
  readonly dbFile?: string;
  /** Free ports when left out. */
  readonly port?: number;
  /** `false`: no web interface. */
  readonly uiPort?: number | false;
  readonly namespace: string;
  /** All of them Keyword. */
  readonly searchAttributes: readonly string[];
  readonly logFile: string;
  /** Out of reach of a terminal's Ctrl-C, which would end it before those who still need it. */
  readonly detached?: boolean;
  readonly extraArgs?: readonly string[];
}

export interface DevServer {
  /** host:port for Temporal clients. */
  readonly address: string;
  /** Null without a web interface. */
  readonly uiUrl: string | null;
  readonly pid: number;
  /** Resolves when the server ends by itself or by `stop`. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** Ordinarily a second; a large database file on a busy machine takes longer. */
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
/** The server chooses ports for its own parts, and others may take one of them before it does. */
const MAX_ATTEMPTS = 3;

/**
 * Starts a Temporal dev server on 127.0.0.1 and waits until it serves the namespace with its search attributes. Never
 * uses a server that it did not start: a taken port is an error. A server that an earlier process left running on the
 * same database file is ended first, because two on one file corrupt it. @throws Error with the last line of the log
 * when the server does not come up
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptStart(options);
    } catch (error) {
      const isTaken = error instanceof Error && error.message.includes('address already in use');
      if (!isTaken || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

async function attemptStart(options: DevServerOptions): Promise<DevServer> {
  if (options.dbFile) await endOrphan(pidFile(options.dbFile), `--db-filename ${options.dbFile}`, STOP_TIMEOUT_MS);
  const port = options.port ?? (await freePort());
  const uiPort = options.uiPort === false ? null : (options.uiPort ?? (await freePort()));
  for (const taken of [port, uiPort]) {
    if (taken !== null && (await listens(taken))) throw new Error(`port ${taken} is in use`);
  }
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a');
  const child = spawn(options.cli, serverArguments(options, port, uiPort), {
    stdio: ['ignore', log, log],
    detached: options.detached ?? false,
  });
  closeSync(log);
  const ended = endOf(child);
  if (options.dbFile && child.pid) writeFileSync(pidFile(options.dbFile), String(child.pid));
  const stop = () => stopServer(child, ended, options.dbFile);
  try {
    await untilReady(port, options, child);
  } catch (error) {
    await stop();
    throw error;
  }
  const uiUrl = uiPort === null ? null : `http://${HOST}:${uiPort}`;
  return { address: `${HOST}:${port}`, uiUrl, pid: child.pid ?? 0, ended, stop };
}

function serverArguments(options: DevServerOptions, port: number, uiPort: number | null): string[] {
  return [
    ...['server', 'start-dev', '--ip', HOST, '--port', String(port), '--namespace', options.namespace],
    ...(uiPort === null ? ['--headless'] : ['--ui-ip', HOST, '--ui-port', String(uiPort)]),
    ...(options.dbFile ? ['--db-filename', options.dbFile] : []),
    ...options.searchAttributes.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
    ...['--log-format', 'json', '--log-level', 'error'],
    ...(options.extraArgs ?? []),
  ];
}

/** A process that cannot be started ends like one that failed. */
const endOf = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.on('error', () => resolve());
    child.on('exit', () => resolve());
  });

async function untilReady(port: number, options: DevServerOptions, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isReady(port, options))) {
    if (hasEnded(child)) throw new Error(lastWords(options));
    if (Date.now() > deadline)
      throw new Error(`the Temporal dev server does not answer; its log is ${options.logFile}`);
    await delay(100);
  }
  // What answered may be another's server, that took the port just before ours: then ours cannot live.
  if (hasEnded(child)) throw new Error(lastWords(options));
}

async function isReady(port: number, { namespace, searchAttributes }: DevServerOptions): Promise<boolean> {
  if (!(await listens(port))) return false;
  try {
    const connection = await Connection.connect({ address: `${HOST}:${port}`, connectTimeout: 2_000 });
    try {
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      return searchAttributes.every((name) => name in (customAttributes ?? {}));
    } finally {
      await connection.close();
    }
  } catch {
    return false;
  }
}

const hasEnded = (child: ChildProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null;

async function stopServer(child: ChildProcess, ended: Promise<void>, dbFile: string | undefined): Promise<void> {
  if (!hasEnded(child)) {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }
  if (dbFile && ownerOf(pidFile(dbFile)) === child.pid) rmSync(pidFile(dbFile), { force: true });
}

const pidFile = (dbFile: string): string => `${dbFile}.pid`;

function lastWords({ logFile, cli }: DevServerOptions): string {
  const lines = readFileSync(logFile, 'utf8').trim().split('\n');
  return `the Temporal dev server (${cli}) ended at once: ${lines.at(-1) || 'it said nothing'}`;
}
