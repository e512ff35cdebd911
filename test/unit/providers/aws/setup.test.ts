import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { awsProvider } from '../../../../providers/aws/provider.js';
import { recordedContext } from '../../../support/provider-context.js';
import { refusal, type Script, type ScriptedEc2, scriptedEc2 } from '../../../support/scripted-ec2.js';

let server: ScriptedEc2;
let say: Script;
beforeEach(async () => {
  server = await scriptedEc2((parameters) => say(parameters));
});
afterEach(() => server.close());

const regionsAnswer = (...names: string[]) => ({
  status: 200,
  body: `<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><regionInfo>${names
    .map((name) => `<item><regionName>${name}</regionName></item>`)
    .join('')}</regionInfo></DescribeRegionsResponse>`,
});
const setUp = (regions: readonly string[] | null, context = recordedContext()) => {
  const config = {
    providerType: 'aws',
    endpoint: server.endpoint,
    identityCertificates: null,
    draining: false,
  } as const;
  return awsProvider({ ...config, regions: regions && [...regions] }, context).setup();
};

describe('the set-up of AWS', () => {
  test('the set-up of AWS tries the next region when one does not answer, and says so', async () => {
    const answers = [refusal(503, 'Unavailable', 'down'), regionsAnswer('us-east-1', 'us-west-2')];
    say = () => answers.shift()!;
    expect(await setUp(['us-east-1', 'us-west-2'])).toEqual(['us-east-1 gave no answer (Unavailable: down)']);
    expect(server.requests).toHaveLength(2);
  });

  test('a call to AWS tells of an account that is blocked, and of no other refusal', async () => {
    for (const code of ['Blocked', 'UnauthorizedOperation']) {
      const context = recordedContext();
      say = () => refusal(403, code, 'ask support');
      await expect(setUp(['us-east-1'], context)).rejects.toMatchObject({ code: 'PermissionDenied' });
      const suspended = code === 'Blocked' ? 'Blocked: ask support' : undefined;
      expect(context.outcomes.map((outcome) => outcome.suspended)).toEqual([suspended]);
    }
  });

  test('the set-up of AWS fails when no region answers', async () => {
    say = () => refusal(503, 'Unavailable', 'down');
    await expect(setUp(['us-east-1', 'us-west-2'])).rejects.toMatchObject({ code: 'Unavailable' });
  });

  test('the set-up of AWS says which regions the account lacks, and goes on with the others', async () => {
    say = () => regionsAnswer('us-east-1');
    expect(await setUp(['us-east-1', 'us-west-2'])).toEqual(['the account has no region us-west-2']);
  });

  test('the set-up of AWS fails when the account has none of the regions', async () => {
    say = () => regionsAnswer('eu-west-1');
    await expect(setUp(['us-east-1', 'us-west-2'])).rejects.toThrow('the account has no region us-east-1, us-west-2');
  });

  test('the set-up of AWS takes every region of the account where none is configured', async () => {
    say = () => regionsAnswer('eu-west-1');
    expect(await setUp(null)).toEqual([]);
  });
});
