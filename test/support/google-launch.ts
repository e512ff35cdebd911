import type { LaunchSpec } from '../../providers/provider.js';

/** A launch config of the shape that all real ones have, ordered. */
export const googleSpec = (changes: Partial<LaunchSpec> = {}): LaunchSpec => ({
  token: 'token.1',
  workerPoolId: 'proj/pool',
  owner: 'me@example.com',
  launchConfigId: 'lc-1',
  count: 7,
  configuration: {
    region: 'us-central1',
    zone: 'us-central1-a',
    machineType: 'zones/us-central1-a/machineTypes/n2-standard-4',
    disks: [
      {
        type: 'PERSISTENT',
        boot: true,
        autoDelete: true,
        initializeParams: { sourceImage: 'projects/p/global/images/image-1', diskSizeGb: 60 },
      },
    ],
    networkInterfaces: [{ accessConfigs: [{ type: 'ONE_TO_ONE_NAT' }] }],
    scheduling: { onHostMaintenance: 'terminate', provisioningModel: 'SPOT', instanceTerminationAction: 'DELETE' },
    workerConfig: { genericWorker: { config: {} } },
  },
  ...changes,
});
