import { createHmac } from 'node:crypto';
import { staticSecretFingerprint } from '../providers/static/secret-fingerprint.js';
import type { Config } from '../config/schema.js';
import type { CallOutcome, ProviderContext } from '../providers/provider.js';
import type { CloudCall } from '../providers/rate-limit.js';
import type { Deployment } from '../database/client/open.js';

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
