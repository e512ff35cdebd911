import { evidenceAt } from './evidence-at.js';
import { explainPool } from './explain.js';
import type { PollRecord, PoolRecords } from './records.js';
import { type Segment, stripOf } from './strip.js';

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Instants at which one looks no further: a strip has fewer segments. */
export const MAX_INSTANTS = 2000;

/** The causes of a span of time. */
export const explainRange = (records: PoolRecords, { from, to }: Range, changes: readonly number[]): Segment[] =>
  stripOf(
    [from, ...changes].map((at) => explainPool(evidenceAt(records, at), at)),
    to,
  );

/** The instants within a range at which another cause may begin, in their order. */
export function changesIn(records: PoolRecords, { from, to }: Range): number[] {
  const { polls, spans, reconciliations, revisions, launches, recordedSince } = records;
  const changed = polls.filter((poll, index) => differs(polls[index - 1], poll));
  const instants = [
    recordedSince,
    ...changed.map(({ at }) => at),
    // After a poll that nobody followed up, nobody evaluated.
    ...polls.flatMap((poll, index) => gapAfter(poll, polls[index + 1])),
    ...spans.flatMap(({ begins, ends }) => [begins, ends]),
    ...reconciliations.map(({ ended }) => ended),
    ...revisions.map(({ at }) => at),
    ...launches.flatMap(({ created, closed }) => [created, closed]),
  ].flatMap((instant) => (instant !== null && instant > from && instant < to ? instant : []));
  const ordered = [...new Set(instants)].sort((a, b) => a - b);
  if (ordered.length <= MAX_INSTANTS) return ordered;
  const step = ordered.length / MAX_INSTANTS;
  return Array.from({ length: MAX_INSTANTS }, (_, index) => ordered[Math.floor(index * step)]!);
}

function differs(before: PollRecord | undefined, { entry }: PollRecord): boolean {
  return JSON.stringify(before?.entry) !== JSON.stringify(entry);
}

const GAP_INTERVALS = 3;

function gapAfter({ at, intervalMs }: PollRecord, next: PollRecord | undefined): number[] {
  const covered = at + GAP_INTERVALS * intervalMs;
  if (next !== undefined && next.at <= covered) return [];
  return next === undefined ? [covered + 1] : [covered + 1, next.at];
}
