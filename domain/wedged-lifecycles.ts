import { HOUR_MS, MINUTE_MS } from './durations.js';
import { type WorkerKey, workerKeyText } from './ids.js';

/**
 * Open lifecycles whose workflow task fails again and again: a bug, or a release that cannot replay them. Such a
 * lifecycle is still the owner of its machine, and does nothing for it: nobody removes the machine when its time is
 * over. Pure: what becomes of each.
 *
 * The cure of a bad release is the release before it, under which every lifecycle goes on by itself. So nothing is done
 * to one that is wedged for a short time, and nothing at all while many are.
 */

/** A worker process that hangs or restarts makes tasks time out; so many in a row are no accident. */
export const WEDGED_ATTEMPTS = 5;
/** Time to roll a release back. */
export const REPLACED_AFTER_MS = 15 * MINUTE_MS;
/** Those that are wedged now and those that were replaced so lately count together. */
export const FUSE_WINDOW_MS = HOUR_MS;
/** More than this many, and more than this part of all lifecycles, is a bad release and no bad lifecycle. */
export const MAX_WEDGED = 3;
export const MAX_WEDGED_PART = 0.05;

export interface WedgedLifecycle extends WorkerKey {
  readonly runId: string;
  /** Attempts at its workflow task so far. */
  readonly attempts: number;
  /** When a sweep first found this run so. */
  readonly since: number;
  /** Earlier runs of this worker's that were wedged and acted on. */
  readonly earlierActs: number;
}

export interface WedgedFacts {
  readonly wedged: readonly WedgedLifecycle[];
  /** Lifecycles that there should be. */
  readonly lifecycles: number;
  /** Workers that were acted on within `FUSE_WINDOW_MS` (`workerKeyText`). */
  readonly actedOn: ReadonlySet<string>;
  readonly nowMs: number;
}

/**
 * - `young`: it may be healed by a rollback.
 * - `held`: too many are wedged.
 * - `replace`: a new lifecycle goes on from its row.
 * - `end`: the new one was wedged too; the next begins with the removal of the machine.
 * - `delete`: that was wedged as well. The sweep deletes the machine; the lifecycle stays its owner, and is an
 *   operator's to look at.
 */
export const wedgedVerdicts = ['young', 'held', 'replace', 'end', 'delete'] as const;
export type WedgedVerdict = (typeof wedgedVerdicts)[number];

export type JudgedLifecycle = WedgedLifecycle & { readonly verdict: WedgedVerdict };

export interface WedgedDecision {
  /** Longest wedged first. */
  readonly judged: readonly JudgedLifecycle[];
  /** Too many: none is acted on. */
  readonly isHeld: boolean;
}

export function judgeWedged({ wedged, lifecycles, actedOn, nowMs }: WedgedFacts): WedgedDecision {
  const lately = new Set([...actedOn, ...wedged.map(workerKeyText)]);
  // guard(a-bad-release-ends-no-lifecycle): false
  const isHeld = wedged.length > 0 && lately.size > Math.max(MAX_WEDGED, MAX_WEDGED_PART * lifecycles);
  const judged = wedged
    .toSorted((a, b) => a.since - b.since)
    .map((each) => ({ ...each, verdict: verdictOf(each, isHeld, nowMs) }));
  return { judged, isHeld };
}

function verdictOf({ since, earlierActs }: WedgedLifecycle, isHeld: boolean, nowMs: number): WedgedVerdict {
  // guard(a-rollback-has-time-to-heal): false
  if (nowMs - since < REPLACED_AFTER_MS) return 'young';
  if (isHeld) return 'held';
  if (earlierActs === 0) return 'replace';
  return earlierActs === 1 ? 'end' : 'delete';
}
