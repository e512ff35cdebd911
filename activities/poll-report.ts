import type { Logger } from 'pino';
import type { PollOutcome } from '../demand/poll-pools.js';
import { logEvent } from '../observability/log-events.js';

/** Pools that a line names; it counts the rest. */
const NAMED_POOLS = 5;

/**
 * Says what became of polls: a line for each poll that failed for some pools, and one when pools have become unreadable, or
 * readable again. The number of lines never grows with the number of pools.
 */
export class PollReport {
  readonly #log: Logger;
  #unreadable: ReadonlySet<string> = new Set();

  constructor(log: Logger) {
    this.#log = log;
  }

  say({ failed, leftOut }: PollOutcome): void {
    const unreadable = new Set([...failed.keys(), ...leftOut]);
    if (unreadable.size > 0) {
      const [err] = failed.values();
      logEvent(this.#log, 'demand-poll-failed', {
        ...named(unreadable),
        failed: failed.size,
        leftOut: leftOut.length,
        err: err ?? null,
      });
    }
    const lost = without(unreadable, this.#unreadable);
    const regained = without(this.#unreadable, unreadable);
    this.#unreadable = unreadable;
    if (lost.size > 0) logEvent(this.#log, 'demand-unreadable', named(lost));
    if (regained.size > 0) logEvent(this.#log, 'demand-readable', named(regained));
  }
}

const without = (some: ReadonlySet<string>, others: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...some].filter((pool) => !others.has(pool)));

const named = (pools: ReadonlySet<string>) => ({
  pools: pools.size,
  workerPoolIds: [...pools].toSorted().slice(0, NAMED_POOLS),
});
