import { type CapacityShape, testPool } from './api-client.js';
import { googleProject, SimulatedGoogle } from './simulated-google.js';
import type { SimulatorHandle } from './simulator.js';

/** A deployment's Google side: the simulator's Compute Engine, and pools in it. */

/** The `providers` entry of a deployment that runs against this simulator. */
export async function googleProviderConfig(simulator: SimulatorHandle) {
  const { uniqueId } = await new SimulatedGoogle(simulator).serviceAccount();
  return {
    providerType: 'google' as const,
    project: googleProject,
    workerServiceAccountId: uniqueId,
    endpoint: simulator.url,
    jwksUrl: `${simulator.url}/oauth2/v3/certs`,
  };
}

export interface GooglePoolShape extends CapacityShape {
  /** One launch config for each. */
  readonly zones?: readonly string[];
}

/** A launch config of the shape that all published ones have. */
export const googleLaunchConfig = (zone: string) => ({
  region: zone.slice(0, zone.lastIndexOf('-')),
  zone,
  machineType: `zones/${zone}/machineTypes/n2-standard-4`,
  disks: [
    {
      type: 'PERSISTENT',
      boot: true,
      autoDelete: true,
      initializeParams: { sourceImage: 'projects/images/global/images/worker', diskSizeGb: 60 },
    },
  ],
  networkInterfaces: [{ accessConfigs: [{ type: 'ONE_TO_ONE_NAT' }] }],
  scheduling: { onHostMaintenance: 'terminate', provisioningModel: 'SPOT', instanceTerminationAction: 'DELETE' },
  workerConfig: {},
});

/** The definition of a Google pool. */
export const googlePool = ({ zones = ['us-central1-a'], ...capacity }: GooglePoolShape = {}) =>
  testPool('google', capacity, zones.map(googleLaunchConfig));
