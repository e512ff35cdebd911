import type { Static } from 'typebox';
import type { explanation } from '../api/schemas/explain.js';
import { DAY_MS, HOUR_MS } from '../domain/durations.js';
import type { Why } from '../domain/pool-status.js';

/** Causes over time, and the instants among them that somebody looks at. */

export type Explanation = Static<typeof explanation>;
export type Segment = NonNullable<Explanation['strip']>[number];

/** How much time a strip shows. */
export const ranges = { '1h': HOUR_MS, '6h': 6 * HOUR_MS, '24h': DAY_MS, '7d': 7 * DAY_MS } as const;
export type Range = keyof typeof ranges;

/** The range that an address names, or else the shortest. */
export const rangeOf = (text: string | undefined): Range =>
  (Object.keys(ranges) as Range[]).find((each) => each === text) ?? '1h';

/**
 * The time around an instant; up to now where that is near, so that it stays as one steps through it. Its begin moves
 * on while somebody looks at that: half a range more is near.
 */
export function windowOf(at: string | undefined, range: Range, nowMs: number) {
  const [whole, half] = [ranges[range], ranges[range] / 2];
  const atMs = Date.parse(at ?? '');
  const isWithin = !(atMs < nowMs - whole);
  const isLive = !(atMs < nowMs - whole - half);
  const from = isWithin ? nowMs - whole : atMs - half;
  return { from: iso(from), to: iso(isLive ? nowMs : atMs + half), isLive };
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** The begin of the segment that ended last before an instant, or of the one that it is in the middle of. */
export const changeBefore = (strip: readonly Segment[], at: string): string | undefined =>
  strip.findLast(({ from }) => Date.parse(from) < Date.parse(at))?.from;

/** The begin of the next segment; undefined after the last one. */
export const changeAfter = (strip: readonly Segment[], at: string): string | undefined =>
  strip.find(({ from }) => Date.parse(from) > Date.parse(at))?.from;

/** `bad`: somebody has to do something; `warn`: it may last; `busy`: it is under way. */
const levels: Readonly<Record<Explanation['cause'], Why['level']>> = {
  'nothing-wanted': 'fine',
  'idle-not-claiming': 'warn',
  'still-booting': 'busy',
  launching: 'busy',
  'at-maximum': 'warn',
  'room-taken-by-stopping': 'warn',
  'room-taken-by-quarantined': 'warn',
  'replacement-under-way': 'busy',
  held: 'bad',
  'schedule-paused': 'bad',
  'demand-unreadable': 'bad',
  'provider-down': 'bad',
  'backed-off-no-capacity': 'warn',
  quota: 'bad',
  'bad-definition-or-permission': 'bad',
  'no-eligible-config': 'bad',
  'launch-in-doubt': 'warn',
  'deployment-limit': 'warn',
  'cloud-call-limit': 'warn',
  'not-evaluated': 'bad',
  'no-such-pool': 'bad',
  'no-record': 'fine',
  booting: 'busy',
  running: 'fine',
  'never-registered': 'bad',
  ended: 'fine',
  'stuck-or-kept': 'warn',
  'no-such-worker': 'bad',
};

export const whyOfCause = (cause: Explanation['cause']): Why => ({ word: cause, level: levels[cause] });
