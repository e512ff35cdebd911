import { setTimeout as delay } from 'node:timers/promises';
import { startDevServer, type DevServer, type DevServerOptions } from '../servers/dev-server.js';

const PAUSE_MS = 2_000;

/** A dev server that starts again on its file and ports whenever it ends unasked. */
export class KeptDevServer {
  readonly #options: DevServerOptions;
  readonly #say: (line: string) => void;
  readonly #stop = new AbortController();
  #server: DevServer | null = null;
  #starting: Promise<DevServer> | null = null;
  #keeping: Promise<void> = Promise.resolve();

  constructor(options: DevServerOptions, say: (line: string) => void) {
    this.#options = options;
    this.#say = say;
  }

  /** @throws Error when the server does not come up */
  async start(): Promise<void> {
    this.#server = await this.#begin();
    this.#keeping = this.#keep(this.#server);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#starting?.catch(() => undefined);
    await this.#server?.stop();
    await this.#keeping;
  }

  /** Ends it without asking. */
  kill(): void {
    this.#stop.abort();
    if (this.#server) process.kill(this.#server.pid, 'SIGKILL');
  }

  async #begin(): Promise<DevServer> {
    this.#starting = startDevServer(this.#options).then((server) => (this.#server = server));
    return this.#starting;
  }

  async #keep(first: DevServer): Promise<void> {
    let server: DevServer | null = first;
    while (!this.#stop.signal.aborted) {
      await server?.ended;
      if (this.#stop.signal.aborted) return;
      this.#say('The Temporal server ended; starting it again on its file');
      const begun = Date.now();
      server = await this.#begin().catch((error: Error) => {
        this.#say(error.message);
        return null;
      });
      if (server) this.#say(`The Temporal server works again after ${((Date.now() - begun) / 1000).toFixed(1)} s`);
      else await delay(PAUSE_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }
}
