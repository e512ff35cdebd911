import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { projectRoot } from '#scripts/node.mjs';
import { messageOf } from '../../domain/values.js';

export interface SupervisedOptions {
  /** As in "the worker manager ended". */
  readonly name: string;
  /** Of Node: a script and what it is given. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly pidFile: string;
  /** How long it may take to end after SIGTERM. */
  readonly graceMs: number;
  readonly isReady: () => Promise<boolean>;
  readonly say: (line: string) => void;
}

/** The first start makes the database, which takes long on a busy computer. */
const READY_TIMEOUT_MS = 150_000;
const MAX_PAUSE_MS = 30_000;
/** Having lived so long, it starts again at once. */
const HEALTHY_MS = 30_000;
const MAX_LOG_BYTES = 20 * 1024 * 1024;

/**
 * A child process that starts again whenever it ends unasked. Out of reach of the terminal's Ctrl-C: the launcher ends
 * its children one after another.
 */
export class Supervised {
  readonly #options: SupervisedOptions;
  #child: ChildProcess | null = null;
  #ended: Promise<string> = Promise.resolve('');
  readonly #stop = new AbortController();
  #keeping: Promise<void> = Promise.resolve();

  constructor(options: SupervisedOptions) {
    this.#options = options;
  }

  /** Resolves when it answers. Rejects with the last line of its log when the first attempt fails. */
  async start(): Promise<void> {
    keepLogSmall(this.#options.logFile);
    this.#spawn();
    await this.#untilReady();
    this.#keeping = this.#keep();
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  async stop(): Promise<void> {
    const { graceMs, pidFile } = this.#options;
    this.#stop.abort();
    const child = this.#child;
    if (child && isRunning(child)) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await this.#ended;
      clearTimeout(timer);
    }
    await this.#keeping;
    rmSync(pidFile, { force: true });
  }

  /** Ends it without asking. */
  kill(): void {
    this.#stop.abort();
    this.#child?.kill('SIGKILL');
  }

  #spawn(): void {
    const { args, env, logFile, pidFile } = this.#options;
    const log = openSync(logFile, 'a', 0o600);
    const child = spawn(process.execPath, args, {
      cwd: projectRoot,
      env: { ...process.env, ...env },
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.on('error', (error) => resolve(error.message));
      child.on('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    if (child.pid) writeFileSync(pidFile, String(child.pid));
  }

  async #untilReady(): Promise<void> {
    const { name, isReady, logFile } = this.#options;
    const deadline = Date.now() + READY_TIMEOUT_MS;
    while (!(await isReady())) {
      if (this.#stop.signal.aborted) return;
      if (!this.#child || !isRunning(this.#child)) throw new Error(`${name} did not start: ${lastLine(logFile)}`);
      if (Date.now() > deadline) throw new Error(`${name} does not answer; its log is ${logFile}`);
      await delay(100);
    }
  }

  async #keep(): Promise<void> {
    const { name, say } = this.#options;
    let pauseMs = 0;
    for (;;) {
      const since = Date.now();
      const how = await this.#ended;
      if (this.#stop.signal.aborted) return;
      pauseMs = Date.now() - since > HEALTHY_MS ? 0 : Math.min(MAX_PAUSE_MS, pauseMs * 2 || 1000);
      say(`${name} ended (${how}); starting it again${pauseMs > 0 ? ` in ${pauseMs / 1000} s` : ''}`);
      await delay(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      const restarted = Date.now();
      this.#spawn();
      try {
        await this.#untilReady();
        if (!this.#stop.signal.aborted) say(`${name} works again after ${seconds(restarted)}`);
      } catch (error) {
        say(messageOf(error));
      }
    }
  }
}

const isRunning = (child: ChildProcess): boolean =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null;

const seconds = (since: number): string => `${((Date.now() - since) / 1000).toFixed(1)} s`;

const lastLine = (logFile: string): string =>
  `${readFileSync(logFile, 'utf8').trim().split('\n').at(-1)?.slice(0, 500) || 'it said nothing'} (${basename(logFile)})`;

/** The log of the start before stays beside it. */
export function keepLogSmall(path: string): void {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) renameSync(path, `${path}.1`);
}
