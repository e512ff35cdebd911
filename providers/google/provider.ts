import { ProviderError } from '../errors.js';
import type { Provider, ProviderContext } from '../provider.js';
import { poolValidator } from '../shared/pool-schema.js';
import { ComputeCalls } from './calls.js';
import type { GoogleProviderConfig } from './config.js';
import { checkDefinition } from './check-definition.js';
import { verifyToken } from './identity.js';
import { GOOGLE_JWKS_URL, IdentityKeys } from './identity-keys.js';
import { googleLaunching } from './launching.js';
import { googleMachines } from './machines.js';
import { OperationWaits } from './operations.js';
import { googlePoolSchema } from './pool-schema.js';
import { serviceAccountReader } from './service-account.js';
import { ofDeployment } from './tags.js';

/** Google Compute Engine. Throws ProviderConfigError when it cannot be built from this configuration. */
export function googleProvider(config: GoogleProviderConfig, context: ProviderContext): Provider {
  const calls = new ComputeCalls(config, context);
  const serviceAccount = serviceAccountReader(calls, config.workerServiceAccountId);
  const launching = googleLaunching({ calls, waits: new OperationWaits(calls), context, serviceAccount });
  const keys = new IdentityKeys(config.jwksUrl ?? GOOGLE_JWKS_URL);
  const validate = poolValidator(googlePoolSchema);
  return {
    providerId: context.providerId,
    providerType: 'google',
    launching,
    machines: googleMachines(calls, context),
    async setup() {
      await serviceAccount();
      return await reachProject(calls, context.deploymentId);
    },
    validatePool: (submitted, pool) => checkDefinition(validate(submitted), pool, (spec) => launching.prepare(spec)),
    verifyIdentity: (worker, proof, nowMs) =>
      verifyToken(worker, proof, nowMs, {
        audience: context.rootUrl,
        serviceAccountId: config.workerServiceAccountId,
        keys: keys.get,
      }),
  };
}

/**
 * One page of all zones: the project is there, its API is on, and its machines may be listed. A zone that cannot be
 * reached may fail the list of all, and says nothing of the others: a remark.
 */
async function reachProject(calls: ComputeCalls, deploymentId: string): Promise<readonly string[]> {
  try {
    await calls.call({
      service: 'instances',
      method: 'aggregatedList',
      callClass: 'read',
      zone: null,
      request: { filter: ofDeployment(deploymentId), maxResults: 1 },
    });
    return [];
  } catch (error) {
    if (!(error instanceof ProviderError) || error.code !== 'Unavailable') throw error;
    return [`the machines of all zones cannot be listed now: ${error.message}`];
  }
}
