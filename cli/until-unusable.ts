import { DatabaseLostError } from '../database/client/failures.js';
import { type Checks, failureOf } from '../observability/health.js';
import { pause } from '../workers/pulse/pause.js';

export interface ProbeOptions {
  /** Between the begins of two probes, and the time that one has for its answer. */
  readonly intervalMs: number;
  /** Failures in a row that make a dependency unusable. */
  readonly failures: number;
}

/** Five minutes. Counted in probes and not by a clock: a process that was paused has missed nothing. */
const PROBES: ProbeOptions = { intervalMs: 10_000, failures: 30 };

/**
 * Resolves with the name of the check that has failed for so long that the process is of no use: whoever supervises it
 * starts another. At once when what it needs can never come back. Never rejects; null when `signal` ends it.
 */
export async function untilUnusable(
  checks: Checks,
  signal: AbortSignal,
  { intervalMs, failures }: ProbeOptions = PROBES,
): Promise<string | null> {
  const inARow = new Map<string, number>();
  while (!signal.aborted) {
    const probes = Object.entries(checks).map(async ([name, check]) => {
      const failure = await failureOf(check, intervalMs);
      const count = failure === null ? 0 : (inARow.get(name) ?? 0) + 1;
      inARow.set(name, count);
      return failure instanceof DatabaseLostError || count >= failures ? name : null;
    });
    const [names] = await Promise.all([Promise.all(probes), pause(intervalMs, signal)]);
    const unusable = names.find((name) => name !== null);
    if (unusable !== undefined) return signal.aborted ? null : unusable;
  }
  return null;
}
