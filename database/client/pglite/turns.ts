import { DatabaseUnavailableError } from '../failures.js';

/** As long as Postgres gives a statement. Only a transaction that waits for its own connection waits so long. */
const PATIENCE_MS = 30_000;

/** One at a time, in the order of asking. */
export class Mutex {
  #taken = false;
  readonly #queue: (() => void)[] = [];

  /** Resolves when it is the caller's turn; throws after 30 s, in which case the turn is not the caller's. */
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
