import { createHmac } from 'node:crypto';
import { staticSecretFingerprint } from '../providers/static/secret-fingerprint.js';
import type { Config } from '../config/schema.js';
import { budgetOf } from '../providers/account.js';
import { ProviderError } from '../providers/errors.js';
import type { CallOutcome, CloudCall, ProviderContext } from '../providers/provider.js';
import type { Deployment } from '../records/open.js';
import { reserveCall } from '../records/rate-limits.js';
import type { Db } from '../records/schema.js';

/** Longer waits give the activity's slot back: the engine retries when the wait is over. */
const LONGEST_WAIT_MS = 10_000;

/** What providers are given here: who we are, limits, and where their calls are reported. */
export function providerContext(
  providerId: string,
  {
    config,
    deployment,
    limiter,
    onCall,
  }: {
    readonly config: Pick<Config, 'rootUrl'>;
    readonly deployment: Pick<Deployment, 'deploymentId' | 'deploymentKey'>;
    readonly limiter: ProviderContext['limiter'];
    readonly onCall: (call: CloudCall, outcome: CallOutcome) => void;
  },
): ProviderContext {
  const { deploymentId, deploymentKey } = deployment;
  return {
    providerId,
    rootUrl: config.rootUrl,
    deploymentId,
    onCall,
    limiter,
    derive: (label) =>
      createHmac('sha384', deploymentKey).update(`provider/${providerId}/${label}`).digest('base64url'),
    fingerprint: (worker, secret) => staticSecretFingerprint(deploymentKey, worker, secret),
  };
}

/** Limits that all processes share through the records: one bucket for each account, region and class of calls. */
export const sharedLimiter = (db: Db, providers: Config['providers']): ProviderContext['limiter'] => ({
  async take(call, limit) {
    const provider = providers[call.providerId];
    const budget = provider ? budgetOf(call.providerId, provider) : call.providerId;
    const bucket = [budget, call.region ?? '', call.callClass].join('/');
    const { waitMs, reserved } = await reserveCall(db, bucket, limit, LONGEST_WAIT_MS);
    if (!reserved) {
      const what = [call.providerId, call.region ?? '', call.callClass].join('/');
      throw new ProviderError({
        code: 'Throttled',
        message: `${call.operation}: our own limit for ${what} is used up`,
        retryAfterMs: waitMs - LONGEST_WAIT_MS / 2,
      });
    }
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  },
});
