import { spawn, type SpawnOptions } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../domain/values.js';

/** A server of which the harness knows how to start it again after a kill. */
export interface StartedServer {
  readonly pid: number;
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
}

const MAX_TRIES = 20;
/** As systemd's `RestartSec`. */
const RESTART_DELAY_MS = 1_000;
const STOP_TIMEOUT_MS = 10_000;

/**
 * A server that is killed, and started again on what it has stored. One that ends by itself is started again as well,
 * as an init system does: Temporal's server ends when its database goes away while it starts.
 */
export class KeptServer {
  readonly #start: () => Promise<StartedServer>;
  readonly #onUnexpectedEnd: () => void;
  #current: StartedServer;
  /** Settled while it runs; rejected when it cannot be started again. */
  #running = Promise.withResolvers<void>();
  /** How long it is to be down; null: nobody killed it. */
  #downMs: number | null = null;
  #isStopped = false;
  readonly #over: Promise<void>;

  static async begin(start: () => Promise<StartedServer>, onUnexpectedEnd = () => {}): Promise<KeptServer> {
    return new KeptServer(start, await start(), onUnexpectedEnd);
  }

  private constructor(start: () => Promise<StartedServer>, current: StartedServer, onUnexpectedEnd: () => void) {
    this.#start = start;
    this.#current = current;
    this.#onUnexpectedEnd = onUnexpectedEnd;
    this.#running.resolve();
    this.#over = this.#keep();
  }

  get pid(): number {
    return this.#current.pid;
  }

  /** Resolves when it runs: at once, where nobody killed it. */
  get running(): Promise<void> {
    return this.#running.promise;
  }

  /** Kills it, and starts it after a while. */
  async kill(downMs: number): Promise<void> {
    // It may have ended by itself a moment ago.
    await this.running;
    this.#down();
    this.#downMs = downMs;
    signal(this.pid, 'SIGKILL');
    await this.running;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const isRunning = await this.running.then(
      () => true,
      () => false,
    );
    if (isRunning) signal(this.pid, 'SIGINT');
    const timer = setTimeout(() => signal(this.pid, 'SIGKILL'), STOP_TIMEOUT_MS);
    await this.#over;
    clearTimeout(timer);
  }

  #down(): void {
    this.#running = Promise.withResolvers<void>();
    // Whoever waits for it hears of it; often nobody does.
    this.#running.promise.catch(() => undefined);
  }

  async #keep(): Promise<void> {
    for (;;) {
      await this.#current.ended;
      if (this.#downMs === null) {
        if (this.#isStopped) return;
        this.#down();
        this.#onUnexpectedEnd();
      }
      await delay(this.#downMs ?? RESTART_DELAY_MS);
      this.#downMs = null;
      try {
        if (this.#isStopped) throw new Error('it is being stopped');
        this.#current = await this.#startAgain();
      } catch (error) {
        this.#running.reject(error);
        return;
      }
      this.#running.resolve();
    }
  }

  async #startAgain(): Promise<StartedServer> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#start();
      } catch (error) {
        // Its port, or its lock, may take a moment to be free.
        if (tries === MAX_TRIES || this.#isStopped) throw error;
        await delay(500);
      }
    }
  }
}

/** A program that writes into `logFile`, once it serves. One that never does is ended: the next takes its port. */
export async function startServer(
  [program, ...args]: readonly [string, ...string[]],
  { logFile, ...options }: Pick<SpawnOptions, 'cwd' | 'uid' | 'gid'> & { readonly logFile: string },
  untilServes: (hasEnded: () => boolean) => Promise<void>,
): Promise<StartedServer> {
  const log = openSync(logFile, 'a');
  const child = spawn(program, args, { ...options, stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = new Promise((resolve) => child.on('exit', resolve).on('error', resolve));
  const hasEnded = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  try {
    await untilServes(hasEnded);
  } catch (cause) {
    if (!hasEnded()) child.kill('SIGKILL');
    await ended;
    throw new Error(`${messageOf(cause)}; its log is ${logFile}`, { cause });
  }
  return { pid: child.pid ?? 0, ended };
}

/** To one that may have ended meanwhile. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
