import { NULL_PROVIDER } from '../../domain/ids.js';
import type { LaunchConfiguration, PoolConfig } from '../../domain/worker-pool.js';
import { IdentityError } from '../errors.js';
import type { Provider } from '../provider.js';

/** The provider of pools on their way out: takes any definition, launches nothing, has no machines and no workers. */
export const nullProvider: Provider = {
  providerId: NULL_PROVIDER,
  providerType: 'null',
  launching: null,
  machines: null,
  setup: async () => {},
  validatePool: (submitted) => {
    if (typeof submitted !== 'object' || submitted === null || Array.isArray(submitted)) {
      return { ok: false, reason: 'config must be object' };
    }
    const { launchConfigs, ...config } = JSON.parse(JSON.stringify(submitted)) as PoolConfig & {
      launchConfigs?: unknown;
    };
    return {
      ok: true,
      config,
      launchConfigs: Array.isArray(launchConfigs) ? (launchConfigs as LaunchConfiguration[]) : [],
    };
  },
  verifyIdentity: async () => {
    throw new IdentityError('the null provider has no workers');
  },
};
