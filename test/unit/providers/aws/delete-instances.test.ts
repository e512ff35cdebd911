import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { awsProvider } from '../../../../providers/aws/provider.js';
import type { ProviderError } from '../../../../providers/errors.js';
import { recordedContext } from '../../../support/provider-context.js';
import { answer, listOf, refusal, type Script, type ScriptedEc2, scriptedEc2 } from '../../../support/scripted-ec2.js';

let server: ScriptedEc2;
let say: Script = () => null;
beforeEach(async () => {
  server = await scriptedEc2((parameters) => say(parameters));
});
afterEach(() => server.close());

const idsOf = (parameters: URLSearchParams) => listOf(parameters, 'InstanceId');
const id = (number: number) => `i-${String(number).padStart(17, '0')}`;

/** Removes all at once and gives each one's verdict: `ok` or the error's code. */
const removeAll = async (ids: readonly string[]): Promise<string[]> => {
  const config = { providerType: 'aws', endpoint: server.endpoint, regions: null, identityCertificates: null } as const;
  const { machines } = awsProvider({ ...config, draining: false }, recordedContext());
  const location = { account: null, region: 'us-east-1', group: null };
  const removals = ids.map((workerId) =>
    machines!.deleteResource({ workerGroup: 'us-east-1', workerId, location }, 'instance'),
  );
  const settled = await Promise.allSettled(removals);
  return settled.map((verdict) => (verdict.status === 'fulfilled' ? 'ok' : (verdict.reason as ProviderError).code));
};

/** Refuses a call with ids of `bad`, naming as many of them as `names` allows; accepts any other. */
const refuseAnyOf =
  (bad: readonly string[], names: number): Script =>
  (parameters) => {
    const hit = idsOf(parameters).filter((each) => bad.includes(each));
    if (hit.length === 0) return answer('TerminateInstances');
    const named = hit.slice(0, names).join(', ');
    return refusal(400, 'InvalidInstanceID.NotFound', `The instance IDs '${named}' do not exist`);
  };

describe('batched TerminateInstances', () => {
  test('TerminateInstances takes a thousand removals in one call, the next ones in another', async () => {
    say = () => answer('TerminateInstances');
    const verdicts = await removeAll(Array.from({ length: 1_200 }, (_, number) => id(number)));
    expect(new Set(verdicts)).toEqual(new Set(['ok']));
    expect(server.requests.map((request) => idsOf(request).length)).toEqual([1_000, 200]);
  });

  test('TerminateInstances takes ids that EC2 names as unknown for gone, and sends the rest once more', async () => {
    say = refuseAnyOf([id(1), id(3)], Infinity);
    expect(await removeAll([id(0), id(1), id(2), id(3)])).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(server.requests.map(idsOf)).toEqual([
      [id(0), id(1), id(2), id(3)],
      [id(0), id(2)],
    ]);
  });

  test('TerminateInstances tries halves when EC2 names no id, until only the unknown one is left', async () => {
    say = refuseAnyOf([id(5)], 0);
    const verdicts = await removeAll(Array.from({ length: 8 }, (_, number) => id(number)));
    expect(new Set(verdicts)).toEqual(new Set(['ok']));
    const accepted = server.requests.map(idsOf).filter((ids) => !ids.includes(id(5)));
    expect(accepted.flat().sort()).toEqual([0, 1, 2, 3, 4, 6, 7].map(id));
  });

  test('TerminateInstances has removals that it did not reach come again when EC2 names one id at a time', async () => {
    const bad = [0, 1, 2, 3, 4, 5].map(id);
    say = refuseAnyOf(bad, 1);
    const verdicts = await removeAll([...bad, id(6)]);
    expect(verdicts).toEqual(['ok', 'ok', 'ok', 'Unavailable', 'Unavailable', 'Unavailable', 'Unavailable']);
    expect(server.requests).toHaveLength(3);
  });

  test('TerminateInstances gives a machine with termination protection the error, and removes the others', async () => {
    say = (parameters) =>
      idsOf(parameters).includes(id(1))
        ? refusal(400, 'OperationNotPermitted', `The instance '${id(1)}' may not be terminated.`)
        : answer('TerminateInstances');
    expect(await removeAll([id(0), id(1), id(2)])).toEqual(['ok', 'PermissionDenied', 'ok']);
  });

  test('TerminateInstances gives all one error when it is throttled, and sends no second call', async () => {
    say = () => refusal(503, 'RequestLimitExceeded', 'Request limit exceeded.');
    expect(await removeAll([id(0), id(1)])).toEqual(['Throttled', 'Throttled']);
    expect(server.requests).toHaveLength(1);
  });
});
