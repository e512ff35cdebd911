import type { DecisionBasis } from './decision-record.js';

/** What a poll finds of a pool, from the same functions as a decision (evaluation.ts). */
export type PollFinding = Omit<DecisionBasis, 'evaluateAgainAt'>;

/**
 * Whether a pool is triggered: another decision would differ from its last one, or the instant has come that the last
 * one stored. After a decision on unchanged inputs only that instant triggers (ARCHITECTURE.md#triggers).
 */
export function needsReconciliation(last: DecisionBasis | null, now: PollFinding, nowMs: number): boolean {
  if (last === null) return true;
  if (last.evaluateAgainAt !== null && last.evaluateAgainAt <= nowMs) return true;
  if (launchable(now) !== launchable(last)) return true;
  // Without counts the last verdicts stand.
  return now.advisedCapacity !== null && now.advisedCapacity !== last.advisedCapacity;
}

/** Room counts as far as something is wanted: a worker that comes or goes in a satisfied pool changes no decision. */
const launchable = ({ wantedCapacity, roomCapacity }: Pick<PollFinding, 'wantedCapacity' | 'roomCapacity'>): number =>
  Math.max(0, Math.min(wantedCapacity, roomCapacity));

/** The earliest of the instants that a decision waits for; null when it waits for nothing. */
export function evaluateAgainAt(instants: readonly (number | null)[]): number | null {
  const known = instants.filter((instant) => instant !== null);
  return known.length > 0 ? Math.min(...known) : null;
}
