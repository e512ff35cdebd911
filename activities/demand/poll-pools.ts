import { abortable } from './abortable.js';

/** Bounds of one poll of many pools. */
export interface PollLimits {
  /** How long one pool may take. */
  readonly poolTimeoutMs: number;
  /** How long the whole poll may take. */
  readonly totalTimeoutMs: number;
  /** A pool that took longer is slow in the next poll. */
  readonly slowAfterMs: number;
  readonly lanes: number;
  /** Lanes for pools that were slow or failed the last time. */
  readonly slowLanes: number;
}

export interface PollOutcome {
  /** Pools that were read and failed, with the reason. */
  readonly failed: ReadonlyMap<string, unknown>;
  /** Pools that the poll had not reached when it ended. */
  readonly leftOut: readonly string[];
}

interface LastReading {
  readonly at: number;
  readonly slow: boolean;
}

/**
 * Reads many pools, again and again, each within a limit of its own. Pools whose last reading was slow or failed share
 * few lanes of their own, so that others never wait for them. Within its lanes the pool that has waited longest comes
 * first, so that one that was left out is not left out again. What it knows of last readings is this process's.
 */
export class PoolPoll {
  readonly #limits: PollLimits;
  readonly #last = new Map<string, LastReading>();

  constructor(limits: PollLimits) {
    this.#limits = limits;
  }

  /** Rejects only when `signal` is aborted. `read` should give up with its own signal; it is left alone then. */
  async run(
    workerPoolIds: readonly string[],
    signal: AbortSignal | null,
    read: (workerPoolId: string, signal: AbortSignal) => Promise<void>,
  ): Promise<PollOutcome> {
    this.#forgetAllBut(workerPoolIds);
    const failed = new Map<string, unknown>();
    const left = new Set(workerPoolIds);
    const end = AbortSignal.timeout(this.#limits.totalTimeoutMs);
    const ended = signal ? AbortSignal.any([signal, end]) : end;
    const lane = async (waiting: Iterable<string>) => {
      for (const workerPoolId of waiting) {
        // guard(poll-ends-at-its-limit): false
        if (ended.aborted) return;
        left.delete(workerPoolId);
        const failure = await this.#readOne(workerPoolId, ended, read);
        if (failure) failed.set(workerPoolId, failure.error);
      }
    };
    const { lanes, slowLanes } = this.#limits;
    const byAge = [...workerPoolIds].sort((a, b) => this.#lastAt(a) - this.#lastAt(b));
    const swift = byAge.filter((workerPoolId) => !this.#last.get(workerPoolId)?.slow).values();
    const slow = byAge.filter((workerPoolId) => this.#last.get(workerPoolId)?.slow).values();
    await Promise.all([
      ...Array.from({ length: lanes }, () => lane(swift)),
      ...Array.from({ length: slowLanes }, () => lane(slow)),
    ]);
    signal?.throwIfAborted();
    return { failed, leftOut: [...left] };
  }

  async #readOne(
    workerPoolId: string,
    ended: AbortSignal,
    read: (workerPoolId: string, signal: AbortSignal) => Promise<void>,
  ): Promise<{ readonly error: unknown } | null> {
    const at = performance.now();
    const within = AbortSignal.any([ended, AbortSignal.timeout(this.#limits.poolTimeoutMs)]);
    let failure: { readonly error: unknown } | null = null;
    try {
      await abortable(read(workerPoolId, within), within);
    } catch (error) {
      failure = { error };
    }
    const tookMs = performance.now() - at;
    this.#last.set(workerPoolId, { at, slow: failure !== null || tookMs > this.#limits.slowAfterMs });
    return failure;
  }

  #lastAt(workerPoolId: string): number {
    return this.#last.get(workerPoolId)?.at ?? -Infinity;
  }

  #forgetAllBut(workerPoolIds: readonly string[]): void {
    const present = new Set(workerPoolIds);
    for (const workerPoolId of this.#last.keys()) if (!present.has(workerPoolId)) this.#last.delete(workerPoolId);
  }
}
