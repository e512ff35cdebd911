import type { Logger } from 'pino';
import { type ProcessAttempts, recordAttempts } from '../../database/attempts.js';
import type { Db } from '../../database/client/schema.js';
import { logEvent } from '../../observability/log-events.js';
import { type CallAttempt, takeAttempts } from '../../providers/shared/attempts.js';
import { PROCESS_NAME } from './process-name.js';

/** So many are written at once; while the database does not take them, what is more is left out. */
const MAX_UNWRITTEN = 1_000;

/** The calls of this activity whose rows the next statement writes with what came of them. */
export const takenCalls = (): ProcessAttempts => ({ process: PROCESS_NAME, attempts: takeAttempts() });

/**
 * Writes the rows of calls that nothing else is written with: of removals, and of machines that are built step by step.
 * No call waits for it. Calls that end while a row is written share the next statement.
 */
export class AttemptLog {
  readonly #db: Db;
  readonly #log: Logger;
  #unwritten: CallAttempt[] = [];
  #writing: Promise<void> | null = null;
  #isFailing = false;

  constructor(db: Db, log: Logger) {
    this.#db = db;
    this.#log = log;
  }

  readonly write = (attempt: CallAttempt): void => {
    if (this.#unwritten.length < MAX_UNWRITTEN) this.#unwritten.push(attempt);
    this.#writing ??= this.#writeAll().finally(() => (this.#writing = null));
  };

  /** Resolves when all that has been given to it is written, or left out. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#unwritten.length > 0) {
      const attempts = this.#unwritten.splice(0);
      try {
        await recordAttempts(this.#db, { process: PROCESS_NAME, attempts });
        this.#isFailing = false;
      } catch (error) {
        if (!this.#isFailing) logEvent(this.#log, 'calls-not-recorded', { calls: attempts.length, err: error });
        this.#isFailing = true;
      }
    }
  }
}
