import type { Logger } from 'pino';
import { type Question, QueueRefusedError } from '../../domain/demand-source.js';
import type { PollOutcome } from './poll-pools.js';
import { logEvent } from '../../observability/log-events.js';

/** Pools that a line names; it counts the rest. */
const NAMED_POOLS = 5;

/**
 * Says what became of polls: a line for each poll that failed for some pools, and one when pools have become
 * unknown, or known again. The number of lines never grows with the number of pools.
 */
export class PollReport {
  readonly #log: Logger;
  #unanswered: ReadonlySet<string> = new Set();

  constructor(log: Logger) {
    this.#log = log;
  }

  say({ failed, leftOut }: PollOutcome): void {
    const unanswered = new Set([...failed.keys(), ...leftOut]);
    if (unanswered.size > 0) {
      const [err] = failed.values();
      logEvent(this.#log, 'demand-poll-failed', {
        ...named(unanswered),
        failed: failed.size,
        leftOut: leftOut.length,
        err: err ?? null,
      });
    }
    const lost = without(unanswered, this.#unanswered);
    const regained = without(this.#unanswered, unanswered);
    this.#unanswered = unanswered;
    if (lost.size > 0) logEvent(this.#log, 'demand-unknown', named(lost));
    if (regained.size > 0) logEvent(this.#log, 'demand-known', named(regained));
  }

  /** Pools whose trigger failed, and why. */
  notTriggered(failures: ReadonlyMap<string, unknown>): void {
    const [err] = failures.values();
    if (failures.size > 0) logEvent(this.#log, 'pools-not-triggered', { ...named(new Set(failures.keys())), err });
  }
}

/**
 * The same of polls of the queue's workers. What the queue refuses, for want of a scope or because it is older than the
 * question, is said once, and once when it answers again.
 */
export class QueueReport {
  readonly #log: Logger;
  readonly #known = new Set<Question>();
  readonly #refused = new Set<Question>();
  readonly #answered = new Set<Question>();

  constructor(log: Logger) {
    this.#log = log;
  }

  answered(question: Question): void {
    this.#answered.add(question);
  }

  refused(error: QueueRefusedError): void {
    this.#refused.add(error.question);
    if (this.#known.has(error.question)) return;
    this.#known.add(error.question);
    logEvent(this.#log, 'queue-refused', { question: error.question, scopes: error.scopes, err: error });
  }

  /** At the end of a poll; `signals` are those that no lifecycle took. */
  say({ failed, leftOut }: PollOutcome, signals: { readonly failed: number; readonly err: unknown }): void {
    const others = new Map<string, unknown>();
    for (const [workerPoolId, error] of failed) {
      if (error instanceof QueueRefusedError) this.refused(error);
      else others.set(workerPoolId, error);
    }
    // Scopes are granted pool by pool: a question is answered again when it is refused for none.
    for (const question of this.#answered) {
      if (this.#refused.has(question) || !this.#known.delete(question)) continue;
      logEvent(this.#log, 'queue-answers', { question });
    }
    this.#refused.clear();
    this.#answered.clear();
    const unanswered = new Set([...others.keys(), ...leftOut]);
    if (unanswered.size === 0 && signals.failed === 0) return;
    const [err] = others.values();
    logEvent(this.#log, 'worker-poll-failed', {
      ...named(unanswered),
      failed: others.size,
      leftOut: leftOut.length,
      signals: signals.failed,
      err: err ?? signals.err,
    });
  }
}

const without = (some: ReadonlySet<string>, others: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...some].filter((pool) => !others.has(pool)));

const named = (pools: ReadonlySet<string>) => ({
  pools: pools.size,
  workerPoolIds: [...pools].toSorted().slice(0, NAMED_POOLS),
});
