import { describe, expect, test } from '@jest/globals';
import { awsProvider } from '../../../../providers/aws/provider.js';
import { staticProvider } from '../../../../providers/static/provider.js';
import { recordedContext } from '../../../support/provider-context.js';
import { describeRealData, isAwsPool, isStaticPool, realPools } from '../../../support/shared-data.js';

const config = {
  providerType: 'aws',
  endpoint: null,
  regions: null,
  identityCertificates: null,
  draining: false,
} as const;
const aws = awsProvider(config, recordedContext());
const hand = staticProvider(recordedContext());

const launchConfig = { region: 'us-west-2', launchConfig: { ImageId: 'ami-1', InstanceType: 't3.micro' } };
const pool = { minCapacity: 0, maxCapacity: 5, launchConfigs: [launchConfig] };
const owner = { workerPoolId: 'proj/pool', owner: 'me@example.com' };
const reasonOf = (definition: unknown, pool = owner): string => {
  const validation = aws.validatePool(definition, pool);
  return validation.ok ? 'valid' : validation.reason;
};
const withLaunch = (changes: object) => ({
  ...pool,
  launchConfigs: [{ ...launchConfig, launchConfig: { ...launchConfig.launchConfig, ...changes } }],
});

const withTags = (Tags: object[]) => withLaunch({ TagSpecifications: [{ ResourceType: 'instance', Tags }] });

describeRealData('real pools', () => {
  test('every real AWS pool is valid and comes back as it was', () => {
    const awsPools = realPools().filter(isAwsPool);
    expect(awsPools.length).toBeGreaterThanOrEqual(9);
    for (const { config: submitted } of awsPools) {
      const validation = aws.validatePool(submitted, owner);
      if (!validation.ok) throw new Error(validation.reason);
      const { launchConfigs, lifecycle, ...rest } = submitted;
      expect(validation.launchConfigs).toEqual(launchConfigs);
      expect(validation.config).toMatchObject(rest);
      expect(validation.config.lifecycle).toEqual(
        lifecycle && { queueInactivityTimeout: 7_200, reregistrationTimeout: 345_600, ...lifecycle },
      );
    }
  });

  test('every real static pool is valid', () => {
    const staticPools = realPools().filter(isStaticPool);
    expect(staticPools.length).toBeGreaterThanOrEqual(11);
    for (const { config: submitted } of staticPools) {
      expect(hand.validatePool(submitted)).toEqual({ ok: true, config: submitted, launchConfigs: [] });
    }
  });
});

