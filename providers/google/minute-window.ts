import { MINUTE_MS } from '../../domain/durations.js';
/**
 * Compute Engine counts calls in fixed windows of a minute ("API rate limits"): who is refused waits for the next full
 * minute, and not all at its first instant.
 */

/** Clocks differ a little. */
const MARGIN_MS = 500;
const JITTER_MS = 3_000;

export const untilNextMinute = (nowMs: number, random: () => number = Math.random): number =>
  MINUTE_MS - (nowMs % MINUTE_MS) + MARGIN_MS + Math.floor(random() * JITTER_MS);
