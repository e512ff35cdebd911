import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  DescribeInstancesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeRegionsCommand,
  DescribeSpotInstanceRequestsCommand,
  DescribeVolumesCommand,
  EC2Client,
  paginateDescribeInstances,
  RunInstancesCommand,
  TerminateInstancesCommand,
  type Instance,
  type RunInstancesCommandInput,
} from '@aws-sdk/client-ec2';
import { eventually } from '../../../dev/testing/eventually.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';

const LIST_DELAY_MS = 300;
let simulator: SimulatorHandle;
let ec2: EC2Client;

beforeAll(async () => {
  simulator = await startSimulator({
    machines: 'off',
    bootMs: 400,
    listDelayMs: LIST_DELAY_MS,
    shutdownMs: 200,
    terminatedVisibleMs: 1500,
  });
  ec2 = clientFor('us-east-1');
});
afterAll(async () => {
  ec2.destroy();
  await simulator.stop();
});
beforeEach(() => simulator.reset());

const clientFor = (region: string): EC2Client =>
  new EC2Client({
    region,
    endpoint: simulator.ec2Endpoint,
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    maxAttempts: 1,
  });

const order: RunInstancesCommandInput = {
  ImageId: 'ami-0123456789abcdef0',
  InstanceType: 'm5.large',
  MinCount: 1,
  MaxCount: 1,
};

async function run(input: Partial<RunInstancesCommandInput> = {}, client = ec2): Promise<Instance[]> {
  const answer = await client.send(new RunInstancesCommand({ ...order, ...input }));
  return answer.Instances ?? [];
}

const ids = (instances: readonly Instance[]): string[] => instances.map((instance) => instance.InstanceId ?? '');

async function describeById(instanceIds: string[]): Promise<Instance[]> {
  const answer = await ec2.send(new DescribeInstancesCommand({ InstanceIds: instanceIds }));
  return (answer.Reservations ?? []).flatMap((reservation) => reservation.Instances ?? []);
}

async function describeBy(name: string, values: string[]): Promise<Instance[]> {
  const answer = await ec2.send(new DescribeInstancesCommand({ Filters: [{ Name: name, Values: values }] }));
  return (answer.Reservations ?? []).flatMap((reservation) => reservation.Instances ?? []);
}

/** The machines once they are listed. */
const listed = (instanceIds: string[]): Promise<Instance[]> =>
  eventually(() => describeById(instanceIds).catch(() => null));

const inState = (instanceId: string, state: string): Promise<Instance> =>
  eventually(async () => (await describeById([instanceId]).catch(() => [])).find((one) => one.State?.Name === state), {
    what: `${instanceId} being ${state}`,
  });

const refused = (name: string, status: number) => ({
  name,
  $metadata: expect.objectContaining({ httpStatusCode: status }),
});

test('EC2 names each request in its answer, and in its refusal', async () => {
  const { $metadata: answered } = await ec2.send(new RunInstancesCommand(order));
  const refusal = await describeById(['i-0123456789abcdef0']).catch((error: unknown) => error);
  const { $metadata: refused } = refusal as { $metadata: { requestId?: string } };
  for (const { requestId } of [answered, refused]) expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(answered.requestId).not.toBe(refused.requestId);
});

