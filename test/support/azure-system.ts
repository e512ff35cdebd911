import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { azureEvidence } from './azure-evidence.js';
import { azureProviderConfig } from '../../dev/testing/azure-pool.js';
import type { SimulatorFlags } from '../../dev/testing/simulator.js';
import type { System, SystemOptions } from '../../dev/testing/system.js';

/** A deployment whose only cloud is Azure, with operations that are over soon. */
export const azureSystem = (simulatorFlags: SimulatorFlags = {}): SystemOptions => ({
  providers: async (simulator, folder) => ({ azure: await azureProviderConfig(simulator, folder) }),
  simulator: {
    azureVmCreateMs: 1_000,
    azureVmDeleteMs: 500,
    azureNetworkCreateMs: 200,
    azureNetworkDeleteMs: 200,
    azureDiskDeleteMs: 200,
    azureDeploymentMs: 200,
    ...simulatorFlags,
  },
});

/**
 * The same over TLS: the product's processes trust the simulator's authority, sign in with this client secret, which is
 * the right one at first, and send the tokens that they get.
 */
export function azureSystemOverTls(secret: string, simulatorFlags: SimulatorFlags = {}): SystemOptions {
  const authority = (folder: string) => join(folder, 'tls-authority.pem');
  return {
    ...azureSystem({ tlsPort: 0, azureClientSecret: secret, ...simulatorFlags }),
    providers: async (simulator, folder) => {
      writeFileSync(authority(folder), (await simulator.azureCertificates()).tlsCa);
      const server = `https://127.0.0.1:${simulator.tlsPort}`;
      const application = { clientId: 'application', secret, domain: '99999999-8888-4777-8666-555555555555' };
      const config = await azureProviderConfig(simulator, folder);
      return {
        azure: { ...config, ...application, endpoint: `${server}/azure`, authorityHost: `${server}/azure-login` },
      };
    },
    environment: (folder) => ({ NODE_EXTRA_CA_CERTS: authority(folder) }),
  };
}

/** Resources and records of deployments that still exist, by id. */
export async function remainingInAzure(system: System): Promise<string[]> {
  const { resources, deployments } = await system.simulator.azureState();
  return [...resources.map(({ id }) => id), ...deployments];
}

/** Nothing is left, and whatever the file's tests made came once and went in order. */
export async function expectNothingLeft(system: System): Promise<void> {
  expect(await remainingInAzure(system)).toEqual([]);
  expect(azureEvidence(system.simulator.log())).toEqual({ createdTwice: [], outOfOrder: [] });
}
