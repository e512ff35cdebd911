import { capacityPerInstance, cloudPoolSchema, workerManagerSchema } from '../shared/pool-schema.js';

/** Compared pair by pair, so no more than can be. */
const stateCodes = {
  type: 'array',
  uniqueItems: true,
  maxItems: 100,
  items: { type: 'string', pattern: '^[^\\s]{1,100}$' },
};

const azureWorkerManager = {
  ...workerManagerSchema,
  properties: {
    ...workerManagerSchema.properties,
    publicIp: { type: 'boolean' },
    ignoreFailedProvisioningStates: stateCodes,
    keepDeployment: { type: 'boolean' },
  },
};

/** Also a worker group, so its form is held. */
const location = { type: 'string', pattern: '^[a-zA-Z0-9-]{1,38}$' };
const deleteOption = { enum: ['Delete', 'Detach'] };
/** Azure ignores the case of ids. */
const resourceId = (type: string) => ({
  type: 'string',
  pattern: `^(?i:/subscriptions/[^/]+/resourceGroups/[^/]+/providers/${type.replaceAll('.', '\\.')})$`,
});

const text = { type: 'string' };
const disk = {
  type: 'object',
  properties: {
    createOption: text,
    deleteOption,
    diskSizeGB: { type: 'integer', minimum: 1 },
    caching: text,
    managedDisk: { type: 'object' },
    lun: { type: 'integer', minimum: 0 },
  },
};

const sequential = {
  type: 'object',
  required: ['location', 'subnetId', 'hardwareProfile', 'storageProfile'],
  properties: {
    location,
    subnetId: resourceId('Microsoft.Network/virtualNetworks/[^/]+/subnets/[^/]+'),
    hardwareProfile: { type: 'object', required: ['vmSize'], properties: { vmSize: { type: 'string' } } },
    storageProfile: {
      type: 'object',
      required: ['osDisk'],
      properties: {
        osDisk: disk,
        dataDisks: { type: 'array', items: disk },
        imageReference: { type: 'object', properties: { id: { type: 'string' } } },
      },
    },
    zones: { type: 'array', maxItems: 1, items: text },
    evictionPolicy: text,
    licenseType: text,
    diagnosticsProfile: { type: 'object' },
    securityProfile: { type: 'object' },
    identity: { type: 'object' },
    plan: { type: 'object' },
    priority: text,
    billingProfile: { type: 'object', properties: { maxPrice: { type: 'number' } } },
    osProfile: { type: 'object' },
    networkProfile: {
      type: 'object',
      required: ['networkInterfaces'],
      properties: {
        networkInterfaces: {
          type: 'array',
          items: {
            type: 'object',
            properties: { id: { type: 'string' }, primary: { type: 'boolean' }, deleteOption },
          },
        },
      },
    },
    ignoreFailedProvisioningStates: stateCodes,
  },
};

const templateLink = {
  type: 'object',
  anyOf: [
    {
      required: ['id'],
      properties: {
        id: resourceId('Microsoft.Resources/templateSpecs/[^/]+/versions/[^/]+'),
        uri: false,
        contentVersion: { type: 'string' },
        queryString: { type: 'string' },
      },
    },
    {
      required: ['uri'],
      properties: {
        id: false,
        uri: { type: 'string' },
        contentVersion: { type: 'string' },
        queryString: { type: 'string' },
      },
    },
  ],
};

const parameter = {
  type: 'object',
  oneOf: [
    { required: ['value'], properties: { value: {} }, additionalProperties: false },
    {
      required: ['reference'],
      additionalProperties: false,
      properties: {
        reference: {
          type: 'object',
          required: ['keyVault', 'secretName'],
          properties: {
            keyVault: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } },
            secretName: { type: 'string' },
            secretVersion: { type: 'string' },
          },
        },
      },
    },
  ],
};

const template = {
  type: 'object',
  not: { required: sequential.required },
  properties: {
    armDeployment: {
      type: 'object',
      required: ['mode'],
      additionalProperties: false,
      oneOf: [{ required: ['template'] }, { required: ['templateLink'] }],
      properties: {
        // Complete would delete what other workers consist of.
        mode: { const: 'Incremental' },
        template: { type: 'object' },
        templateLink,
        parameters: {
          type: 'object',
          required: ['location'],
          properties: {
            location: {
              type: 'object',
              required: ['value'],
              additionalProperties: false,
              properties: { value: location },
            },
          },
          additionalProperties: parameter,
        },
        // Azure takes no link beside parameters, and ours are always there.
        parametersLink: false,
        debugSetting: {
          type: 'object',
          additionalProperties: false,
          properties: {
            detailLevel: {
              enum: [
                'none',
                'requestContent',
                'responseContent',
                'requestContent, responseContent',
                'requestContent,responseContent',
              ],
            },
          },
        },
        // It would create again what another worker consists of.
        onErrorDeployment: false,
        expressionEvaluationOptions: {
          type: 'object',
          additionalProperties: false,
          properties: { scope: { enum: ['Inner', 'Outer'] } },
        },
      },
    },
    armDeploymentResourceGroup: { type: 'string', pattern: '^[-\\w.()]{0,89}[-\\w()]$' },
  },
};

/**
 * Two shapes, and each launch config must have exactly one of them: told apart by `armDeployment`,
 * so that an error names what is wrong with the shape that was meant.
 */
const launchConfigSchema = {
  type: 'object',
  required: ['workerConfig'],
  properties: {
    workerConfig: { type: 'object' },
    workerManager: azureWorkerManager,
    capacityPerInstance,
    tags: { type: 'object' },
  },
  if: { required: ['armDeployment'] },
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  then: template,
  else: sequential,
};

export const azurePoolSchema = cloudPoolSchema(launchConfigSchema);
