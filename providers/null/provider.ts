import { identifierPattern, NULL_PROVIDER } from '../../domain/ids.js';
import { IdentityError } from '../errors.js';
import { poolValidator } from '../shared/pool-schema.js';
import type { Provider } from '../provider.js';

/** Whatever any provider takes; only the ids of launch configs must be some. */
const anyPoolSchema = {
  type: 'object',
  properties: {
    launchConfigs: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          workerManager: {
            type: 'object',
            properties: { launchConfigId: { type: 'string', pattern: identifierPattern.source } },
          },
        },
      },
    },
  },
};

/** The provider of pools on their way out: takes any definition, launches nothing, has no machines and no workers. */
export const nullProvider: Provider = {
  providerId: NULL_PROVIDER,
  providerType: 'null',
  launching: null,
  machines: null,
  setup: async () => [],
  validatePool: poolValidator(anyPoolSchema),
  verifyIdentity: async () => {
    throw new IdentityError('the null provider has no workers');
  },
};
