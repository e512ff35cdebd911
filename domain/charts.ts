import { DAY_MS, HOUR_MS, MINUTE_MS, startOf } from './durations.js';
import type { Spans } from './demand-history.js';

/** Figures over time, as they are drawn. */
export const chartNames = ['demand', 'waits', 'registrations', 'errors', 'calls'] as const;
export type ChartName = (typeof chartNames)[number];

export interface Line {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

/** Longer than evidence is kept. */
export const MAX_CHART_MS = 31 * DAY_MS;
const MAX_SPANS = 200;
/** Lines that can be told apart. */
const MAX_LINES = 8;
export const OTHERS = 'all others';

const SPANS_MS = [MINUTE_MS, 2 * MINUTE_MS, 10 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS];

/**
 * Spans that begin at whole multiples of their length, so that two charts of one time have the same; the last one has
 * `to` in it. No span is shorter than `minSpanMs`.
 */
export function spansOver({ from, to }: { readonly from: number; readonly to: number }, minSpanMs = 0): Spans {
  const longest = SPANS_MS.at(-1)!;
  const spanMs = SPANS_MS.find((ms) => ms >= minSpanMs && (to - from) / ms < MAX_SPANS) ?? longest;
  const begin = startOf(from, spanMs);
  return { from: begin, spanMs, count: Math.floor((to - 1 - begin) / spanMs) + 1 };
}

export const beginsOf = ({ from, spanMs, count }: Spans): number[] =>
  Array.from({ length: count }, (_, n) => from + n * spanMs);

export interface Occurrences {
  readonly name: string;
  readonly at: number;
  readonly count: number;
}

/** What happened in each span, by name; the most frequent ones have lines of their own. */
export function countsOver(occurrences: readonly Occurrences[], spans: Spans): Line[] {
  const lines = new Map<string, number[]>();
  for (const { name, at, count } of occurrences) {
    const span = spanOf(at, spans);
    if (span === null) continue;
    const line = lines.get(name) ?? Array<number>(spans.count).fill(0);
    lines.set(name, line);
    line[span] = line[span]! + count;
  }
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  const ranked = [...lines]
    .map(([name, values]) => ({ name, values, total: total(values) }))
    .toSorted((a, b) => b.total - a.total || (a.name < b.name ? -1 : 1));
  const shown = ranked.slice(0, ranked.length > MAX_LINES ? MAX_LINES - 1 : MAX_LINES);
  const rest = ranked.slice(shown.length).map(({ values }) => values);
  const sums = rest.length === 0 ? [] : [rest.reduce((sum, values) => sum.map((each, n) => each + values[n]!))];
  return [...shown.map(({ name, values }) => ({ name, values })), ...sums.map((values) => ({ name: OTHERS, values }))];
}

export interface Duration {
  readonly name: string;
  /** When it began. */
  readonly at: number;
  readonly ms: number;
}

export interface Percentiles extends Spread {
  readonly name: string;
  readonly count: number;
}

/** The median of each span by name, of those names that have most; and of each name over the whole time. */
export function durationsOver(
  durations: readonly Duration[],
  spans: Spans,
): { readonly lines: Line[]; readonly percentiles: Percentiles[] } {
  const within = durations.filter(({ at }) => spanOf(at, spans) !== null);
  const groups = [...Map.groupBy(within, ({ name }) => name)].toSorted(
    ([a, ofA], [b, ofB]) => ofB.length - ofA.length || (a < b ? -1 : 1),
  );
  const lines = groups.slice(0, MAX_LINES).map(([name, members]) => {
    const bySpan = Map.groupBy(members, ({ at }) => spanOf(at, spans)!);
    const values = Array.from({ length: spans.count }, (_, n) => {
      const within = bySpan.get(n);
      return within ? spreadOf(within.map(({ ms }) => ms)).p50Ms : null;
    });
    return { name, values };
  });
  const percentiles = groups.map(([name, members]) => ({
    ...{ name, count: members.length },
    ...spreadOf(members.map(({ ms }) => ms)),
  }));
  return { lines, percentiles };
}

function spanOf(at: number, { from, spanMs, count }: Spans): number | null {
  const span = Math.floor((at - from) / spanMs);
  return span >= 0 && span < count ? span : null;
}

/** Of durations. */
export interface Spread {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
}

/** Of one or more: the smallest that at least this part of them does not exceed. */
export function spreadOf(durations: readonly number[]): Spread {
  const sorted = durations.toSorted((a, b) => a - b);
  const percentile = (part: number) => sorted[Math.ceil(part * sorted.length) - 1]!;
  return { p50Ms: percentile(0.5), p95Ms: percentile(0.95), maxMs: percentile(1) };
}
