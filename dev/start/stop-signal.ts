/** Somebody asked to stop. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

/** npm passes a terminal's Ctrl-C on although it has reached us already: two at once are one. */
const ONE_PRESS_MS = 1_000;

/** SIGINT, SIGTERM, SIGHUP, or `stop()`. */
export class StopSignal {
  readonly #controller = new AbortController();
  readonly #requested: Promise<never>;

  /** @param onImpatience called when the signal is repeated while things are being stopped */
  constructor(onImpatience: () => void) {
    this.#requested = new Promise((_resolve, reject) => {
      this.signal.addEventListener('abort', () => reject(new Stopped()));
    });
    // Those who race with it see the rejection; at times nobody does.
    this.#requested.catch(() => undefined);
    let requestedAt = 0;
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        if (requestedAt === 0) requestedAt = Date.now();
        else if (Date.now() - requestedAt > ONE_PRESS_MS) onImpatience();
        this.stop();
      });
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stop(): void {
    this.#controller.abort();
  }

  /** The work's result. @throws Stopped as soon as somebody asked */
  async orStop<T>(work: Promise<T>): Promise<T> {
    return Promise.race([this.#requested, work]);
  }
}
