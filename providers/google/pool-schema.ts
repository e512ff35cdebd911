import { capacityPerInstance, cloudPoolSchema, workerManagerSchema } from '../shared/pool-schema.js';

/**
 * What a launch config of Google's must have (docs/taskcluster-compatibility.md#google). Beside it stands any member of
 * an instance: those are checked against the API's own description (`check-definition.ts`).
 */
const launchConfigSchema = {
  type: 'object',
  required: ['workerConfig', 'region', 'zone', 'machineType', 'disks', 'networkInterfaces', 'scheduling'],
  properties: {
    // The zone is the worker group too.
    region: { type: 'string', pattern: '^[a-z][-a-z0-9]{0,35}$' },
    zone: { type: 'string', pattern: '^[a-z][-a-z0-9]{0,37}$' },
    machineType: { type: 'string', minLength: 1 },
    disks: { type: 'array', minItems: 1, items: { type: 'object' } },
    networkInterfaces: { type: 'array', items: { type: 'object' } },
    scheduling: { type: 'object' },
    workerConfig: { type: 'object' },
    workerManager: workerManagerSchema,
    capacityPerInstance,
  },
};

export const googlePoolSchema = cloudPoolSchema(launchConfigSchema);
