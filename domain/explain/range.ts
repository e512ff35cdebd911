import { MAX_IN_DOUBT_MS } from '../launch.js';
import { UNCLAIMED_FOR_MS } from './demand.js';
import { evidenceAt } from './evidence-at.js';
import { explainPool, RECONCILED_WITHIN_MS } from './explain.js';
import { stoodInLine, unansweredFrom, wasSentAway } from './launches-at.js';
import type { AttemptRecord, PollRecord, PoolRecords } from './records.js';
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
  const { spans, reconciliations, revisions, launches, attempts, recordedSince } = records;
  const instants = [
    recordedSince,
    ...pollChanges(records),
    ...spans.flatMap(({ begins, ends }) => [begins, ends]),
    ...reconciliations.flatMap(({ ended, evidence }) => [ended, ...evidence.rounds.map(({ limit }) => limit?.endsAt)]),
    ...revisions.map(({ at }) => at),
    ...launches.flatMap(({ created, closed, inDoubtSince }) => [created, closed, ...doubtsFrom(inDoubtSince)]),
    ...attempts.flatMap(lineOf),
  ].flatMap((instant) => (instant != null && instant > from && instant < to ? instant : []));
  const ordered = [...new Set(instants)].sort((a, b) => a - b);
  if (ordered.length <= MAX_INSTANTS) return ordered;
  const step = ordered.length / MAX_INSTANTS;
  return Array.from({ length: MAX_INSTANTS }, (_, index) => ordered[Math.floor(index * step)]!);
}

/** After a poll that nobody followed up, nobody evaluated; and what a poll said may only lead to a cause in time. */
function pollChanges({ polls }: PoolRecords): number[] {
  const changed = polls.filter((poll, index) => differs(polls[index - 1], poll)).map(({ at }) => at);
  const after = (delayMs: number) =>
    changed.map((at) => at + delayMs).filter((at, index) => at < (changed[index + 1] ?? Infinity));
  return [
    ...changed,
    ...after(RECONCILED_WITHIN_MS + 1),
    ...after(UNCLAIMED_FOR_MS),
    ...polls.flatMap((poll, index) => gapAfter(poll, polls[index + 1])),
  ];
}

/** It is lost, and later on nobody counts on it. */
const doubtsFrom = (inDoubtSince: number | null): number[] =>
  inDoubtSince === null ? [] : [unansweredFrom(inDoubtSince), inDoubtSince + MAX_IN_DOUBT_MS];

/** Where a launch stood in line before its call, was sent away from there, or lost its answer. */
function lineOf(attempt: AttemptRecord): number[] {
  const { begun, ended, waitedMs, result } = attempt;
  const line = stoodInLine(attempt) ? [begun - waitedMs, begun] : [];
  if (wasSentAway(attempt)) return [...line, ended];
  return result === 'Unavailable' ? [...line, ended, ended + MAX_IN_DOUBT_MS] : line;
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
