/**
 * Reads several listings at once and gives their pages as they come. A listing that fails does not hide the pages of
 * the others: its error is thrown when all have ended, so an iteration that ends without throwing was complete.
 */
export async function* mergePages<Page>(listings: readonly AsyncIterable<Page>[]): AsyncGenerator<Page> {
  const iterators = listings.map((listing) => listing[Symbol.asyncIterator]());
  const next = (index: number) =>
    iterators[index]!.next().then(
      (result) => ({ index, result }),
      (error: unknown) => ({ index, error }),
    );
  const pending = new Map(iterators.map((_, index) => [index, next(index)]));
  const failures: unknown[] = [];
  try {
    while (pending.size > 0) {
      const settled = await Promise.race(pending.values());
      pending.delete(settled.index);
      if ('error' in settled) failures.push(settled.error);
      else if (!settled.result.done) {
        pending.set(settled.index, next(settled.index));
        yield settled.result.value;
      }
    }
  } finally {
    // The reader may have left early; nothing is open in a listing between two pages, so nobody waits for this.
    for (const index of pending.keys()) void iterators[index]!.return?.(undefined);
  }
  if (failures.length > 0) throw failures[0];
}
