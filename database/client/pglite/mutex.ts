import { DatabaseUnavailableError } from '../failures.js';

/** As long as Postgres gives a statement. Only a transaction that waits for its own connection waits so long. */
const PATIENCE_MS = 30_000;

/** One holder at a time, in the order of the calls. */
export class Mutex {
  #taken = false;
  readonly #queue: (() => void)[] = [];

  /** Resolves when the caller holds it; throws after 30 s, without it. */
  async acquire(): Promise<void> {
    if (!this.#taken) {
      this.#taken = true;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const begin = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#queue.splice(this.#queue.indexOf(begin), 1);
        reject(
          new DatabaseUnavailableError(`waited ${PATIENCE_MS / 1000} s for the embedded database's one connection`),
        );
      }, PATIENCE_MS);
      this.#queue.push(begin);
    });
  }

  release(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#taken = false;
    else next();
  }
}
