import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DescribeVolumesCommand, EC2Client } from '@aws-sdk/client-ec2';
import type { LaunchedMachine, Observation } from '../../../../providers/provider.js';
import { awsAt, awsSpec, REGION } from '../../../support/aws-harness.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { type Moto, startMoto } from '../../../support/moto.js';

/**
 * The same provider against an EC2 that nobody here wrote. Where moto differs from EC2:
 * - It ignores MaxCount and makes MinCount machines, here one. So ten machines are ten launches, each of as many as
 *   moto gives; the product copes in the same way, since a launch may always give fewer than it requested.
 * - It makes new machines for a token that it has seen. So nothing is submitted twice here, and what became of a launch
 *   is asked by its tag; idempotency is tested against the simulator.
 * - It does not know the filter `client-token`, which is why `find` filters by tag.
 */
let moto: Moto;
beforeAll(async () => {
  moto = await startMoto();
}, 300_000);
afterAll(() => moto.stop());

const WANTED = 10;
const here = [{ account: null, region: REGION, group: null }];

describe('ten machines on moto', () => {
  const machines: LaunchedMachine[] = [];
  const aws = () => awsAt(moto.endpoint);

  async function observe(): Promise<Observation[]> {
    const seen: Observation[] = [];
    for await (const page of aws().provider.machines!.observe(here)) seen.push(...page);
    return seen;
  }

  test('ten machines are launched, for as long as some are wanted, and each launch finds its own', async () => {
    const { launching, provider } = aws();
    await provider.setup();
    while (machines.length < WANTED) {
      const launch = launching.prepare(awsSpec({ count: WANTED - machines.length }));
      const { machines: created } = await launching.submit(launch);
      expect(created.length).toBeGreaterThanOrEqual(1);
      expect(created.length).toBeLessThanOrEqual(WANTED - machines.length);
      expect((await launching.find(launch)).machines).toEqual(created);
      machines.push(...created);
    }
    expect(new Set(machines.map(({ workerId }) => workerId)).size).toBe(WANTED);
    for (const { identityAttributes } of machines) {
      expect(identityAttributes).toMatchObject({
        region: REGION,
        instanceType: 't3.micro',
        privateIp: expect.any(String),
      });
    }
  });

  test('ten machines are all seen in one scan, running and tagged, their volumes too', async () => {
    const seen = await eventually(async () => {
      const all = await observe();
      return all.length === WANTED && all.every(({ state }) => state === 'running') && all;
    });
    for (const { launchToken, workerPoolId } of seen) {
      expect(launchToken).not.toBeNull();
      expect(workerPoolId).toBe('proj/pool');
    }
    const ec2 = new EC2Client({
      region: REGION,
      endpoint: moto.endpoint,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    const tagged = [{ Name: 'tag-key', Values: ['worker-manager-launch'] }];
    expect((await ec2.send(new DescribeVolumesCommand({ Filters: tagged }))).Volumes).toHaveLength(WANTED);
  });

  test('ten machines go in one call, although one of them went before and one never existed', async () => {
    const { provider, context } = aws();
    const unknown = { ...machines[0]!, workerId: 'i-0ffffffffffffffff' };
    await provider.machines!.deleteResource(machines[0]!, 'instance');
    const removals = [...machines, unknown].map((machine) => provider.machines!.deleteResource(machine, 'instance'));
    await Promise.all(removals);
    const calls = context.outcomes.filter(({ operation }) => operation === 'TerminateInstances');
    expect(calls.map(({ result }) => result)).toEqual(['ok', 'NotFound', 'ok']);
    expect((await observe()).map(({ state }) => state)).toEqual(Array(WANTED).fill('gone'));
  });

  test('moto refuses what EC2 refuses, as EC2 does', async () => {
    const { launching } = aws();
    const broken = { region: REGION, launchConfig: { ImageId: 'ami-12c6146b', SubnetId: 'subnet-00000000' } };
    await expect(launching.submit(launching.prepare(awsSpec({ configuration: broken })))).rejects.toMatchObject({
      code: 'InvalidRequest',
      cloudCode: 'InvalidSubnetID.NotFound',
    });
  });
});
