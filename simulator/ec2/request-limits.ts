export interface BucketSize {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * Request rate limits by action, each account and region its own buckets (EC2 developer guide, "Request throttling"):
 * what an ordinary account has for the actions that a worker manager uses.
 */
export const ec2Limits: Readonly<Record<string, BucketSize>> = {
  RunInstances: { burst: 5, perSecond: 2 },
  TerminateInstances: { burst: 100, perSecond: 5 },
  DescribeInstances: { burst: 100, perSecond: 20 },
  DescribeRegions: { burst: 100, perSecond: 20 },
};

/** Token buckets: full at first, filled at a set rate, one token for each request. */
export class RequestLimits {
  #sizes: Readonly<Record<string, BucketSize>>;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(sizes: Readonly<Record<string, BucketSize>>) {
    this.#sizes = sizes;
  }

  configure(sizes: Readonly<Record<string, BucketSize>>): void {
    this.#sizes = sizes;
    this.#buckets.clear();
  }

  /** Whether the request may pass; one that may not costs nothing. */
  acquire(region: string, action: string, nowMs: number): boolean {
    const size = this.#sizes[action];
    if (!size) return true;
    const key = `${region} ${action}`;
    const bucket = this.#buckets.get(key) ?? { tokens: size.burst, atMs: nowMs };
    bucket.tokens = Math.min(size.burst, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * size.perSecond);
    bucket.atMs = nowMs;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** Whole tokens left after the last request; null where nothing is limited. */
  remaining(region: string, action: string): number | null {
    if (!this.#sizes[action]) return null;
    return Math.floor(this.#buckets.get(`${region} ${action}`)?.tokens ?? this.#sizes[action].burst);
  }

  /** Whole seconds until there is a token again after the last request, at least one. */
  secondsToNext(region: string, action: string): number {
    const size = this.#sizes[action];
    const tokens = this.#buckets.get(`${region} ${action}`)?.tokens ?? 1;
    return size ? Math.max(1, Math.ceil((1 - tokens) / size.perSecond)) : 1;
  }
}
