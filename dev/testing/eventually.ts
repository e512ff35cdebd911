import { setTimeout as delay } from 'node:timers/promises';

/** Reads until there is something to see (neither null, undefined nor false), and gives it. Throws after `withinMs`. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: { withinMs?: number; everyMs?: number; what?: string } = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const { withinMs = 20_000, everyMs = 25, what = 'the condition' } = options;
  const deadline = Date.now() + withinMs;
  for (;;) {
    const seen = await check();
    if (seen !== null && seen !== undefined && seen !== false) return seen as NonNullable<Exclude<T, false>>;
    if (Date.now() > deadline) throw new Error(`${what} did not come true within ${withinMs} ms`);
    await delay(everyMs);
  }
}
