import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { classify, errorCodes } from '../../../../providers/aws/errors.js';
import { awsProvider } from '../../../../providers/aws/provider.js';
import type { ProviderError } from '../../../../providers/errors.js';
import type { BulkLaunching } from '../../../../providers/provider.js';
import { recordedContext } from '../../../support/provider-context.js';
import { refusal, type Script, type ScriptedEc2, scriptedEc2 } from '../../../support/scripted-ec2.js';

let server: ScriptedEc2;
let say: Script = () => null;
beforeEach(async () => {
  server = await scriptedEc2((parameters) => say(parameters));
});
afterEach(() => server.close());

const launch = async (configuration: object = {}) => {
  const context = recordedContext();
  const config = { providerType: 'aws', endpoint: server.endpoint, regions: null, identityCertificates: null } as const;
  const launching = awsProvider({ ...config, draining: false }, context).launching as BulkLaunching;
  const prepared = launching.prepare({
    token: 'token-1',
    workerPoolId: 'proj/pool',
    owner: 'me@example.com',
    launchConfigId: 'lc-1',
    configuration: { region: 'us-east-1', launchConfig: { ImageId: 'ami-1', ...configuration } },
    count: 3,
  });
  const error = await launching.submit(prepared).then(
    () => null,
    (thrown: ProviderError) => thrown,
  );
  return { error, context };
};

describe('classify', () => {
  test.each([
    // No capacity comes as 500, which the SDK would have tried again.
    [500, 'InsufficientInstanceCapacity', 'InsufficientCapacity'],
    [500, 'InsufficientHostCapacity', 'InsufficientCapacity'],
    [500, 'InsufficientVolumeCapacity', 'InsufficientCapacity'],
    [400, 'InsufficientVolumeCapacity', 'InsufficientCapacity'],
    [500, 'InsufficientAddressCapacity', 'InsufficientCapacity'],
    [400, 'InsufficientFreeAddressesInSubnet', 'InsufficientCapacity'],
    [500, 'UnfulfillableCapacity', 'InsufficientCapacity'],
    [400, 'ReservationCapacityExceeded', 'InsufficientCapacity'],
    [500, 'InsufficientSomethingNewCapacity', 'InsufficientCapacity'],
    [400, 'SpotMaxPriceTooLow', 'InsufficientCapacity'],
    [400, 'MaxSpotInstanceCountExceeded', 'QuotaExceeded'],
    [400, 'VcpuLimitExceeded', 'QuotaExceeded'],
    [400, 'InstanceLimitExceeded', 'QuotaExceeded'],
    [400, 'RequestResourceCountExceeded', 'QuotaExceeded'],
    [500, 'VcpuLimitExceeded', 'QuotaExceeded'],
    [400, 'VolumeLimitExceeded', 'QuotaExceeded'],
    [503, 'RequestLimitExceeded', 'Throttled'],
    [429, 'SomethingNew', 'Throttled'],
    [403, 'UnauthorizedOperation', 'PermissionDenied'],
    [401, 'AuthFailure', 'PermissionDenied'],
    [401, 'OptInRequired', 'PermissionDenied'],
    [400, 'Unsupported', 'InvalidRequest'],
    [400, 'InvalidAMIID.NotFound', 'InvalidRequest'],
    [400, 'InvalidParameterValue', 'InvalidRequest'],
    [400, 'SomethingNew', 'InvalidRequest'],
    [400, 'InvalidInstanceID.NotFound', 'NotFound'],
    [400, 'IdempotentParameterMismatch', 'TokenSpent'],
    [500, 'InternalError', 'Unavailable'],
    [503, 'Unavailable', 'Unavailable'],
    [500, 'SomethingNew', 'Unavailable'],
  ])('the answer %i %s of EC2 is %s', async (status, cloudCode, code) => {
    say = () => refusal(status, cloudCode, 'words of the cloud');
    const { error, context } = await launch();
    expect(error).toMatchObject({ name: 'ProviderError', code, cloudCode });
    expect(error?.message).toContain('words of the cloud');
    expect(error?.retryAfterMs !== null).toBe(code === 'Throttled');
    expect(server.requests).toHaveLength(1);
    const outcome = { operation: 'RunInstances', callClass: 'create', result: code, cloudCode };
    expect(context.outcomes).toMatchObject([{ ...outcome, message: error?.message, requestId: 'r' }]);
  });

  test('an answer that is lost, or that nobody can read, leaves open what happened', async () => {
    say = () => null;
    expect((await launch()).error).toMatchObject({ code: 'Unavailable' });
    say = () => ({ status: 500, body: '<html>oops</html>' });
    expect((await launch()).error).toMatchObject({ code: 'Unavailable' });
    say = () => ({ status: 400, body: '<html>a proxy</html>' });
    expect((await launch()).error).toMatchObject({ code: 'Unavailable' });
    say = () => ({ status: 200, body: 'not XML <<' });
    expect((await launch()).error).toMatchObject({ code: 'Unavailable' });
  });

  test('a request that was never sent did nothing', async () => {
    const unwritable = {
      toString: () => {
        throw new TypeError('cannot be written');
      },
    };
    expect((await launch({ ImageId: unwritable })).error).toMatchObject({ code: 'InvalidRequest' });
    expect(server.requests).toHaveLength(0);
    const noCredentials = Object.assign(new Error('none found'), { name: 'CredentialsProviderError' });
    expect(classify(noCredentials, false)).toMatchObject({ code: 'PermissionDenied' });
    expect(classify('not even an error', false)).toMatchObject({ code: 'Unavailable' });
  });

  test('the encoded part of a denial is left out', async () => {
    say = () => refusal(403, 'UnauthorizedOperation', 'Not allowed. Encoded authorization failure message: abcdef');
    expect((await launch()).error?.message).toBe('UnauthorizedOperation: Not allowed.');
  });

  test('docs/providers.md lists every code of the table with its kind', () => {
    const page = readFileSync('docs/providers.md', 'utf8');
    for (const [cloudCode, code] of Object.entries(errorCodes)) {
      const row = page.split('\n').find((line) => line.startsWith(`| \`${code}\``));
      expect(`${code}: ${row}`).toContain(`\`${cloudCode}\``);
    }
  });
});
