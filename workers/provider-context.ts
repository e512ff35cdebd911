import { createHmac } from 'node:crypto';
import { staticSecretFingerprint } from '../providers/static/secret-fingerprint.js';
import type { Config } from '../config/schema.js';
import { ProviderError } from '../providers/errors.js';
import type { CallOutcome, CloudCall, ProviderContext } from '../providers/provider.js';
import type { Records } from '../records/open.js';
import { reserveCall } from '../records/rate-limits.js';

/** Longer waits give the activity's slot back: the engine retries when the wait is over. */
const LONGEST_WAIT_MS = 10_000;

/** What providers are given here: limits shared through the records, and where their calls are reported. */
export function providerContext(
  providerId: string,
  {
    config,
    records,
    onCall,
  }: {
    readonly config: Pick<Config, 'rootUrl'>;
    readonly records: Records;
    readonly onCall: (call: CloudCall, outcome: CallOutcome) => void;
  },
): ProviderContext {
  const { deploymentId, deploymentKey } = records.deployment;
  return {
    providerId,
    rootUrl: config.rootUrl,
    deploymentId,
    onCall,
    limiter: {
      async take(call, limit) {
        const bucket = [call.providerId, call.region ?? '', call.callClass].join('/');
        const { waitMs, reserved } = await reserveCall(records.db, bucket, limit, LONGEST_WAIT_MS);
        if (!reserved) {
          throw new ProviderError({
            code: 'Throttled',
            message: `${call.operation}: our own limit for ${bucket} is used up`,
            retryAfterMs: waitMs - LONGEST_WAIT_MS / 2,
          });
        }
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      },
    },
    derive: (label) =>
      createHmac('sha384', deploymentKey).update(`provider/${providerId}/${label}`).digest('base64url'),
    fingerprint: (worker, secret) => staticSecretFingerprint(deploymentKey, worker, secret),
  };
}
