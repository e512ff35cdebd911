import { callSignal, givenUp } from '../../providers/shared/call-scope.js';

/**
 * Does `work` for every item, at most `most` at a time. The first failure is thrown when all have been tried; once the
 * attempt has been given up no further item is begun.
 */
export async function inParallel<T>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const rest = items.values();
  const signal = callSignal();
  const failures: unknown[] = [];
  const lane = async () => {
    for (const item of rest) {
      try {
        // guard(list-ends-when-given-up): false
        if (signal?.aborted) throw givenUp();
        await work(item);
      } catch (error) {
        failures.push(error);
        if (signal?.aborted) return;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, lane));
  if (failures.length > 0) throw failures[0];
}
