import { outsideCallScope, untilGivenUp } from './call-scope.js';

/** How long calls wait for each other, in milliseconds, and how many may meet. */
export interface BatchWindow {
  /** A batch leaves when nothing joined it for this long… */
  readonly idleMs: number;
  /** …or this long after its first item, whatever joins… */
  readonly maxWaitMs: number;
  /** …or when it has this many items, at once; */
  readonly maxItems: number;
  /**
   * …but otherwise no sooner than this long after the batch before it left, and twice as long after each further batch,
   * up to `maxPauseMs`: a long trickle makes few calls as well. It begins anew when nothing came for `maxPauseMs`.
   */
  readonly pauseMs: number;
  readonly maxPauseMs: number;
}

/**
 * What became of a batch: the items that failed, each with its own error; every other item succeeded.
 * Throwing instead fails all of them with that one error.
 */
export type BatchRun = (key: string, items: readonly string[]) => Promise<ReadonlyMap<string, Error>>;

interface Batch {
  readonly key: string;
  readonly waiting: Map<string, PromiseWithResolvers<void>>;
  readonly begunMs: number;
  readonly leavesBy: number;
  timer: NodeJS.Timeout;
}

/**
 * Lets callers that want the same kind of call at about the same time share one. Batches are kept apart by key; a batch
 * that has left is closed, so whoever comes later waits for the next. Two callers with the same item share its verdict.
 */
export class Batcher {
  private readonly run: BatchRun;
  private readonly window: BatchWindow;
  private readonly open = new Map<string, Batch>();
  /** By key: how long, and until when, the next batch pauses. */
  private readonly pauses = new Map<string, { readonly forMs: number; readonly untilMs: number }>();

  constructor(run: BatchRun, window: BatchWindow) {
    this.run = run;
    this.window = window;
  }

  /** Resolves or rejects with this item's own verdict; a caller that has been given up only leaves the wait. */
  add(key: string, item: string): Promise<void> {
    return untilGivenUp(outsideCallScope(() => this.join(key, item)));
  }

  private join(key: string, item: string): Promise<void> {
    const batch = this.open.get(key) ?? this.begin(key);
    const verdict = batch.waiting.get(item) ?? Promise.withResolvers<void>();
    batch.waiting.set(item, verdict);
    clearTimeout(batch.timer);
    if (batch.waiting.size >= this.window.maxItems) void this.leave(batch);
    else this.wait(batch);
    return verdict.promise;
  }

  private begin(key: string): Batch {
    const begunMs = performance.now();
    const leavesBy = begunMs + this.window.maxWaitMs;
    const batch: Batch = { key, waiting: new Map(), begunMs, leavesBy, timer: setTimeout(() => {}, 0) };
    this.open.set(key, batch);
    return batch;
  }

  private wait(batch: Batch): void {
    const nowMs = performance.now();
    const idleMs = Math.min(this.window.idleMs, batch.leavesBy - nowMs);
    const waitMs = Math.max(0, idleMs, (this.pauses.get(batch.key)?.untilMs ?? 0) - nowMs);
    batch.timer = setTimeout(() => void this.leave(batch), waitMs);
  }

  private pause({ key, begunMs }: Batch): void {
    const before = this.pauses.get(key);
    const goesOn = before !== undefined && begunMs < before.untilMs + this.window.maxPauseMs;
    const forMs = goesOn ? Math.min(before.forMs * 2, this.window.maxPauseMs) : this.window.pauseMs;
    this.pauses.set(key, { forMs, untilMs: performance.now() + forMs });
  }

  private async leave(batch: Batch): Promise<void> {
    this.open.delete(batch.key);
    this.pause(batch);
    try {
      const failures = await this.run(batch.key, [...batch.waiting.keys()]);
      for (const [item, verdict] of batch.waiting) {
        const failure = failures.get(item);
        if (failure) verdict.reject(failure);
        else verdict.resolve();
      }
    } catch (error) {
      for (const verdict of batch.waiting.values()) verdict.reject(error);
    }
  }
}