describe('RunInstances', () => {
  test('RunInstances answers with everything that a later identity document will say', async () => {
    const [instance] = await run({
      Placement: { AvailabilityZone: 'us-east-1c' },
      SubnetId: 'subnet-1',
      InstanceMarketOptions: { MarketType: 'spot' },
    });
    expect(instance).toMatchObject({
      InstanceId: expect.stringMatching(/^i-[0-9a-f]{17}$/),
      ImageId: order.ImageId,
      InstanceType: 'm5.large',
      Architecture: 'x86_64',
      Placement: { AvailabilityZone: 'us-east-1c' },
      PrivateIpAddress: expect.stringMatching(/^10\./),
      State: { Code: 0, Name: 'pending' },
      AmiLaunchIndex: 0,
      InstanceLifecycle: 'spot',
      LaunchTime: expect.any(Date),
    });
    const { document } = await simulator.identityDocument(instance?.InstanceId ?? '');
    expect(JSON.parse(document)).toMatchObject({
      privateIp: instance?.PrivateIpAddress,
      availabilityZone: 'us-east-1c',
      architecture: 'x86_64',
      imageId: order.ImageId,
      instanceType: 'm5.large',
      region: 'us-east-1',
      instanceId: instance?.InstanceId,
    });
  });

  test('RunInstances with the same client token and parameters gives the same machines and creates none', async () => {
    const input = { ClientToken: 'once', MaxCount: 3 };
    const first = await run(input);
    const again = await run(input);
    expect(ids(again)).toEqual(ids(first));
    expect(await simulator.machines()).toHaveLength(3);
  });

  test('RunInstances with the same client token and other parameters is refused as a mismatch', async () => {
    await run({ ClientToken: 'once' });
    await expect(run({ ClientToken: 'once', MaxCount: 2 })).rejects.toMatchObject(
      refused('IdempotentParameterMismatch', 400),
    );
    expect(await simulator.machines()).toHaveLength(1);
  });

  test('RunInstances takes the same client token again in another region, as another launch', async () => {
    const elsewhere = clientFor('us-west-2');
    const here = await run({ ClientToken: 'once' });
    const there = await run({ ClientToken: 'once' }, elsewhere);
    elsewhere.destroy();
    expect(ids(there)).not.toEqual(ids(here));
  });

  test('RunInstances with a client token whose machines were all terminated is refused as such', async () => {
    const [created] = await run({ ClientToken: 'once' });
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids([created ?? {}]) }));
    await inState(created?.InstanceId ?? '', 'terminated');
    await expect(run({ ClientToken: 'once' })).rejects.toMatchObject(refused('IdempotentInstanceTerminated', 400));
  });

  test('RunInstances creates as many machines as there is room for, between MinCount and MaxCount', async () => {
    await simulator.setCapacity('us-east-1', 60);
    expect(await run({ MaxCount: 100 })).toHaveLength(60);
  });

  test('RunInstances without room for MinCount creates none and says InsufficientInstanceCapacity', async () => {
    await simulator.setCapacity('us-east-1', 2, 'm5.large');
    await expect(run({ MinCount: 3, MaxCount: 5 })).rejects.toMatchObject(refused('InsufficientInstanceCapacity', 500));
    expect(await simulator.machines()).toHaveLength(0);
    expect(await run({ InstanceType: 'm5.xlarge', MinCount: 3, MaxCount: 5 })).toHaveLength(5);
  });

  test('RunInstances keeps the tags that its specification gives to instances, and only those', async () => {
    const created = await run({
      TagSpecifications: [
        { ResourceType: 'instance', Tags: [{ Key: 'WorkerPoolId', Value: 'proj/<pool> & "more"' }] },
        { ResourceType: 'volume', Tags: [{ Key: 'Volume', Value: 'yes' }] },
      ],
    });
    expect((await listed(ids(created)))[0]?.Tags).toEqual([{ Key: 'WorkerPoolId', Value: 'proj/<pool> & "more"' }]);
  });

  test('RunInstances takes user data of 16 KB and refuses a byte more', async () => {
    const userData = (bytes: number): string => Buffer.alloc(bytes, 'x').toString('base64');
    expect(await run({ UserData: userData(16_384) })).toHaveLength(1);
    await expect(run({ UserData: userData(16_385) })).rejects.toMatchObject(refused('InvalidParameterValue', 400));
  });

  test.each([
    ['an image id that is none', { ImageId: 'my-image' }, 'InvalidAMIID.Malformed'],
    ['no image id', { ImageId: undefined }, 'MissingParameter'],
    ['MinCount above MaxCount', { MinCount: 2, MaxCount: 1 }, 'InvalidParameterValue'],
    ['a zone of another region', { Placement: { AvailabilityZone: 'eu-west-1a' } }, 'InvalidParameterValue'],
    ['a client token that is too long', { ClientToken: 'x'.repeat(65) }, 'InvalidClientToken'],
    ['a launch template', { LaunchTemplate: { LaunchTemplateName: 'mine' } }, 'InvalidLaunchTemplateId.NotFound'],
  ])('RunInstances refuses %s and creates nothing', async (_what, input, code) => {
    await expect(run(input)).rejects.toMatchObject(refused(code, 400));
    expect(await simulator.machines()).toHaveLength(0);
  });

  test('RunInstances with DryRun creates nothing', async () => {
    await expect(run({ DryRun: true })).rejects.toMatchObject(refused('DryRunOperation', 412));
    expect(await simulator.machines()).toHaveLength(0);
  });
});

