import { pause } from './pause.js';

/**
 * Does the work for a key at once, and at most once in each interval however often it is requested: a million requests
 * are one now and one for each interval that follows.
 */
export class Throttle {
  readonly #work: (key: string) => Promise<void>;
  readonly #intervalMs: number;
  readonly #signal: AbortSignal;
  /** Keys of which the work is done, or was done less than an interval ago; and whether it is requested again. */
  readonly #requestedAgain = new Map<string, boolean>();

  /** `work` never rejects. */
  constructor(work: (key: string) => Promise<void>, intervalMs: number, signal: AbortSignal) {
    this.#work = work;
    this.#intervalMs = intervalMs;
    this.#signal = signal;
  }

  request(key: string): void {
    if (this.#requestedAgain.has(key)) this.#requestedAgain.set(key, true);
    else void this.#run(key);
  }

  async #run(key: string): Promise<void> {
    do {
      this.#requestedAgain.set(key, false);
      const interval = pause(this.#intervalMs, this.#signal);
      await this.#work(key);
      await interval;
    } while (this.#requestedAgain.get(key) && !this.#signal.aborted);
    this.#requestedAgain.delete(key);
  }
}
