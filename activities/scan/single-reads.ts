import { inParallel } from '../support/in-parallel.js';
import { timeLimit } from '../support/time-limit.js';

/** Reads of one kind in one scan; whatever is left comes later, or goes without. */
const MAX_READS = 50;
const MAX_READS_AT_ONCE = 8;
/** After this long no further one begins: lifecycles wait for the scan. */
const READS_TIMEOUT_MS = 4_000;

/** Reads machines one by one, as many as a scan has time for, the first ones first. */
export async function readSingly<T>(items: readonly T[], read: (item: T) => Promise<void>): Promise<void> {
  const isOutOfTime = timeLimit(READS_TIMEOUT_MS);
  await inParallel(items.slice(0, MAX_READS), MAX_READS_AT_ONCE, async (item) => {
    if (!isOutOfTime()) await read(item);
  });
}