describe('DescribeInstances', () => {
  test('DescribeInstances does not know a new machine at first, neither by filter nor by id', async () => {
    const created = await run({ ClientToken: 'new' });
    await expect(describeById(ids(created))).rejects.toMatchObject(refused('InvalidInstanceID.NotFound', 400));
    expect(await describeBy('client-token', ['new'])).toEqual([]);
    await listed(ids(created));
    expect(ids(await describeBy('client-token', ['new']))).toEqual(ids(created));
  });

  test('DescribeInstances shows a machine pending, then running', async () => {
    const created = await run();
    expect(created[0]?.State?.Name).toBe('pending');
    await inState(ids(created)[0] ?? '', 'running');
  });

  test('DescribeInstances finds by tag, tag key, state, client token and id, with wildcards, all filters together', async () => {
    const tagged = (value: string) => [{ ResourceType: 'instance' as const, Tags: [{ Key: 'pool', Value: value }] }];
    const one = await run({ ClientToken: 'token-1', TagSpecifications: tagged('a/one') });
    const two = await run({ TagSpecifications: tagged('a/two') });
    await run();
    await listed([...ids(one), ...ids(two)]);
    expect(ids(await describeBy('tag:pool', ['a/one']))).toEqual(ids(one));
    expect(ids(await describeBy('tag:pool', ['a/*']))).toEqual([...ids(one), ...ids(two)]);
    expect(ids(await describeBy('tag-key', ['pool']))).toEqual([...ids(one), ...ids(two)]);
    expect(ids(await describeBy('client-token', ['token-1']))).toEqual(ids(one));
    expect(ids(await describeBy('instance-id', ids(two)))).toEqual(ids(two));
    expect(await describeBy('instance-state-name', ['terminated'])).toEqual([]);
    const both = new DescribeInstancesCommand({
      Filters: [
        { Name: 'tag:pool', Values: ['a/one', 'a/two'] },
        { Name: 'instance-id', Values: ids(two) },
      ],
    });
    expect((await ec2.send(both)).Reservations).toHaveLength(1);
  });

  test('DescribeInstances refuses a filter that it does not know instead of passing over it', async () => {
    await expect(describeBy('color', ['red'])).rejects.toMatchObject(refused('InvalidParameterValue', 400));
  });

  test('DescribeInstances gives pages that hold every machine once', async () => {
    const created = [...(await run({ MaxCount: 7 })), ...(await run({ MaxCount: 5 }))];
    await listed(ids(created));
    const pages: number[] = [];
    const seen: string[] = [];
    for await (const page of paginateDescribeInstances({ client: ec2, pageSize: 5 }, {})) {
      const instances = (page.Reservations ?? []).flatMap((reservation) => reservation.Instances ?? []);
      pages.push(instances.length);
      seen.push(...ids(instances));
    }
    expect(pages).toEqual([5, 5, 2]);
    expect(seen).toEqual(ids(created));
  });

  test.each([
    ['a page of more than 1000', { MaxResults: 1001 }, 'InvalidParameterValue'],
    ['pages together with ids', { MaxResults: 5, InstanceIds: ['i-00000000'] }, 'InvalidParameterCombination'],
    ['an id that is malformed', { InstanceIds: ['machine-1'] }, 'InvalidInstanceID.Malformed'],
    ['an id that is unknown', { InstanceIds: ['i-0123456789abcdef0'] }, 'InvalidInstanceID.NotFound'],
    ['a page token that is none', { NextToken: 'mine' }, 'InvalidPaginationToken'],
  ])('DescribeInstances refuses %s', async (_what, input, code) => {
    await expect(ec2.send(new DescribeInstancesCommand(input))).rejects.toMatchObject(refused(code, 400));
  });

  test('DescribeInstances knows the machines of its own region only', async () => {
    const created = await run();
    await listed(ids(created));
    const elsewhere = clientFor('us-west-2');
    const requested = elsewhere.send(new DescribeInstancesCommand({ InstanceIds: ids(created) }));
    await expect(requested).rejects.toMatchObject(refused('InvalidInstanceID.NotFound', 400));
    elsewhere.destroy();
  });

  test('DescribeInstances goes on showing a terminated machine for a while, without its address, and then not at all', async () => {
    const created = await run();
    const [id = ''] = ids(created);
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    const gone = await inState(id, 'terminated');
    expect(gone.PrivateIpAddress).toBeUndefined();
    expect(gone.StateReason).toMatchObject({ Code: 'Client.UserInitiatedShutdown' });
    await eventually(() =>
      describeById([id]).then(
        () => false,
        (error: Error) => error.name === 'InvalidInstanceID.NotFound',
      ),
    );
  });
});

