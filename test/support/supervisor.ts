import { setTimeout as delay } from 'node:timers/promises';
import type { Ended, ProductProcess } from '../../dev/testing/product.js';

/** As systemd's `RestartSec`: what fails at its start is not started again at once. */
const RESTART_DELAY_MS = 1_000;

/** Starts a process again whenever it has ended, as whoever runs the product does. */
export class Supervisor {
  /** How each process ended, in their order. */
  readonly ends: Ended[] = [];
  readonly #start: () => ProductProcess;
  readonly #over: Promise<void>;
  #current: ProductProcess;
  #stopped = false;

  constructor(start: () => ProductProcess) {
    this.#start = start;
    this.#current = start();
    this.#over = this.#keepRunning();
  }

  /** The process of now. */
  get current(): ProductProcess {
    return this.#current;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#current.stop();
    await this.#over;
  }

  async #keepRunning(): Promise<void> {
    for (;;) {
      const ended = await this.#current.ended;
      if (this.#stopped) return;
      this.ends.push(ended);
      await delay(RESTART_DELAY_MS);
      if (this.#stopped) return;
      this.#current = this.#start();
    }
  }
}
