import { eventually } from '../testing/eventually.js';

/** Waits ten minutes at the most. The simulator and the API answer these scans too, so they are rare. */
export async function until(check: () => boolean | Promise<boolean>, what: string, everyMs = 500): Promise<void> {
  await eventually(check, { withinMs: 10 * 60_000, everyMs, what });
}