describe('failures of machines', () => {
  test('a launch succeeds whose machines end at once with a state reason', async () => {
    await simulator.addFault({
      operation: 'RunInstances',
      mode: 'end-machines',
      code: 'Client.InvalidKMSKey.InvalidState',
    });
    const created = await run();
    const [seen] = await eventually(async () => {
      const found = await describeById(ids(created)).catch(() => []);
      return found[0]?.State?.Name === 'terminated' ? found : null;
    });
    expect(seen?.StateReason?.Code).toBe('Client.InvalidKMSKey.InvalidState');
    expect(seen?.StateReason?.Message).toContain('Client.InvalidKMSKey.InvalidState: ');
  });

  test('a protected machine refuses to be terminated', async () => {
    const created = await run({ DisableApiTermination: true });
    await expect(ec2.send(new TerminateInstancesCommand({ InstanceIds: ids(created) }))).rejects.toMatchObject(
      refused('OperationNotPermitted', 400),
    );
  });

  test('a volume that was launched to outlive its machine is kept', async () => {
    const created = await run({
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 8, DeleteOnTermination: false } },
        { DeviceName: '/dev/xvdb', Ebs: { VolumeSize: 8 } },
      ],
    });
    const volumes = async () => (await ec2.send(new DescribeVolumesCommand({}))).Volumes ?? [];
    expect(await volumes()).toMatchObject([{ State: 'in-use' }]);
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids(created) }));
    await eventually(async () => (await volumes())[0]?.State === 'available');
  });

  test('a network interface that was launched to outlive its machine is kept', async () => {
    const NetworkInterfaces = [{ DeviceIndex: 0 }, { DeviceIndex: 1, DeleteOnTermination: false }];
    const created = await run({ NetworkInterfaces });
    const interfaces = async () =>
      (await ec2.send(new DescribeNetworkInterfacesCommand({}))).NetworkInterfaces?.map(({ Status }) => Status);
    expect(await interfaces()).toEqual(['in-use']);
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids(created) }));
    await eventually(async () => (await interfaces())?.[0] === 'available');
  });

  test('a persistent spot request is open again after its machine, and a one-time one is closed', async () => {
    const spot = (SpotInstanceType: 'one-time' | 'persistent') =>
      run({ InstanceMarketOptions: { MarketType: 'spot', SpotOptions: { SpotInstanceType } } });
    const created = [...(await spot('persistent')), ...(await spot('one-time')), ...(await run())];
    const states = async () =>
      (await ec2.send(new DescribeSpotInstanceRequestsCommand({}))).SpotInstanceRequests?.map(
        ({ Type, State }) => `${Type} ${State}`,
      );
    expect(await states()).toEqual(['persistent active', 'one-time active']);
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids(created) }));
    await eventually(async () => (await states())?.join() === 'persistent open,one-time closed');
  });

  test('a region fails alone, for every call', async () => {
    await simulator.addFault({ operation: '*', mode: 'refuse', code: 'Unavailable', region: 'us-west-2', times: 100 });
    const west = clientFor('us-west-2');
    await expect(run({}, west)).rejects.toMatchObject(refused('Unavailable', 503));
    await expect(west.send(new DescribeInstancesCommand({}))).rejects.toMatchObject(refused('Unavailable', 503));
    west.destroy();
    expect(await run()).toHaveLength(1);
  });
});

