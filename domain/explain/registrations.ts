import type { RegistrationRecord } from './records.js';

/** Of how many of a pool's last registrations the median is taken. */
export const REGISTRATIONS_MEASURED = 50;

/**
 * Half of a pool's machines registered within so long, by the last registrations that were known at the instant; null:
 * none was. The list is ordered by time.
 */
export function medianRegistrationAt(registrations: readonly RegistrationRecord[], at: number): number | null {
  const known = registrations.slice(0, registrations.findLastIndex((each) => each.at <= at) + 1);
  const took = known.slice(-REGISTRATIONS_MEASURED).map(({ tookMs }) => tookMs);
  if (took.length === 0) return null;
  const ordered = took.toSorted((a, b) => a - b);
  const middle = (ordered.length - 1) / 2;
  return (ordered[Math.floor(middle)]! + ordered[Math.ceil(middle)]!) / 2;
}
