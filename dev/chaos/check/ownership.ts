import { workerIdOf } from './lifecycles.js';
import type { Journal } from './journal.js';
import type { World } from './world.js';

/** The product adopts or removes what is without an owner for five minutes, by two sweeps. */
const ORPHANED_MS = 5 * 60_000;

interface Lost {
  /** How long already, without the time in which nobody could have read it. */
  ms: number;
  isReported: boolean;
}

/** How long machines, and parts of machines, have been without exactly one open lifecycle. */
export class Ownership {
  readonly #journal: Journal;
  readonly #limitMs: number;
  readonly #lost = new Map<string, Lost>();
  #lastAt = 0;
  readonly broken = new Set<string>();
  /** The longest that anything was without an owner. */
  longestMs = 0;

  constructor(journal: Journal, sweepMs: number) {
    this.#journal = journal;
    this.#limitMs = ORPHANED_MS + 2 * sweepMs;
  }

  /** How many are without an owner now. */
  get lost(): number {
    return this.#lost.size;
  }

  /** `lifecycles` were read before the world. */
  judge(world: World, lifecycles: readonly string[]): void {
    const owners = new Map<string, number>();
    for (const id of lifecycles) owners.set(workerIdOf(id), (owners.get(workerIdOf(id)) ?? 0) + 1);
    const passed = this.#lastAt === 0 ? 0 : this.#journal.readable(this.#lastAt, world.at);
    this.#lastAt = world.at;
    const now = new Set<string>();
    const { machines, parts } = world;
    const things = [
      ...machines.filter(({ isEnding }) => !isEnding).map(({ id }) => ({ id, workerId: id })),
      ...parts.flatMap(({ id, workerId }) => (workerId === null ? [] : [{ id, workerId }])),
    ];
    for (const { id, workerId } of things) {
      if (this.#journal.foreign.has(id) || owners.get(workerId) === 1) continue;
      now.add(id);
      const lost = this.#lost.get(id) ?? { ms: 0, isReported: false };
      if (this.#lost.has(id)) lost.ms += passed;
      this.#lost.set(id, lost);
      this.longestMs = Math.max(this.longestMs, lost.ms);
      if (lost.ms > this.#limitMs && !lost.isReported) {
        lost.isReported = true;
        const owned = owners.get(workerId) ?? 0;
        this.broken.add(`${owned} open lifecycles for longer than ${this.#limitMs / 1000} s: ${id}`);
      }
    }
    for (const id of this.#lost.keys()) if (!now.has(id)) this.#lost.delete(id);
  }
}