describe('TerminateInstances', () => {
  const terminate = (instanceIds: string[]) => ec2.send(new TerminateInstancesCommand({ InstanceIds: instanceIds }));

  test('TerminateInstances sends machines through shutting-down to terminated', async () => {
    const [id = ''] = ids(await run());
    const answer = await terminate([id]);
    expect(answer.TerminatingInstances).toMatchObject([
      { InstanceId: id, CurrentState: { Name: 'shutting-down' }, PreviousState: { Name: 'pending' } },
    ]);
    await inState(id, 'terminated');
  });

  test('TerminateInstances may be repeated', async () => {
    const [id = ''] = ids(await run());
    await terminate([id]);
    await inState(id, 'terminated');
    const again = await terminate([id]);
    expect(again.TerminatingInstances).toMatchObject([{ CurrentState: { Name: 'terminated' } }]);
  });

  test('TerminateInstances with one unknown id terminates nothing', async () => {
    const [id = ''] = ids(await run());
    await expect(terminate([id, 'i-0123456789abcdef0'])).rejects.toMatchObject(
      refused('InvalidInstanceID.NotFound', 400),
    );
    expect((await simulator.machines()).map((machine) => machine.state)).not.toContain('shutting-down');
  });

  test('TerminateInstances takes a thousand ids and no more', async () => {
    const created = ids(await run({ MaxCount: 1000 }));
    expect((await terminate(created)).TerminatingInstances).toHaveLength(1000);
    await expect(terminate([...created, 'i-0123456789abcdef0'])).rejects.toMatchObject(
      refused('InvalidParameterValue', 400),
    );
  });
});

describe('the service as a whole', () => {
  test('DescribeRegions names the regions', async () => {
    const answer = await ec2.send(new DescribeRegionsCommand({}));
    expect(answer.Regions?.map((region) => region.RegionName)).toContain('us-west-2');
  });

  test('the service refuses a region that does not exist', async () => {
    const elsewhere = clientFor('mars-north-1');
    await expect(elsewhere.send(new DescribeRegionsCommand({}))).rejects.toMatchObject(refused('AuthFailure', 401));
    elsewhere.destroy();
  });

  test('the service limits requests by action and region with a bucket that fills again', async () => {
    await simulator.setLimits({ RunInstances: { burst: 2, perSecond: 20 } });
    const results = await Promise.allSettled([run(), run(), run(), run()]);
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors) expect(error).toMatchObject(refused('RequestLimitExceeded', 503));
    expect(await simulator.machines()).toHaveLength(4 - errors.length);
    await eventually(() => run().catch(() => null));
    await simulator.setLimits({});
  });
});
