import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { serveEnvironment } from '../start/serve-environment.js';
import { eventually } from './eventually.js';
import { PATIENCE_MS } from './patience.js';

export const projectRoot = new URL('../../', import.meta.url).pathname;

/** `serve-process.ts`. */
export const serveProgram: readonly string[] = [
  '--disable-warning=ExperimentalWarning',
  join(projectRoot, 'dev/testing/serve-process.ts'),
];

export type Role = 'all' | 'api' | 'worker';

/** How a process ended; one that was killed has no code. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One `worker-manager` process; its output is in `logFile`. */
export class ProductProcess {
  readonly logFile: string;
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;

  constructor(
    args: readonly string[],
    logFile: string,
    environment: Readonly<Record<string, string>> = {},
    program: readonly string[] = [join(projectRoot, 'bin/worker-manager')],
  ) {
    this.logFile = logFile;
    const log = openSync(logFile, 'a');
    this.#child = spawn(process.execPath, [...program, ...args], {
      stdio: ['ignore', log, log],
      // The test runner's flags are for the test runner.
      env: { ...process.env, ...serveEnvironment, NODE_OPTIONS: '', ...environment },
    });
    closeSync(log);
    this.pid = this.#child.pid ?? 0;
    this.ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      this.#child.on('exit', (code, signal) => resolve({ code, signal }));
    });
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  output(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** Waits until it says that it serves; throws with its output when it ends before. */
  async serves(withinMs = PATIENCE_MS): Promise<void> {
    await eventually(
      () => {
        if (this.hasEnded) throw new Error(`the process ended before it served:\n${this.output().slice(-4_000)}`);
        return this.output().includes('"serving"');
      },
      { withinMs, what: `"serving" in ${this.logFile}` },
    );
  }

  /** Sends a signal that does not end it. */
  sendSignal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async signal(signal: NodeJS.Signals): Promise<Ended> {
    if (!this.hasEnded) this.#child.kill(signal);
    return await this.ended;
  }

  /** Ends it as an operator would, and by force when that takes too long. */
  async stop(withinMs = 40_000): Promise<Ended> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), withinMs);
    try {
      return await this.signal('SIGTERM');
    } finally {
      clearTimeout(timer);
    }
  }
}
