import { googleProject, SimulatedGoogle } from './simulated-google.js';
import type { SimulatorHandle } from './simulator.js';

/** A deployment's Google side: the simulator's Compute Engine, and pools in it. */

/** The `providers` entry of a deployment that runs against this simulator. */
export async function googleProviderConfig(simulator: SimulatorHandle) {
  const { uniqueId } = await new SimulatedGoogle(simulator).serviceAccount();
  return {
    providerType: 'google',
    project: googleProject,
    workerServiceAccountId: uniqueId,
    endpoint: simulator.url,
    jwksUrl: `${simulator.url}/oauth2/v3/certs`,
  };
}

export interface GooglePoolShape {
  readonly minCapacity?: number;
  readonly maxCapacity?: number;
  /** One launch config for each. */
  readonly zones?: readonly string[];
  readonly lifecycle?: Readonly<Record<string, number>>;
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
export function googlePool(shape: GooglePoolShape = {}) {
  const { minCapacity = 0, maxCapacity = 10, zones = ['us-central1-a'], lifecycle } = shape;
  return {
    providerId: 'google',
    description: 'for tests',
    owner: 'owner@example.com',
    emailOnError: false,
    config: {
      minCapacity,
      maxCapacity,
      scalingRatio: 1,
      ...(lifecycle && { lifecycle }),
      launchConfigs: zones.map(googleLaunchConfig),
    },
  };
}
