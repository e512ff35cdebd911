import { setTimeout as delay } from 'node:timers/promises';
import { MAX_RETRY_AFTER_MS, ProviderError } from '../errors.js';
import { turnBy } from './call-scope.js';
import type { BucketStore, BucketView, QuotaUpdate, CallLimit, CloudCall, Limiter, Shortage } from '../rate-limit.js';

/** Longer waits give the activity's slot back: the engine retries when the wait is over. */
const MAX_WAIT_MS = 10_000;
/** A refused call comes back when it would have this long to wait, and not at once. */
const MIN_REMAINING_WAIT_MS = MAX_WAIT_MS / 2;
const MIN_RETRY_MS = 1_000;
/**
 * A call that has waited reads the bucket's pause again when nobody of this process has read it for so long: at
 * most one query in this time, however many wait, and a pause that another process has begun holds here as soon.
 */
const VIEW_HOLDS_MS = 1_000;

/**
 * Limits that all processes share through `store`: one bucket for each budget of an account, region and class of calls.
 * `budgetOf` gives the budget that a provider's calls draw on.
 */
export function sharedLimiter(store: BucketStore, budgetOf: (providerId: string) => string): Limiter {
  const buckets = new Map<string, SharedBucket>();
  const bucketOf = ({ providerId, region, callClass }: CloudCall): SharedBucket => {
    const name = [budgetOf(providerId), region ?? '', callClass].join('/');
    const bucket = buckets.get(name) ?? new SharedBucket(store, name);
    buckets.set(name, bucket);
    return bucket;
  };
  return {
    acquire: (call, limit) => bucketOf(call).acquire(call, limit),
    reportQuota: (call, limit, update) => bucketOf(call).reportQuota(limit, update),
  };
}

/** What this process knows of one bucket, from the store's answers to its own calls. */
class SharedBucket {
  private readonly store: BucketStore;
  private readonly name: string;
  private pausedUntil = 0;
  /** When an answer last showed that pause, in `performance.now()`. */
  private pauseSeenAt = 0;
  /** When what we know was requested, and when the bucket would be full by it; both in `performance.now()`. */
  private requestedAt = 0;
  private fullAt = 0;
  private refreshing: Promise<void> | null = null;

  constructor(store: BucketStore, name: string) {
    this.store = store;
    this.name = name;
  }

  async acquire(call: CloudCall, limit: CallLimit): Promise<void> {
    const latest = Math.min(performance.now() + MAX_WAIT_MS, turnBy());
    for (;;) {
      const requestedAt = performance.now();
      const place = await this.store.reserve(this.name, limit, Math.max(0, latest - requestedAt));
      this.learn(requestedAt, place);
      if (!place.reserved) throw refusal(call, place.waitMs);
      if (place.waitMs === 0) return;
      await delay(place.waitMs);
      if (await this.stillHolds(place)) return;
    }
  }

  async reportQuota(limit: CallLimit, { remaining, retryAfterMs }: QuotaUpdate): Promise<void> {
    const shortage = shortageOf(limit, this.believed(limit), remaining, retryAfterMs);
    if (!shortage) return;
    const requestedAt = performance.now();
    try {
      this.learn(requestedAt, await this.store.lower(this.name, limit, shortage));
    } catch {
      // The call has its answer whether or not we can remember what came with it; the next one needs the store anyway.
    }
  }

  /** Calls that the bucket would let pass at once; other processes' latest calls are not in it. */
  private believed({ burst, perSecond }: CallLimit): number {
    const missing = ((this.fullAt - performance.now()) * perSecond) / 1000;
    return Math.min(burst, Math.max(0, burst - Math.max(0, missing)));
  }

  private async stillHolds(place: BucketView): Promise<boolean> {
    if (place.pausedUntil === this.pausedUntil && performance.now() - this.requestedAt > VIEW_HOLDS_MS) {
      this.refreshing ??= this.refresh().finally(() => (this.refreshing = null));
      await this.refreshing;
    }
    return place.pausedUntil === this.pausedUntil;
  }

  private async refresh(): Promise<void> {
    const requestedAt = performance.now();
    this.learnPause(requestedAt, await this.store.pauseOf(this.name));
    this.requestedAt = Math.max(this.requestedAt, requestedAt);
  }

  private learn(requestedAt: number, { pausedUntil, fullInMs }: BucketView): void {
    this.learnPause(requestedAt, pausedUntil);
    if (requestedAt < this.requestedAt) return;
    this.requestedAt = requestedAt;
    this.fullAt = performance.now() + fullInMs;
  }

  /**
   * Answers may overtake each other; an earlier end holds only where its request went out after the later one was
   * known.
   */
  private learnPause(requestedAt: number, pausedUntil: number): void {
    if (pausedUntil < this.pausedUntil && requestedAt < this.pauseSeenAt) return;
    this.pausedUntil = pausedUntil;
    this.pauseSeenAt = performance.now();
  }
}

/**
 * What the store must record, null for nothing: a refusal always; else only when well less is left than we believe,
 * because calls of our own are under way when an answer counts. Less than nothing left is a pause until it is made up
 * for.
 */
function shortageOf(
  { burst, perSecond }: CallLimit,
  believed: number,
  remaining: number | null,
  retryAfterMs: number | null,
): Shortage | null {
  if (retryAfterMs !== null) {
    // After the pause one call is answered; more than that only when the cloud's own count says so.
    const left = Math.min(burst, Math.max(1, remaining ?? 0));
    return { left, pauseMs: Math.min(Math.max(0, retryAfterMs), MAX_RETRY_AFTER_MS) };
  }
  if (remaining === null) return null;
  const wellLess = remaining < believed - Math.max(1, burst / 10) || remaining < -burst / 40;
  if (!wellLess) return null;
  return { left: Math.min(burst, Math.max(0, remaining)), pauseMs: Math.max(0, -remaining) * (1000 / perSecond) };
}

function refusal({ operation, providerId, region, callClass }: CloudCall, waitMs: number): ProviderError {
  return new ProviderError({
    code: 'Throttled',
    message: `${operation}: our own limit for ${[providerId, region ?? '', callClass].join('/')} is used up`,
    retryAfterMs: Math.max(MIN_RETRY_MS, waitMs - MIN_REMAINING_WAIT_MS),
  });
}
