import { createHmac } from 'node:crypto';
import type { Deployment } from '../domain/deployment.js';
import type { ProviderContext } from './provider.js';
import { staticSecretFingerprint } from './static/secret-fingerprint.js';

/** What a provider is given of the deployment and of the process that it runs in. */
export function providerContext(
  providerId: string,
  {
    rootUrl,
    deployment: { deploymentId, deploymentKey },
    limiter,
    onCall,
  }: Pick<ProviderContext, 'rootUrl' | 'limiter' | 'onCall'> & {
    readonly deployment: Pick<Deployment, 'deploymentId' | 'deploymentKey'>;
  },
): ProviderContext {
  return {
    providerId,
    rootUrl,
    deploymentId,
    onCall,
    limiter,
    derive: (label) =>
      createHmac('sha384', deploymentKey).update(`provider/${providerId}/${label}`).digest('base64url'),
    fingerprint: (worker, secret) => staticSecretFingerprint(deploymentKey, worker, secret),
  };
}