describe('AWS pool definitions', () => {
  test('an AWS pool’s given lifecycle is filled with Taskcluster’s defaults, in a copy', () => {
    const submitted = { ...pool, lifecycle: {} };
    expect(aws.validatePool(submitted)).toMatchObject({
      ok: true,
      config: { lifecycle: { reregistrationTimeout: 345_600, queueInactivityTimeout: 7_200 } },
    });
    expect(submitted.lifecycle).toEqual({});
    expect(aws.validatePool(pool)).toMatchObject({ ok: true, config: { minCapacity: 0, maxCapacity: 5 } });
  });

  test('an AWS pool with a minimum above the maximum is accepted, as Taskcluster does', () => {
    expect(reasonOf({ ...pool, minCapacity: 9 })).toBe('valid');
  });

  test.each(['LaunchTemplate', 'IamInstanceProfile', 'UserData', 'MinCount', 'MaxCount', 'ClientToken', 'DryRun'])(
    'a launch config of AWS may not set %s, alone or with others',
    (name) => {
      expect(reasonOf(withLaunch({ [name]: 'anything' }))).toBe(
        `config.launchConfigs[0].launchConfig.${name} must not be given`,
      );
    },
  );

  test.each([
    [null, 'config must be object'],
    [{ ...pool, extra: 1 }, 'config must not have "extra"'],
    [{ ...pool, maxCapacity: undefined }, "config must have required property 'maxCapacity'"],
    [{ ...pool, minCapacity: -1 }, 'config.minCapacity must be >= 0'],
    [{ ...pool, minCapacity: 10_000_000 }, 'config.minCapacity must be <= 1000000'],
    [{ ...pool, maxCapacity: 10_000_000 }, 'config.maxCapacity must be <= 1000000'],
    [
      { ...pool, launchConfigs: [{ ...launchConfig, capacityPerInstance: 1_000_001 }] },
      'config.launchConfigs[0].capacityPerInstance must be <= 1000000',
    ],
    [
      { ...pool, launchConfigs: [{ ...launchConfig, workerManager: { capacityPerInstance: 1_000_001 } }] },
      'config.launchConfigs[0].workerManager.capacityPerInstance must be <= 1000000',
    ],
    [
      { ...pool, launchConfigs: [{ ...launchConfig, workerManager: { maxCapacity: 1_000_001 } }] },
      'config.launchConfigs[0].workerManager.maxCapacity must be <= 1000000',
    ],
    [{ ...pool, scalingRatio: 1.5 }, 'config.scalingRatio must be <= 1'],
    [
      { ...pool, lifecycle: { reregistrationTimeout: 2_592_001 } },
      'config.lifecycle.reregistrationTimeout must be <= 2592000',
    ],
    [{ ...pool, lifecycle: { queueInactivityTimeout: 60 } }, 'config.lifecycle.queueInactivityTimeout must be >= 1200'],
    [
      { ...pool, launchConfigs: Array.from({ length: 1001 }, () => launchConfig) },
      'config.launchConfigs must not have more than 1000 items',
    ],
    [{ ...pool, maxCapacity: 1_000_001 }, 'config.maxCapacity must be <= 1000000'],
    [{ ...pool, minCapacity: 10_000_000 }, 'config.minCapacity must be <= 1000000'],
    [{ ...pool, lifecycle: { registrationTimeout: 1e300 } }, 'registrationTimeout must be <= 31536000'],
    [
      { ...pool, launchConfigs: [{ ...launchConfig, workerManager: { capacityPerInstance: 3_000_000_000 } }] },
      'capacityPerInstance must be <= 1000000',
    ],
    [{ ...pool, launchConfigs: [{ region: 'us-west-2' }] }, "must have required property 'launchConfig'"],
    [{ ...pool, launchConfigs: [{ ...launchConfig, region: 'evil.example.com/' }] }, 'region must match pattern'],
    [
      { ...pool, launchConfigs: [{ ...launchConfig, region: 'xx-nowhere-1' }] },
      'config.launchConfigs[0].region: no identity certificate of xx-nowhere-1 is known',
    ],
    [{ ...pool, launchConfigs: [{ ...launchConfig, other: 1 }] }, 'launchConfigs[0] must not have "other"'],
    [
      { ...pool, launchConfigs: [{ ...launchConfig, workerManager: { publicIp: true } }] },
      'workerManager must not have "publicIp"',
    ],
    [
      { ...pool, launchConfigs: [{ ...launchConfig, additionalUserData: { rootUrl: 'x' } }] },
      'additionalUserData.rootUrl must not be given',
    ],
    [withLaunch({ TagSpecifications: [{ ResourceType: 'instance', Tags: 'x' }] }), 'Tags must be array'],
    [withLaunch({ SecurityGroupIds: 'sg-1' }), 'SecurityGroupIds must be array'],
    [withLaunch({ DisableApiTermination: true }), 'launchConfig.DisableApiTermination must be false'],
    [
      withLaunch({ BlockDeviceMappings: [{ DeviceName: 'x', Ebs: { DeleteOnTermination: false } }] }),
      'BlockDeviceMappings[0].Ebs.DeleteOnTermination must be true',
    ],
    [
      withLaunch({ NetworkInterfaces: [{ DeviceIndex: 0, DeleteOnTermination: false }] }),
      'NetworkInterfaces[0].DeleteOnTermination must be true',
    ],
    [
      withLaunch({ InstanceMarketOptions: { MarketType: 'spot', SpotOptions: { SpotInstanceType: 'persistent' } } }),
      'SpotOptions.SpotInstanceType must be "one-time"',
    ],
    [
      withLaunch({ SubnetId: 'subnet-1', NetworkInterfaces: [{ DeviceIndex: 0 }] }),
      'launchConfig.SubnetId must not be given beside NetworkInterfaces',
    ],
    [
      withLaunch({ SecurityGroupIds: ['sg-1'], SecurityGroups: ['default'] }),
      'launchConfig.SecurityGroups must not be given beside SecurityGroupIds',
    ],
    [
      withLaunch({ Placement: { AvailabilityZone: 'eu-west-1a' } }),
      'launchConfig.Placement.AvailabilityZone must be of us-west-2',
    ],
    [withTags([{ Key: 'aws:mine', Value: 'x' }]), 'has the key aws:mine; keys that begin with aws: are Amazon’s'],
    [withTags([{ Key: 'k'.repeat(129), Value: 'x' }]), 'has a key of 129 characters; EC2 takes 1 to 128'],
    [withTags([{ Key: 'k', Value: 'x'.repeat(257) }]), 'the value of k has 257 characters; EC2 takes 256'],
    [
      withTags([
        { Key: 'k', Value: '1' },
        { Key: 'k', Value: '2' },
      ]),
      'has the key k of instance twice',
    ],
    [
      withTags(Array.from({ length: 44 }, (_, index) => ({ Key: `k${index}`, Value: '' }))),
      'EC2 takes 50 tags of instance, with ours there are 51',
    ],
    [
      { ...pool, launchConfigs: [{ ...launchConfig, workerConfig: { text: 'x'.repeat(17_000) } }] },
      'bytes; EC2 takes 16384',
    ],
    [withLaunch({ ImageId: undefined }), "must have required property 'ImageId'"],
  ])('an AWS pool is rejected in words: %j', (definition, reason) => {
    expect(reasonOf(JSON.parse(JSON.stringify(definition)))).toContain(reason);
  });

  test('an AWS pool with an owner who does not fit into a tag is rejected', () => {
    const longOwner = { ...owner, owner: `${'x'.repeat(250)}@example.com` };
    expect(reasonOf(pool, longOwner)).toContain('the value of Owner has 262 characters; EC2 takes 256');
  });

  test('an AWS pool with a region that the configuration does not allow is rejected', () => {
    const narrow = awsProvider({ ...config, regions: ['eu-west-1'] }, recordedContext());
    expect(narrow.validatePool(pool)).toEqual({
      ok: false,
      reason: 'config.launchConfigs[0].region must be one of eu-west-1',
    });
  });
});

describe('static pool definitions', () => {
  test.each([{ minCapacity: 1 }, { lifecycle: { registrationTimeout: 5 } }, [], { workerConfig: 'x' }])(
    'a static pool is rejected: %j',
    (definition) => {
      expect(hand.validatePool(definition).ok).toBe(false);
    },
  );
});
