import { capacityPerInstance, cloudPoolSchema, workerManagerSchema } from '../shared/pool-schema.js';

/** Also part of a host name and of the worker's key, so its form is held. */
const REGION = '^[a-z]{2,8}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$';

const tagSpecifications = {
  type: 'array',
  items: {
    type: 'object',
    required: ['ResourceType', 'Tags'],
    properties: {
      ResourceType: { type: 'string' },
      Tags: {
        type: 'array',
        items: {
          type: 'object',
          required: ['Key', 'Value'],
          properties: { Key: { type: 'string' }, Value: { type: 'string' } },
        },
      },
    },
  },
};

/**
 * The SDK leaves out a member that has the wrong form, without a word: security groups given as a text would launch
 * machines into the default group. So the forms of those that matter are held here.
 */
const formsOfMembers = {
  ...Object.fromEntries(['InstanceType', 'SubnetId', 'KeyName'].map((name) => [name, { type: 'string' }])),
  ...Object.fromEntries(
    ['SecurityGroupIds', 'SecurityGroups'].map((name) => [name, { type: 'array', items: { type: 'string' } }]),
  ),
  // What a machine leaves behind when it ends nobody would remove, and one that cannot be terminated stays for ever.
  DisableApiTermination: { const: false },
  BlockDeviceMappings: {
    type: 'array',
    items: {
      type: 'object',
      properties: { Ebs: { type: 'object', properties: { DeleteOnTermination: { const: true } } } },
    },
  },
  NetworkInterfaces: {
    type: 'array',
    items: { type: 'object', properties: { DeleteOnTermination: { const: true } } },
  },
  Placement: { type: 'object', properties: { AvailabilityZone: { type: 'string' } } },
  MetadataOptions: { type: 'object' },
  InstanceMarketOptions: {
    type: 'object',
    properties: {
      MarketType: { type: 'string' },
      SpotOptions: {
        type: 'object',
        properties: {
          ValidUntil: { type: 'string', format: 'date-time' },
          // A persistent request launches another machine whenever one of it ends.
          SpotInstanceType: { const: 'one-time' },
          InstanceInterruptionBehavior: { const: 'terminate' },
        },
      },
    },
  },
};

/**
 * Members of the RunInstances request that are not the definition's to set: a launch template could bring any of the
 * others, and volumes that stay; the next five we write ourselves, and with an instance profile every task on the
 * machine could use the profile's rights (docs/taskcluster-compatibility.md#aws-definitions).
 */
const refused = ['LaunchTemplate', 'IamInstanceProfile', 'UserData', 'MinCount', 'MaxCount', 'ClientToken', 'DryRun'];

const launchConfigSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['region', 'launchConfig'],
  properties: {
    region: { type: 'string', maxLength: 38, pattern: REGION },
    launchConfig: {
      type: 'object',
      required: ['ImageId'],
      properties: {
        ImageId: { type: 'string', minLength: 1 },
        TagSpecifications: tagSpecifications,
        ...formsOfMembers,
        ...Object.fromEntries(refused.map((name) => [name, false])),
      },
    },
    additionalUserData: {
      type: 'object',
      properties: Object.fromEntries(
        ['rootUrl', 'workerPoolId', 'providerId', 'workerGroup', 'workerConfig'].map((name) => [name, false]),
      ),
    },
    workerConfig: { type: 'object' },
    workerManager: workerManagerSchema,
    capacityPerInstance,
  },
};

export const awsPoolSchema = cloudPoolSchema(launchConfigSchema);
