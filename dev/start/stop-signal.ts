/** Somebody asked to stop. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

/** npm passes a terminal's Ctrl-C on although it has reached us already: two at once are one. */
const ONE_PRESS_MS = 1_000;

/** SIGINT, SIGTERM, SIGHUP, or `stop()`. */
export class StopSignal {
  readonly #controller = new AbortController();
  readonly #asked: Promise<never>;

  /** @param onImpatience called when the signal is repeated while things are being stopped */
  constructor(onImpatience: () => void) {
    this.#asked = new Promise((_resolve, reject) => {
      this.signal.addEventListener('abort', () => reject(new Stopped()));
    });
    // Those who race with it see the rejection; at times nobody does.
    this.#asked.catch(() => undefined);
    let askedAt = 0;
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        if (askedAt === 0) askedAt = Date.now();
        else if (Date.now() - askedAt > ONE_PRESS_MS) onImpatience();
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
    return Promise.race([this.#asked, work]);
  }
}
