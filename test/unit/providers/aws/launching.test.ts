import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { awsProvider } from '../../../../providers/aws/provider.js';
import type { BulkLaunching, PreparedLaunch } from '../../../../providers/provider.js';
import { recordedContext } from '../../../support/provider-context.js';
import { answer, type Script, type ScriptedEc2, scriptedEc2 } from '../../../support/scripted-ec2.js';

let server: ScriptedEc2;
let say: Script = () => null;
beforeEach(async () => {
  server = await scriptedEc2((parameters) => say(parameters));
});
afterEach(() => server.close());

function aws() {
  const config = { providerType: 'aws', endpoint: server.endpoint, regions: null, identityCertificates: null } as const;
  const { launching, machines } = awsProvider({ ...config, draining: false }, recordedContext());
  return { launching: launching as BulkLaunching, machines: machines! };
}

const location = { account: null, region: 'us-east-1', group: null };
const launch: PreparedLaunch = { token: 'run-1.0.0', count: 2, location, request: { ClientToken: 'run-1.0.0' } };
const instance = (id: string, clientToken: string | null = null) =>
  `<item><reservationId>r-1</reservationId><ownerId>123456789012</ownerId><instancesSet><item><instanceId>${id}</instanceId>
   <instanceState><code>16</code><name>running</name></instanceState>
   ${clientToken === null ? '' : `<clientToken>${clientToken}</clientToken>`}</item></instancesSet></item>`;
const listing = (...instances: string[]) =>
  answer('DescribeInstances', `<reservationSet>${instances.join('')}</reservationSet>`);

describe('the outcome of a launch', () => {
  test('a launch gives every machine with its tags, but for those that another request created', async () => {
    say = () =>
      listing(
        instance('i-ours', launch.token),
        instance('i-copied', 'somebody-else'),
        instance('i-copied-without-token', ''),
        instance('i-of-an-emulator'),
      );
    const { machines } = await aws().launching.find(launch);
    expect(machines.map(({ workerId }) => workerId)).toEqual(['i-ours', 'i-of-an-emulator']);
  });

  test('a launch gives nothing when EC2 lists no machine', async () => {
    say = () => listing();
    expect(await aws().launching.find(launch)).toEqual({ machines: [], shortfall: [], isSettled: false });
  });

  test('a launch stays in doubt when a success holds no list at all', async () => {
    say = () => answer('DescribeInstances', '');
    await expect(aws().launching.find(launch)).rejects.toMatchObject({ code: 'Unavailable' });
    say = () => ({ status: 200, body: '' });
    await expect(aws().launching.find(launch)).rejects.toMatchObject({ code: 'Unavailable' });
  });
});

describe('a success without a word about any instance', () => {
  test('a success without any instance leaves a launch in doubt: the cloud may have acted', async () => {
    say = () => answer('RunInstances', '<instancesSet/>');
    await expect(aws().launching.submit(launch)).rejects.toMatchObject({ code: 'Unavailable' });
  });

  test('a success without any instance does not prove that a machine read by id is gone', async () => {
    say = () => listing();
    const machine = { workerGroup: 'us-east-1', workerId: 'i-1', location };
    await expect(aws().machines.get(machine)).rejects.toMatchObject({ code: 'Unavailable' });
  });
});
