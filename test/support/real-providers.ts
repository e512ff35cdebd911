import { parseConfig } from '../../config/load.js';
import { buildProviders, providerTypes } from '../../providers/configured.js';
import type { Provider } from '../../providers/provider.js';
import { recordedContext } from './provider-context.js';
import { isAwsPool, isAzurePool, isStaticPool, type RealPool } from './shared-data.js';

const configured = {
  aws: { providerType: 'aws' },
  azure: {
    providerType: 'azure',
    subscriptionId: '00000000-0000-4000-8000-000000000001',
    resourceGroupName: 'workers',
  },
  google: { providerType: 'google', project: 'a-project', workerServiceAccountId: '1234567890' },
};

/** A provider of each cloud, which judges definitions of pools as always; beside the `hand` of every test's API. */
export async function realProviders(): Promise<readonly Provider[]> {
  const { providers } = parseConfig(JSON.stringify({ providers: configured }), 'test.yml', providerTypes);
  return (await buildProviders(providers, (providerId) => recordedContext({ providerId }))).list();
}

/** Which of them a real pool is for. */
export function providerOf(pool: RealPool): keyof typeof configured | 'hand' {
  if (isStaticPool(pool)) return 'hand';
  return isAwsPool(pool) ? 'aws' : isAzurePool(pool) ? 'azure' : 'google';
}
