import { setTimeout as delay } from 'node:timers/promises';

export interface Crashes {
  readonly count: number;
  /** Before each of them, at least and at most. */
  readonly pauseMs: readonly [number, number];
  readonly random: () => number;
  readonly crash: () => Promise<void>;
}

/**
 * Does `work` while crashes come. All of them come, even when the work is over sooner; none comes any more once it has
 * failed.
 */
export async function amidCrashes(
  { count, pauseMs: [least, most], random, crash }: Crashes,
  work: () => Promise<void>,
): Promise<void> {
  let failed = false;
  const crashing = (async () => {
    for (let nth = 0; nth < count; nth += 1) {
      await delay(least + random() * (most - least));
      if (failed) return;
      await crash();
    }
  })();
  const working = (async () => {
    try {
      await work();
    } catch (error) {
      failed = true;
      throw error;
    }
  })();
  try {
    await Promise.all([crashing, working]);
  } finally {
    // Whoever stops the system next must find no crash half-way.
    await crashing;
  }
}
