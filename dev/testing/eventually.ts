import { setTimeout as delay } from 'node:timers/promises';

/**
 * Reads until there is something to see (neither null, undefined nor false), and gives it. Throws after `withinMs`.
 * `everyMs` may depend on how long it has waited.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: { withinMs?: number; everyMs?: number | ((waitedMs: number) => number); what?: string } = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const { withinMs = 20_000, everyMs = 25, what = 'the condition' } = options;
  const begun = Date.now();
  for (;;) {
    const seen = await check();
    if (seen !== null && seen !== undefined && seen !== false) return seen as NonNullable<Exclude<T, false>>;
    const waitedMs = Date.now() - begun;
    if (waitedMs > withinMs) throw new Error(`${what} did not come true within ${withinMs} ms`);
    await delay(typeof everyMs === 'number' ? everyMs : everyMs(waitedMs));
  }
}
