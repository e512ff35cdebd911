import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { awsProvider } from '../../../../providers/aws/provider.js';
import { recordedContext } from '../../../support/provider-context.js';
import {
  refusal,
  type Script,
  type ScriptedAnswer,
  type ScriptedEc2,
  scriptedEc2,
} from '../../../support/scripted-ec2.js';

let server: ScriptedEc2;
let sts: () => ScriptedAnswer | null;
const says: Script = (parameters) =>
  parameters.get('Action') === 'GetCallerIdentity'
    ? sts()
    : refusal(400, 'InvalidInstanceID.NotFound', "The instance ID 'i-0123456789abcdef0' does not exist");
const variables = ['AWS_ENDPOINT_URL_EC2', 'AWS_ENDPOINT_URL_STS'] as const;
beforeEach(async () => {
  server = await scriptedEc2(says);
  for (const name of variables) process.env[name] = server.endpoint;
});
afterEach(async () => {
  for (const name of variables) delete process.env[name];
  await server.close();
});

const identity = (account: string): ScriptedAnswer => ({
  status: 200,
  body: `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
    <Arn>arn:aws:iam::${account}:user/us</Arn><UserId>U</UserId><Account>${account}</Account>
    </GetCallerIdentityResult></GetCallerIdentityResponse>`,
});
const machine = {
  workerGroup: 'us-east-1',
  workerId: 'i-0123456789abcdef0',
  location: { account: '123456789012', region: 'us-east-1', group: null },
};

function read(of = machine, endpoint: string | null = null) {
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'no secret of anybody' };
  const config = { providerType: 'aws', endpoint, regions: null, identityCertificates: null, credentials } as const;
  return awsProvider({ ...config, draining: false }, recordedContext()).machines!.get(of);
}
const actions = () => server.requests.map((parameters) => parameters.get('Action'));

describe('a machine that EC2 does not know', () => {
  test('a machine that EC2 does not know is gone when the credentials are of its account', async () => {
    sts = () => identity('123456789012');
    expect(await read()).toMatchObject({ state: 'gone' });
    expect(actions()).toEqual(['DescribeInstances', 'GetCallerIdentity']);
  });

  test('a machine that EC2 does not know is not gone when the credentials are of another account, which could not see it', async () => {
    sts = () => identity('999999999999');
    await expect(read()).rejects.toMatchObject({
      code: 'PermissionDenied',
      message: 'the machine is in account 123456789012, and the credentials are of 999999999999',
    });
  });

  test.each([
    ['refuses', () => refusal(403, 'AccessDenied', 'no')],
    ['drops the connection', () => null],
    ['answers something else', () => ({ status: 200, body: '<html/>' })],
  ])('a machine that EC2 does not know is gone when STS %s: nobody can say more', async (_what, answers) => {
    sts = answers;
    expect(await read()).toMatchObject({ state: 'gone' });
  });

  test('a machine is gone without a call to STS at an endpoint of its own or when its account was never known', async () => {
    sts = () => identity('999999999999');
    expect(await read(machine, server.endpoint)).toMatchObject({ state: 'gone' });
    const untold = { ...machine, location: { ...machine.location, account: null as never } };
    expect(await read(untold)).toMatchObject({ state: 'gone' });
    expect(actions()).toEqual(['DescribeInstances', 'DescribeInstances']);
  });
});
