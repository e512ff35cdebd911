import { setTimeout as delay } from 'node:timers/promises';
import { call } from './http.js';

export interface Batch {
  /** Before it, after the batch before. */
  readonly afterMs: number;
  readonly workerPoolId: string;
  readonly tasks: number;
  /** Of each task. */
  readonly seconds: number;
}

/** A pool with so many tasks waiting gets no more: it may have no capacity, and the line would only grow. */
const MAX_PENDING = 30;

/**
 * The same trickle of work for the same seed: a batch for each pool at once, then a few tasks for some pool every 10 to
 * 20 seconds, about six tasks at work at any time.
 */
export function* batches(workerPoolIds: readonly string[], seed: number): Generator<Batch, never> {
  const random = randomNumbers(seed);
  const between = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
  for (const workerPoolId of workerPoolIds) {
    yield { afterMs: 0, workerPoolId, tasks: between(2, 4), seconds: between(10, 30) };
  }
  for (;;) {
    const workerPoolId = workerPoolIds[between(0, workerPoolIds.length - 1)] ?? '';
    yield { afterMs: between(10_000, 20_000), workerPoolId, tasks: between(1, 6), seconds: between(10, 40) };
  }
}

/** Feeds until the signal; what the simulator does not take (it may be starting again) is left out. */
export async function feed(
  simulatorUrl: string,
  work: Generator<Batch, never>,
  pending: (workerPoolId: string) => number,
  stop: AbortSignal,
): Promise<void> {
  for (const { afterMs, workerPoolId, tasks, seconds } of work) {
    await delay(afterMs, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) return;
    if (pending(workerPoolId) >= MAX_PENDING) continue;
    const body = { taskQueueId: workerPoolId, count: tasks, seconds };
    await call('POST', `${simulatorUrl}/simulator/tasks`, body).catch(() => undefined);
  }
}

/** A multiplicative congruential generator (modulus 2³¹ − 1, multiplier 48271): numbers in [0, 1). */
function randomNumbers(seed: number): () => number {
  const modulus = 2 ** 31 - 1;
  let state = (Math.abs(Math.trunc(seed)) % (modulus - 1)) + 1;
  return () => {
    state = (state * 48_271) % modulus;
    return state / modulus;
  };
}
