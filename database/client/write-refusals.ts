import { type Log, logEvent } from '../../observability/log-events.js';
import { whyWritesAreRefused } from './failures.js';

/** Polls write every few seconds: where none was refused for so long, the database takes changes again. */
const WELL_AFTER_MS = 15_000;

const SAID = 'database-refuses-writes';

/** Whether another event failed of what that one says. */
export const isSaidByRefusals = (event: string, error: unknown): boolean =>
  event !== SAID && whyWritesAreRefused(error) !== null;

/**
 * Whether the database takes no change for now, which every statement that writes would say anew: it is said once, and
 * once more when it is over.
 */
export class WriteRefusals {
  readonly #log: Log<'info' | 'error'>;
  readonly #now: () => number;
  #why: 'read-only' | 'full' | null = null;
  #since = 0;
  #lastAt = 0;

  constructor(log: Log<'info' | 'error'>, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
  }

  /** Null: it takes changes, as far as is known. */
  get why(): 'read-only' | 'full' | null {
    return this.#why;
  }

  /** A statement failed, of whatever. */
  failed(error: unknown): void {
    const why = whyWritesAreRefused(error);
    if (why === null) return;
    this.#lastAt = this.#now();
    if (why === this.#why) return;
    this.#why = why;
    this.#since = this.#lastAt;
    logEvent(this.#log, SAID, { why, err: error });
  }

  /** A statement was carried out; most only read, which proves nothing by itself. */
  worked(): void {
    if (this.#why === null || this.#now() - this.#lastAt < WELL_AFTER_MS) return;
    const seconds = Math.round((this.#lastAt - this.#since) / 1000);
    logEvent(this.#log, 'database-takes-writes', { why: this.#why, seconds });
    this.#why = null;
  }
}
