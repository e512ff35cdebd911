/** Limits on calls to clouds, and the buckets that count them (ARCHITECTURE.md#cloud-limits). */

/** Which of a cloud's budgets a call draws on. Deletes never wait behind creates. */
export const callClasses = ['read', 'create', 'delete'] as const;
export type CallClass = (typeof callClasses)[number];

export interface CloudCall {
  readonly providerId: string;
  /** The cloud's name of the call, such as `RunInstances`. */
  readonly operation: string;
  readonly callClass: CallClass;
  readonly region: string | null;
}

/** Limits on calls, one budget for each account, region and class of calls, shared by all processes. */
export interface Limiter {
  /**
   * Resolves when the call may be sent. Throws ProviderError(Throttled) with `retryAfterMs` when the wait would be
   * longer than an activity should hold its slot.
   */
  acquire(call: CloudCall, limit: CallLimit): Promise<void>;
  /**
   * Tells what the cloud's answer to a call says of its budget; it can only make that smaller, for every process. Costs
   * nothing unless there is a pause, or well less is left than was believed. Never rejects; resolved, it holds.
   */
  reportQuota(call: CloudCall, limit: CallLimit, update: QuotaUpdate): Promise<void>;
}

export interface QuotaUpdate {
  /**
   * Calls of the limit that the cloud would still answer; less than 0 for what must be made up for. Null: it did not
   * say.
   */
  readonly remaining: number | null;
  /** For a call that was refused as one too many: milliseconds in which nobody may ask again. Else null. */
  readonly retryAfterMs: number | null;
}

/** Calls: `burst` at once, then `perSecond`. */
export interface CallLimit {
  readonly burst: number;
  readonly perSecond: number;
}

/** Buckets of calls that all processes share, by name; none is there before its first call. */
export interface BucketStore {
  /**
   * Takes a call's place: `burst` calls at once, then `perSecond` (both > 0), and none before the bucket's pause is
   * over. When the wait would be longer than `maxWaitMs` nothing is taken, and `waitMs` says how long it would have
   * been.
   */
  reserve(bucket: string, limit: CallLimit, maxWaitMs: number): Promise<CallReservation>;
  /**
   * Makes a bucket hold no more than the cloud has said, for all processes; it never makes it hold more. A pause that
   * ends later than the one before makes void the places that callers wait for, since they lie where the cloud wants
   * nobody: it takes them back, and the callers must take others.
   */
  lower(bucket: string, limit: CallLimit, shortage: Shortage): Promise<BucketView>;
  /** The end of the bucket's latest pause, as in BucketView. */
  pauseOf(bucket: string): Promise<number>;
}

/** What is known of a bucket at one instant. */
export interface BucketView {
  /**
   * The end of its latest pause, in the store's clock; 0 when there was none. Places taken under another value are
   * void.
   */
  readonly pausedUntil: number;
  /** Until the bucket would be full, if nobody asked any more. */
  readonly fullInMs: number;
}

export interface CallReservation extends BucketView {
  /** Until the call may be sent. */
  readonly waitMs: number;
  readonly reserved: boolean;
}

/** What the cloud has said of a bucket that we believed to hold more. */
export interface Shortage {
  /** Calls that it answers at once when the pause is over, 0 to the limit's burst. */
  readonly left: number;
  /** Milliseconds in which it answers none; 0 for no pause. */
  readonly pauseMs: number;
}
