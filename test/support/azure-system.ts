import { expect } from '@jest/globals';
import { azureEvidence } from './azure-evidence.js';
import { azureProviderConfig } from './azure-pool.js';
import type { SimulatorFlags } from './simulator.js';
import type { System, SystemOptions } from './system.js';

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

/** Resources and records of deployments that still exist, by id. */
export async function leftInAzure(system: System): Promise<string[]> {
  const { resources, deployments } = await system.simulator.azureState();
  return [...resources.map(({ id }) => id), ...deployments];
}

/** Nothing is left, and whatever the file's tests made came once and went in order. */
export async function expectNothingLeft(system: System): Promise<void> {
  expect(await leftInAzure(system)).toEqual([]);
  expect(azureEvidence(system.simulator.log())).toEqual({ madeTwice: [], outOfOrder: [] });
}
