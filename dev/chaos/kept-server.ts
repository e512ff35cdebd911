import { setTimeout as delay } from 'node:timers/promises';

/** A server of which the harness knows how to start it again after a kill. */
export interface StartedServer {
  readonly pid: number;
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
}

const MAX_TRIES = 20;

/** A server that is killed, and started again on what it has stored. */
export class KeptServer {
  readonly #start: () => Promise<StartedServer>;
  #current: StartedServer;

  static async begin(start: () => Promise<StartedServer>): Promise<KeptServer> {
    return new KeptServer(start, await start());
  }

  private constructor(start: () => Promise<StartedServer>, current: StartedServer) {
    this.#start = start;
    this.#current = current;
  }

  /** Kills it, and starts it after a while. */
  async kill(downMs: number): Promise<void> {
    process.kill(this.#current.pid, 'SIGKILL');
    await this.#current.ended;
    await delay(downMs);
    for (let tries = 1; ; tries += 1) {
      try {
        this.#current = await this.#start();
        return;
      } catch (error) {
        // Its port, or its lock, may take a moment to be free.
        if (tries === MAX_TRIES) throw error;
        await delay(500);
      }
    }
  }

  async stop(): Promise<void> {
    process.kill(this.#current.pid, 'SIGINT');
    const timer = setTimeout(() => process.kill(this.#current.pid, 'SIGKILL'), 10_000);
    await this.#current.ended;
    clearTimeout(timer);
  }
}
