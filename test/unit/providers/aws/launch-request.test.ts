import { describe, expect, test } from '@jest/globals';
import { ProviderError } from '../../../../providers/errors.js';
import { prepareLaunch, parseRequest } from '../../../../providers/aws/launch-request.js';
import { recordedContext } from '../../../support/provider-context.js';
import { isAwsPool, realPools, testRealData } from '../../../support/shared-data.js';

const context = recordedContext({ providerId: 'aws', rootUrl: 'https://tc.example.com', deploymentId: 'deployment-1' });
const spec = {
  token: 'token-1',
  workerPoolId: 'proj/pool',
  owner: 'me@example.com',
  launchConfigId: 'lc-1',
  configuration: {
    region: 'us-west-2',
    launchConfig: { ImageId: 'ami-1', InstanceType: 't3.micro' } as Record<string, unknown>,
    workerConfig: { genericWorker: { config: {} } } as Record<string, unknown>,
  },
  count: 7,
};
const requestOf = (changes: object = {}) =>
  prepareLaunch({ ...spec, ...changes }, context).request as Record<string, unknown>;
const withTags = (TagSpecifications: object[]) =>
  requestOf({
    configuration: { ...spec.configuration, launchConfig: { ImageId: 'ami-1', TagSpecifications } },
  }).TagSpecifications;

const ownTags = [
  { Key: 'CreatedBy', Value: 'taskcluster-wm-aws' },
  { Key: 'Owner', Value: 'me@example.com' },
  { Key: 'ManagedBy', Value: 'taskcluster' },
  { Key: 'Name', Value: 'proj/pool' },
  { Key: 'WorkerPoolId', Value: 'proj/pool' },
  { Key: 'worker-manager-deployment', Value: 'deployment-1' },
  { Key: 'worker-manager-launch', Value: 'token-1' },
];

describe('the RunInstances request', () => {
  test('a RunInstances request is the definition with our counts, token and tags', () => {
    expect(requestOf()).toMatchObject({
      ImageId: 'ami-1',
      InstanceType: 't3.micro',
      MinCount: 1,
      MaxCount: 7,
      ClientToken: 'token-1',
      TagSpecifications: [
        { ResourceType: 'instance', Tags: ownTags },
        { ResourceType: 'volume', Tags: ownTags },
      ],
    });
  });

  test('a RunInstances request has volumes deleted with their machine', () => {
    const BlockDeviceMappings = [
      { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 100 } },
      { DeviceName: '/dev/xvdb', VirtualName: 'ephemeral0' },
    ];
    const configuration = { ...spec.configuration, launchConfig: { ImageId: 'ami-1', BlockDeviceMappings } };
    expect(requestOf({ configuration }).BlockDeviceMappings).toEqual([
      { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 100, DeleteOnTermination: true } },
      { DeviceName: '/dev/xvdb', VirtualName: 'ephemeral0' },
    ]);
  });

  test('a RunInstances request tells the machine what worker-runner needs to know', () => {
    const configuration = { ...spec.configuration, additionalUserData: { tmpfsSize: '294G' } };
    const userData = Buffer.from(String(requestOf({ configuration }).UserData), 'base64').toString();
    expect(JSON.parse(userData)).toEqual({
      tmpfsSize: '294G',
      rootUrl: 'https://tc.example.com',
      workerPoolId: 'proj/pool',
      providerId: 'aws',
      workerGroup: 'us-west-2',
      launchConfigId: 'lc-1',
      workerConfig: { genericWorker: { config: {} } },
    });
  });

  test('a RunInstances request keeps the definition’s tags, puts ours last, and lets nobody set our tags', () => {
    const tags = withTags([
      { ResourceType: 'network-interface', Tags: [{ Key: 'a', Value: '1' }] },
      {
        ResourceType: 'instance',
        Tags: [
          { Key: 'b', Value: '2' },
          { Key: 'worker-manager-deployment', Value: 'x' },
        ],
      },
      { ResourceType: 'instance', Tags: [{ Key: 'c', Value: '3' }] },
    ]);
    expect(tags).toEqual([
      { ResourceType: 'network-interface', Tags: [{ Key: 'a', Value: '1' }] },
      { ResourceType: 'instance', Tags: [{ Key: 'b', Value: '2' }, { Key: 'c', Value: '3' }, ...ownTags] },
      { ResourceType: 'volume', Tags: ownTags },
    ]);
  });

  test('a RunInstances request is the same however often it is prepared', () => {
    expect(JSON.stringify(requestOf())).toBe(JSON.stringify(requestOf()));
  });

  test('a RunInstances request takes user data of 16384 bytes, and one byte more is an error with a title of its own', () => {
    const bytes = (filler: string) => {
      const workerConfig = { filler };
      const request = requestOf({ configuration: { ...spec.configuration, workerConfig } });
      return Buffer.from(String(request.UserData), 'base64').length;
    };
    const room = 16_384 - bytes('');
    expect(bytes('x'.repeat(room))).toBe(16_384);
    expect(() => bytes('x'.repeat(room + 1))).toThrow(
      expect.objectContaining({ code: 'InvalidRequest', title: 'User Data is too long' }),
    );
    expect(() => bytes('é'.repeat(room / 2 + 1))).toThrow(ProviderError);
  });

  test('a RunInstances request gives the end of a spot request as the time that the SDK wants', () => {
    const InstanceMarketOptions = { MarketType: 'spot', SpotOptions: { ValidUntil: '2027-01-02T03:04:05.000Z' } };
    const launchConfig = { ImageId: 'ami-1', InstanceMarketOptions };
    const prepared = JSON.parse(JSON.stringify(requestOf({ configuration: { ...spec.configuration, launchConfig } })));
    expect(parseRequest(prepared).InstanceMarketOptions).toEqual({
      MarketType: 'spot',
      SpotOptions: { ValidUntil: new Date('2027-01-02T03:04:05.000Z') },
    });
  });

  testRealData('a RunInstances request is prepared for every launch config of the real pools', () => {
    const launchConfigs = realPools()
      .filter(isAwsPool)
      .flatMap(({ config }) => config.launchConfigs ?? []);
    expect(launchConfigs.length).toBeGreaterThan(200);
    for (const configuration of launchConfigs) {
      expect(requestOf({ configuration }).ImageId).toMatch(/^ami-/);
    }
  });
});
