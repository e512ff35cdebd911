import type { ServerResponse } from 'node:http';
import type { BucketSize, RequestLimits } from '../ec2/request-limits.js';
import { Refusal } from '../errors.js';
import type { Target } from './target.js';

const perMinute = (burst: number, refill: number): BucketSize => ({ burst, perSecond: refill / 60 });

/**
 * Buckets per subscription. Azure Resource Manager's own ("Understand how Azure Resource Manager throttles requests")
 * count one principal's calls, and fifteen times as many of everybody's; those of Compute ("Compute throttling limits")
 * come after.
 */
export const armLimits = {
  reads: { burst: 250, perSecond: 25 },
  writes: { burst: 200, perSecond: 10 },
  deletes: { burst: 200, perSecond: 10 },
  'global-reads': { burst: 3_750, perSecond: 375 },
  'global-writes': { burst: 3_000, perSecond: 150 },
  'global-deletes': { burst: 3_000, perSecond: 150 },
  'Microsoft.Compute/PutVM': perMinute(1_500, 500),
  'Microsoft.Compute/DeleteVM': perMinute(1_500, 500),
  'Microsoft.Compute/LowCostGet': perMinute(24_000, 8_000),
  'Microsoft.Compute/HighCostGet': perMinute(900, 300),
} as const satisfies Record<string, BucketSize>;
type Bucket = keyof typeof armLimits;

export interface Charge {
  /** Left in Resource Manager's bucket of one principal. */
  readonly remaining: number;
  /** Null when every bucket had a token for the call. */
  readonly refusal: Refusal | null;
}

/**
 * Takes the call's tokens and sets the headers that tell what is left; those of a refusal, too, and when to come back.
 */
export function charge(
  limits: RequestLimits,
  method: string,
  target: Target,
  response: Pick<ServerResponse, 'setHeader'>,
): Charge {
  const { subscriptionId } = target;
  const nowMs = Date.now();
  const draw = (bucket: Bucket): number | null => {
    const passed = limits.acquire(subscriptionId, bucket, nowMs);
    const remaining = limits.remaining(subscriptionId, bucket) ?? armLimits[bucket].burst;
    const isResource = bucket.includes('/');
    response.setHeader(
      `x-ms-ratelimit-remaining-${isResource ? 'resource' : `subscription-${bucket}`}`,
      isResource ? `${bucket};${remaining}` : remaining,
    );
    if (!passed) response.setHeader('retry-after', limits.secondsToNext(subscriptionId, bucket));
    return passed ? remaining : null;
  };
  const own = ownBucket(method);
  const remaining = draw(own);
  if (remaining === null || draw(`global-${own}`) === null) {
    const refusal = new Refusal(
      'SubscriptionRequestsThrottled',
      `Number of '${own}' requests exceeded the limit.`,
      429,
    );
    return { remaining: remaining ?? 0, refusal };
  }
  const ofProvider = computeBucket(method, target);
  if (ofProvider === null || draw(ofProvider) !== null) return { remaining, refusal: null };
  const message = 'The server rejected the request because too many requests have been received for this subscription.';
  return { remaining, refusal: new Refusal('OperationNotAllowed', message, 429) };
}

const ownBucket = (method: string): 'reads' | 'writes' | 'deletes' =>
  method === 'DELETE' ? 'deletes' : method === 'GET' || method === 'HEAD' ? 'reads' : 'writes';

function computeBucket(method: string, { kind, name }: Target): Bucket | null {
  if (kind !== 'virtualMachines' && kind !== 'instanceView') return null;
  if (method === 'PUT') return 'Microsoft.Compute/PutVM';
  if (method === 'DELETE') return 'Microsoft.Compute/DeleteVM';
  return name === null ? 'Microsoft.Compute/HighCostGet' : 'Microsoft.Compute/LowCostGet';
}
