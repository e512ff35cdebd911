import { type Log, logEvent } from '../../observability/log-events.js';

const FIRST_PAUSE_MS = 500;
/** So long after the broker is back, at most, messages flow again. */
const MAX_PAUSE_MS = 10_000;

/** Failures in a row: the first is logged, and so is their end; the pause after each doubles. */
export class Outage {
  readonly #part: 'publisher' | 'listener';
  readonly #log: Log<'info' | 'warn'>;
  #failures = 0;

  constructor(part: 'publisher' | 'listener', log: Log<'info' | 'warn'>) {
    this.#part = part;
    this.#log = log;
  }

  /** Gives for how long to wait before the next attempt. */
  failed(error: unknown): number {
    if (this.#failures === 0) logEvent(this.#log, 'pulse-failed', { part: this.#part, err: error });
    this.#failures += 1;
    return Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
  }

  ended(): void {
    if (this.#failures > 0) logEvent(this.#log, 'pulse-works', { part: this.#part });
    this.#failures = 0;
  }
}
