import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { projectRoot } from '#scripts/node.mjs';
import { ProductProcess, type Role } from '../testing/product.js';

/** As systemd's `RestartSec`. */
const RESTART_DELAY_MS = 1_000;
const POLL_MS = 100;
/** With which a process ends that a dependency has left alone for too long. */
const OUTAGE = 2;
const clock = join(projectRoot, 'dev/chaos/wrong-clock.mjs');

export interface KeptProcessOptions {
  readonly name: string;
  readonly role: Role;
  readonly configFile: string;
  readonly folder: string;
  /** Of the build to run; the project's own when left out. */
  readonly root?: string;
  /** It ended in a way that no one caused. */
  readonly onUnexpectedEnd: (what: string) => void;
}

/** A process of the product that starts again whenever it ends, until it is stopped. */
export class KeptProcess {
  readonly name: string;
  readonly role: Role;
  readonly configFile: string;
  readonly #options: KeptProcessOptions;
  #current: ProductProcess;
  #starts = 0;
  #clockErrorMs = 0;
  #wantedEnd = false;
  #stopped = false;
  readonly #over: Promise<void>;
  /** What happens while it is down, before it starts again. */
  #whileDown: () => Promise<void> = async () => undefined;
  #started = Promise.withResolvers<void>();

  constructor(options: KeptProcessOptions) {
    this.name = options.name;
    this.role = options.role;
    this.configFile = options.configFile;
    this.#options = options;
    this.#current = this.#start();
    this.#over = this.#keep();
  }

  /** It has ended, and is not started again yet. */
  get isDown(): boolean {
    return this.#current.hasEnded;
  }

  /** Waits for one that serves; one that a dependency keeps from it is followed by the next. */
  async serves(): Promise<void> {
    for (;;) {
      const current = this.#current;
      try {
        return await current.serves();
      } catch (error) {
        if (!current.hasEnded || (await current.ended).code !== OUTAGE) throw error;
        while (this.#current === current && !this.#stopped) await delay(POLL_MS);
        if (this.#stopped) throw error;
      }
    }
  }

  /** Kills it; it starts again when `whileDown` has been done, with a clock that is wrong by so much. */
  async kill(whileDown: () => Promise<void>, clockErrorMs = 0): Promise<void> {
    await this.#end('SIGKILL', whileDown, clockErrorMs);
  }

  /** Ends it as an operator does who installs a new version, and waits until the next one serves. */
  async restart(): Promise<void> {
    await this.#end('SIGTERM', async () => undefined, this.#clockErrorMs);
    await this.serves();
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#stopped = true;
    if (signal === 'SIGKILL') await this.#current.signal(signal);
    else await this.#current.stop();
    await this.#over;
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL', whileDown: () => Promise<void>, clockErrorMs: number): Promise<void> {
    this.#wantedEnd = true;
    this.#whileDown = whileDown;
    this.#clockErrorMs = clockErrorMs;
    const { promise } = (this.#started = Promise.withResolvers<void>());
    this.#current.sendSignal(signal);
    await promise;
  }

  #start(): ProductProcess {
    const { name, role, configFile, folder, root = projectRoot } = this.#options;
    const log = join(folder, `${name}-${(this.#starts += 1)}.log`);
    const program = [...(this.#clockErrorMs ? ['--import', clock] : []), join(root, 'bin/worker-manager')];
    const environment = { CLOCK_ERROR_MS: String(this.#clockErrorMs) };
    return new ProductProcess(['serve', '--role', role, '--config', configFile], log, environment, program);
  }

  async #keep(): Promise<void> {
    for (;;) {
      const { code, signal } = await this.#current.ended;
      if (!this.#wantedEnd && !this.#stopped) {
        if (code !== OUTAGE) this.#options.onUnexpectedEnd(`${this.name} ended by itself: ${signal ?? code}`);
        await delay(RESTART_DELAY_MS);
      }
      if (this.#wantedEnd) await this.#whileDown();
      this.#wantedEnd = false;
      if (!this.#stopped) this.#current = this.#start();
      this.#started.resolve();
      if (this.#stopped) return;
    }
  }
}
