import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { awsProvider } from '../../../../providers/aws/provider.js';
import { PartialListing } from '../../../../providers/shared/partial-listing.js';
import type { Observation } from '../../../../providers/provider.js';
import { recordedContext } from '../../../support/provider-context.js';
import { answer, listOf, refusal, type Script, type ScriptedEc2, scriptedEc2 } from '../../../support/scripted-ec2.js';

let server: ScriptedEc2;
let say: Script = () => null;
beforeEach(async () => {
  server = await scriptedEc2((parameters, region) => say(parameters, region));
});
afterEach(() => server.close());

const place = (region: string) => ({ account: null, region, group: null });
const tag = (key: string, value: string) => `<item><key>${key}</key><value>${value}</value></item>`;
const instance = (id: string, state: string, tags = '') =>
  `<item><reservationId>r-1</reservationId><ownerId>123456789012</ownerId><instancesSet><item><instanceId>${id}</instanceId>
   <instanceState><code>0</code><name>${state}</name></instanceState><tagSet>${tags}</tagSet></item></instancesSet></item>`;
const page = (reservations: string, next = '') =>
  answer(
    'DescribeInstances',
    `<reservationSet>${reservations}</reservationSet>${next && `<nextToken>${next}</nextToken>`}`,
  );

function aws(rateLimits?: { read: { burst: number; perSecond: number } }) {
  const context = recordedContext();
  const config = { providerType: 'aws', endpoint: server.endpoint, regions: null, identityCertificates: null } as const;
  const { machines } = awsProvider({ ...config, draining: false, rateLimits }, context);
  const observe = async (regions: readonly string[]) => {
    const seen: Observation[] = [];
    const read = async () => {
      for await (const observations of machines!.observe(regions.map(place))) seen.push(...observations);
    };
    const error = await read().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    return { seen, error };
  };
  return { context, machines: machines!, observe };
}

describe('a scan of AWS', () => {
  test('a scan of AWS filters by our tag and reads every page, each region once', async () => {
    say = (parameters) =>
      parameters.get('NextToken') ? page(instance('i-2', 'running')) : page(instance('i-1', 'running'), 'more');
    const { observe, context } = aws();
    const { seen, error } = await observe(['us-east-1', 'us-east-1']);
    expect(error).toBeNull();
    expect(seen.map(({ workerId }) => workerId)).toEqual(['i-1', 'i-2']);
    expect(server.requests).toHaveLength(2);
    expect(listOf(server.requests[0]!, 'Filter')).toEqual(['tag:worker-manager-deployment', context.deploymentId]);
    expect(server.requests[0]!.get('MaxResults')).toBe('1000');
  });

  test('a scan of AWS throws when one page is refused, and still shows what it has read', async () => {
    say = (parameters) =>
      parameters.get('NextToken')
        ? refusal(503, 'RequestLimitExceeded', 'Request limit exceeded.')
        : page(instance('i-1', 'running'), 'more');
    const { seen, error } = await aws().observe(['us-east-1', 'eu-west-1']);
    expect(seen).toHaveLength(2);
    expect(error).toMatchObject({ code: 'Throttled' });
  });

  test('a scan of AWS names the region that is refused for good and lists the others to the end', async () => {
    say = (_parameters, region) =>
      region === 'eu-west-1' ? refusal(403, 'UnauthorizedOperation', 'No.') : page(instance('i-1', 'running'));
    const { seen, error } = await aws().observe(['us-east-1', 'eu-west-1']);
    expect(seen).toHaveLength(1);
    expect(error).toBeInstanceOf(PartialListing);
    expect(error).toMatchObject({ code: 'PermissionDenied', failed: [place('eu-west-1')] });
  });

  test.each([
    ['pending', 'pending'],
    ['running', 'running'],
    ['shutting-down', 'stopping'],
    ['terminated', 'gone'],
    ['stopping', 'failed'],
    ['stopped', 'failed'],
    ['levitating', 'running'],
  ])('a scan of AWS shows an instance that is %s as %s', async (name, state) => {
    say = () => page(instance('i-1', name));
    expect((await aws().observe(['us-east-1'])).seen).toMatchObject([{ state, workerGroup: 'us-east-1' }]);
  });

  test('a scan of AWS counts tags only beside our own deployment’s', async () => {
    const { machines, context } = aws();
    const ref = { workerGroup: 'us-east-1', workerId: 'i-1', location: place('us-east-1') };
    const launch = tag('worker-manager-launch', 'token-1') + tag('WorkerPoolId', 'proj/pool');
    say = () => page(instance('i-1', 'running', launch + tag('worker-manager-deployment', context.deploymentId)));
    expect(await machines.get(ref)).toMatchObject({ launchToken: 'token-1', workerPoolId: 'proj/pool' });
    say = () => page(instance('i-1', 'running', launch + tag('worker-manager-deployment', 'another')));
    expect(await machines.get(ref)).toMatchObject({ launchToken: null, workerPoolId: null });
  });

  test('a scan of AWS takes EC2’s usual limits unless the configuration has others', async () => {
    say = () => page('');
    const usual = aws();
    await usual.observe(['us-east-1']);
    expect(usual.context.acquired).toMatchObject([
      { callClass: 'read', region: 'us-east-1', operation: 'DescribeInstances', limit: { burst: 100, perSecond: 20 } },
    ]);
    const own = aws({ read: { burst: 1, perSecond: 0.5 } });
    await own.observe(['us-east-1']);
    expect(own.context.acquired).toMatchObject([{ limit: { burst: 1, perSecond: 0.5 } }]);
  });
});
