import type { CallClass } from '../../rate-limit.js';

/**
 * What Azure says is left of its limits on calls: calls by bucket. Resource Manager's own buckets count one principal's
 * calls (`reads`, `writes`, `deletes`) and those of everybody in the subscription (`global-reads` and so on); a
 * resource provider's have its namespace (`Microsoft.Compute/PutVM3Min`). Sources: ARM, "Understand how Azure Resource
 * Manager throttles requests"; Compute, "Troubleshooting API throttling errors".
 */
export type Quota = ReadonlyMap<string, number>;

const SUBSCRIPTION_PREFIX = 'x-ms-ratelimit-remaining-subscription-';
const RESOURCE_HEADER = 'x-ms-ratelimit-remaining-resource';
/** An answer names two buckets of Resource Manager and up to four of a resource provider. */
const MAX_BUCKETS = 16;
const MAX_HEADER_LENGTH = 2_000;

const subscriptionBucket = /^[a-z][a-z-]{0,39}$/;
const resourceBucket = /^[A-Za-z][A-Za-z0-9.]{0,59}\/[A-Za-z0-9_.-]{1,60}$/;
const count = /^\d{1,9}$/;

/**
 * Of an answer's headers, names in lower case. What does not look like a bucket and a count is left out; never throws.
 */
export function readQuota(headers: Iterable<readonly [name: string, value: string]>): Quota {
  const quota = new Map<string, number>();
  const note = (bucket: string, left: string, form: RegExp): void => {
    if (!form.test(bucket) || !count.test(left)) return;
    const known = quota.get(bucket);
    if (known === undefined && quota.size === MAX_BUCKETS) return;
    // One policy may stand there for the resource and for the subscription: the nearer end counts.
    quota.set(bucket, Math.min(Number(left), known ?? Infinity));
  };
  for (const [name, value] of headers) {
    if (value.length > MAX_HEADER_LENGTH) continue;
    if (name.startsWith(SUBSCRIPTION_PREFIX)) {
      note(name.slice(SUBSCRIPTION_PREFIX.length), value.trim(), subscriptionBucket);
    } else if (name === RESOURCE_HEADER) {
      for (const part of value.split(',')) {
        const [bucket = '', left = '', ...rest] = part.split(';');
        if (rest.length === 0) note(bucket.trim(), left.trim(), resourceBucket);
      }
    }
  }
  return quota;
}

const bucketOf: Readonly<Record<CallClass, string>> = { read: 'reads', create: 'writes', delete: 'deletes' };

/**
 * Calls of this class that Resource Manager still answers, null when it did not say. A resource provider's buckets are
 * not in it: they count some operations only, or those on one resource.
 */
export const remainingOf = (quota: Quota, callClass: CallClass): number | null =>
  least([quota.get(bucketOf[callClass]), quota.get(`global-${bucketOf[callClass]}`)]);

/**
 * The emptiest of all buckets of a call, null when none was named: for a call that was refused, the one that refused
 * it.
 */
export const lowestRemaining = (quota: Quota): number | null => least([...quota.values()]);

function least(counts: readonly (number | undefined)[]): number | null {
  const known = counts.filter((one) => one !== undefined);
  return known.length === 0 ? null : Math.min(...known);
}
