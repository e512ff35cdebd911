import { writeFileSync } from 'node:fs';
import { azureProviderConfig } from './azure-pool.js';
import type { SimulatorFlags } from './simulator.js';
import { startSystem, type System, type SystemOptions } from './system.js';

/** A deployment whose only cloud is Azure, with operations that are over soon. The caller stops it. */
export async function startAzureSystem(
  options: Omit<SystemOptions, 'start'> & { readonly simulator?: SimulatorFlags } = {},
): Promise<System> {
  const system = await startSystem({
    ...options,
    simulator: {
      idleMs: 600_000,
      azureVmCreateMs: 1_000,
      azureVmDeleteMs: 500,
      azureNetworkCreateMs: 200,
      azureNetworkDeleteMs: 200,
      azureDiskDeleteMs: 200,
      azureDeploymentMs: 200,
      ...options.simulator,
    },
    start: false,
  });
  try {
    const azure = await azureProviderConfig(system.simulator, system.folder);
    writeFileSync(system.configFile, JSON.stringify({ ...system.config, providers: { azure } }, null, 2));
    await system.start();
    return system;
  } catch (error) {
    const failure = system.failure('the system did not start', error);
    await system.stop();
    throw failure;
  }
}

/** Waits until the pool has so many running workers and no others. */
export async function azureSettled(system: System, pool: string, wanted: number, withinMs = 60_000): Promise<void> {
  await system.waitFor(
    async () => {
      const { requested, running, stopping } = await system.api.counts(pool);
      return running === wanted && requested + stopping === 0;
    },
    `${wanted} running workers of ${pool}`,
    withinMs,
  );
}
