import { LISTED_AFTER_MS } from './observation.js';

/**
 * How long a launch may stay without an outcome. All instants are a workflow's: hosts' clocks differ, and what one host
 * calls long ago another has just done.
 */

/** No attempt sends anything later than this after the workflow scheduled it, retries of the activity included. */
export const LAUNCH_ATTEMPT_TIMEOUT_MS = 40_000;

/**
 * After this long in doubt a launch is only searched for and never sent again, its owner hears of it, and its capacity
 * is no longer on its way: other launch configs get the machines while the maximum allows.
 */
export const MAX_IN_DOUBT_MS = 2 * 60_000;

/** Between two attempts, or searches, of one launch: doubling. */
export const MIN_ATTEMPT_INTERVAL_MS = 10_000;
export const MAX_ATTEMPT_INTERVAL_MS = 60_000;

/** From the scheduling of the last attempt to the beginning of a list that shows all that any attempt created. */
export const SETTLED_AFTER_MS = LAUNCH_ATTEMPT_TIMEOUT_MS + LISTED_AFTER_MS;

/** Whether an open launch has been in doubt for so long that nobody should wait for it. */
export const isOverdue = ({ inDoubtSince }: { readonly inDoubtSince: number | null }, nowMs: number): boolean =>
  inDoubtSince !== null && nowMs - inDoubtSince >= MAX_IN_DOUBT_MS;
