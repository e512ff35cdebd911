import type { PollEntry } from './evidence.js';

/** What polls saw of pools over time, in spans of one length that follow each other. */

/** Stands for all pools together: no pool has such a name. */
export const ALL_POOLS = '*';

export const demandFigures = ['pending', 'claimed', 'requested', 'running', 'stopping'] as const;
export type DemandFigure = (typeof demandFigures)[number];

/** The most that a poll saw of each in each span; null where no poll holds, or the queue did not answer. */
export type DemandSeries = Readonly<Record<DemandFigure, readonly (number | null)[]>>;

export interface Spans {
  readonly from: number;
  readonly spanMs: number;
  readonly count: number;
}

/** When the last one ends. */
export const endOf = ({ from, spanMs, count }: Spans): number => from + spanMs * count;

/** The figures, each with the line that is made for it. */
export const seriesOf = <L extends readonly (number | null)[]>(
  lineOf: (figure: DemandFigure) => L,
): Record<DemandFigure, L> => ({
  pending: lineOf('pending'),
  claimed: lineOf('claimed'),
  requested: lineOf('requested'),
  running: lineOf('running'),
  stopping: lineOf('stopping'),
});

/** A row of a poll: the pools that have changed since the rows before it of the same chain, or all (`fullId` null). */
export interface PollRow {
  readonly id: number;
  readonly fullId: number | null;
  readonly at: number;
  readonly intervalMs: number;
  readonly pools: Readonly<Record<string, PollEntry | null>>;
}

/** What one poll says holds until the next, and no longer than so many intervals. */
const HOLDS_INTERVALS = 3;

type Entry = Pick<PollEntry, DemandFigure>;

/** Of each wanted pool that was polled, and of `ALL_POOLS`. The polls are ordered by time. */
export function demandSeries(
  polls: readonly PollRow[],
  spans: Spans,
  isWanted: (pool: string) => boolean = () => true,
): ReadonlyMap<string, DemandSeries> {
  const { from, spanMs, count } = spans;
  const series = new Map<string, Record<DemandFigure, (number | null)[]>>();
  const knownOf = (pool: string) => {
    const known = series.get(pool) ?? seriesOf(() => Array<number | null>(count).fill(null));
    series.set(pool, known);
    return known;
  };
  forEachPoll(polls, isWanted, ({ at, until }, { entries, sums }) => {
    const first = Math.max(0, Math.floor((at - from) / spanMs));
    const last = Math.min(count - 1, Math.ceil((until - from) / spanMs) - 1);
    if (last < first) return;
    for (const [pool, entry] of entries) {
      const lines = knownOf(pool);
      for (const figure of demandFigures) raise(lines[figure], first, last, entry[figure]);
    }
    const lines = knownOf(ALL_POOLS);
    for (const figure of demandFigures) raise(lines[figure], first, last, sums.of(figure));
  });
  return series;
}

function raise(line: (number | null)[], first: number, last: number, value: number | null): void {
  if (value === null) return;
  for (let n = first; n <= last; n += 1) line[n] = Math.max(line[n] ?? 0, value);
}

/** What rows of one chain say by now: of all pools for their sums, and of those that are wanted for themselves. */
class Chain {
  readonly entries = new Map<string, Entry>();
  readonly sums = new Sums();
  readonly #all = new Map<string, Entry>();

  change(pool: string, entry: Entry | null, isWanted: boolean): void {
    const before = this.#all.get(pool);
    if (before) this.sums.add(before, -1);
    if (entry === null) {
      this.#all.delete(pool);
      this.entries.delete(pool);
      return;
    }
    this.sums.add(entry, 1);
    this.#all.set(pool, entry);
    if (isWanted) this.entries.set(pool, entry);
  }
}

/** Of all pools; a queue that does not answer adds nothing, and where none answers the sum is unknown. */
class Sums {
  readonly #totals = new Map<DemandFigure, { total: number; known: number }>();
  #pools = 0;

  add(entry: Entry, sign: 1 | -1): void {
    this.#pools += sign;
    for (const figure of demandFigures) {
      const value = entry[figure];
      if (value === null) continue;
      const sum = this.#totals.get(figure) ?? { total: 0, known: 0 };
      this.#totals.set(figure, sum);
      sum.total += sign * value;
      sum.known += sign;
    }
  }

  of(figure: DemandFigure): number | null {
    const { total, known } = this.#totals.get(figure) ?? { total: 0, known: 0 };
    return known === 0 && this.#pools > 0 ? null : total;
  }
}

/** With what is known at that poll, and until when it holds. */
function forEachPoll(
  polls: readonly PollRow[],
  isWanted: (pool: string) => boolean,
  visit: (poll: { readonly at: number; readonly until: number }, chain: Chain) => void,
): void {
  const chains = new Map<number, Chain>();
  for (const [n, poll] of polls.entries()) {
    const { id, fullId, at, intervalMs, pools } = poll;
    // A chain whose first row is missing knows too little: the next one has all pools.
    const chain = fullId === null ? new Chain() : chains.get(fullId);
    if (!chain) continue;
    if (fullId === null) chains.set(id, chain);
    for (const [pool, entry] of Object.entries(pools)) chain.change(pool, entry, isWanted(pool));
    const holds = at + HOLDS_INTERVALS * intervalMs;
    visit({ at, until: Math.min(polls[n + 1]?.at ?? holds, holds) }, chain);
  }
}

/** One after the other, of the same length: the most in each `times` of them. */
export function thinned(line: readonly (number | null)[], times: number): (number | null)[] {
  return Array.from({ length: Math.ceil(line.length / times) }, (_, n) => {
    const known = line.slice(n * times, (n + 1) * times).filter((value) => value !== null);
    return known.length === 0 ? null : Math.max(...known);
  });
}

interface MaximumChange {
  readonly at: number;
  /** Null: there is no pool from then on. */
  readonly maxCapacity: number | null;
}

/** A pool's maximum at the end of each span, from its revisions in their order. */
export function maximumOver(changes: readonly MaximumChange[], { from, spanMs, count }: Spans): (number | null)[] {
  return Array.from({ length: count }, (_, n) => {
    const end = from + (n + 1) * spanMs;
    return changes.findLast(({ at }) => at < end)?.maxCapacity ?? null;
  });
}
