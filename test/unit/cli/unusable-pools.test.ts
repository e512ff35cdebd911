import { expect, test } from '@jest/globals';
import { unusablePools } from '../../../cli/checks.js';
import type { LaunchConfiguration } from '../../../domain/worker-pool.js';
import { buildProviders } from '../../../providers/configured.js';
import type { ActiveLaunchConfig, PoolWithLaunchConfigs } from '../../../database/pools.js';
import { recordedContext } from '../../support/provider-context.js';

const providers = await buildProviders(
  {
    aws: { providerType: 'aws', endpoint: null, regions: null, identityCertificates: null, draining: false },
    hand: { providerType: 'static' },
  },
  (providerId) => recordedContext({ providerId }),
);

const definition = (
  workerPoolId: string,
  providerId: string,
  config: object,
  configurations: readonly LaunchConfiguration[] = [],
): PoolWithLaunchConfigs => ({
  pool: { workerPoolId, providerId, config } as PoolWithLaunchConfigs['pool'],
  launchConfigs: configurations.map((configuration) => ({ configuration }) as ActiveLaunchConfig),
});
const machine = (region: string) => ({ region, launchConfig: { ImageId: 'ami-1', InstanceType: 't3.micro' } });

test('unusablePools names the stored pools whose definition would be rejected today, and why', () => {
  const pools = [
    definition('a/good', 'aws', { minCapacity: 0, maxCapacity: 5 }, [machine('us-east-1')]),
    definition('a/hand', 'hand', {}),
    definition('a/nowhere', 'aws', { minCapacity: 0, maxCapacity: 5 }, [machine('us-east-1'), machine('xx-nowhere-1')]),
    definition('a/deleted', 'null-provider', {}),
    definition('a/elsewhere', 'not-configured-here', { minCapacity: 0, maxCapacity: 5 }),
  ];
  expect(unusablePools(pools, providers)).toEqual([
    {
      workerPoolId: 'a/nowhere',
      reason: expect.stringContaining('launchConfigs[1].region: no identity certificate of xx-nowhere-1 is known'),
    },
  ]);
});
