import { describe, expect, test } from '@jest/globals';
import { ComputeCalls } from '../../../../providers/google/calls.js';
import { launchLabel, launchRequestId } from '../../../../providers/google/names.js';
import { OperationWaits } from '../../../../providers/google/operations.js';
import type { BulkLaunching } from '../../../../providers/provider.js';
import { googleSpec } from '../../../support/google-launch.js';
import { recordedContext } from '../../../support/provider-context.js';
import {
  bulk,
  child,
  created,
  failedChild,
  instance,
  instanceList,
  notFound,
  operation,
  operationList,
  scriptedCompute,
} from '../../../support/scripted-compute.js';
import { ScriptedGoogle } from '../../../support/scripted-google.js';

const { answers, config, provider, requests, queries } = scriptedCompute();
const launching = () => provider().launching as BulkLaunching;
const launchOf = (count: number) => launching().prepare(googleSpec({ count }));

describe('a bulk launch', () => {
  test('a bulk launch is one insertion with names, account and request id, and gives what a list by its label shows', async () => {
    answers['POST instances/bulkInsert'] = operation();
    answers['GET instances'] = instanceList([instance('1'), instance('2')]);
    const { machines, shortfall } = await launching().submit(launchOf(2));
    expect(shortfall).toEqual([]);
    expect(machines).toMatchObject([
      {
        workerGroup: 'us-central1-a',
        workerId: '1',
        location: { account: 'example-project', region: 'us-central1', group: 'us-central1-a' },
        identityAttributes: { name: 'vm-1', creationTimestamp: '2026-11-28T12:00:00.000-00:00' },
      },
      { workerId: '2' },
    ]);
    const inserts = requests().filter(({ method }) => method === 'POST');
    expect(inserts).toHaveLength(1);
    expect(inserts[0]!.query.get('requestId')).toBe(launchRequestId('token.1'));
    const body = inserts[0]!.body as { perInstanceProperties: object };
    expect(body).toMatchObject({
      count: '2',
      minCount: '1',
      instanceProperties: {
        machineType: 'n2-standard-4',
        serviceAccounts: [{ email: 'worker@p.iam.gserviceaccount.com' }],
      },
    });
    expect(Object.keys(body.perInstanceProperties)).toHaveLength(2);
    expect(queries('/instances')[0]!.get('filter')).toContain(`labels.worker-manager-launch=${launchLabel('token.1')}`);
    expect(queries('/operations')).toEqual([]);
  });

  test('a bulk launch reads the operation until it has ended', async () => {
    answers['POST instances/bulkInsert'] = operation({ status: 'RUNNING', ...created(0) });
    answers['GET operations/operation-1'] = operation();
    answers['GET instances'] = instanceList([instance('1'), instance('2')]);
    expect((await launching().submit(launchOf(2))).machines).toHaveLength(2);
  });

  test('the operations of several launches of a zone, waited for from one moment on, are read together', async () => {
    const operations = ['a', 'b', 'c'].map((token) => bulk({ name: `of-${launchRequestId(token)}`, ...created(1) }));
    answers['GET operations'] = operationList(operations);
    const waits = new OperationWaits(new ComputeCalls(config(), recordedContext()));
    const zone = { project: 'example-project', zone: 'us-central1-a' };
    const running = operations.map((one) => ({ ...one, status: 'RUNNING' }));
    const ended = await Promise.all(running.map((one) => waits.untilDone(one, zone, 30_000)));
    expect(ended).toMatchObject(operations);
    expect(queries('/operations')).toHaveLength(1);
    expect(queries('/operations')[0]!.get('filter')).toBe(
      'operationType="bulkInsert" AND creationTimestamp>="2026-11-28T12:00:00Z"',
    );
  });

  test('a bulk launch gives a reason for each code of the machines that are missing, and none of another launch', async () => {
    answers['POST instances/bulkInsert'] = operation(created(1));
    answers['GET instances'] = instanceList([instance('1')]);
    const children = [
      failedChild('QUOTA_EXCEEDED'),
      failedChild('QUOTA_EXCEEDED'),
      failedChild('IP_SPACE_EXHAUSTED'),
      failedChild('X', 'other'),
    ];
    answers['GET operations'] = operationList(children);
    const { machines, shortfall } = await launching().submit(launchOf(4));
    expect(machines).toHaveLength(1);
    expect(shortfall.map(({ code, cloudCode }) => [code, cloudCode])).toEqual([
      ['QuotaExceeded', 'QUOTA_EXCEEDED'],
      ['InsufficientCapacity', 'IP_SPACE_EXHAUSTED'],
    ]);
  });

  test('a bulk launch of which nothing came lists nothing, and always has a reason', async () => {
    answers['POST instances/bulkInsert'] = operation(created(0));
    expect(await launching().submit(launchOf(2))).toEqual({
      machines: [],
      shortfall: [{ message: 'Google created no machine and does not say why', cloudCode: null }],
    });
    expect(queries('/instances')).toEqual([]);
  });

  test('a bulk launch whose names are taken finds the machines of the earlier attempt', async () => {
    answers['POST instances/bulkInsert'] = operation({
      ...created(0),
      error: { errors: [{ code: 'RESOURCE_ALREADY_EXISTS' }] },
    });
    answers['GET instances'] = instanceList([instance('1'), instance('2')]);
    expect((await launching().submit(launchOf(2))).machines).toHaveLength(2);
  });

  test('a bulk launch gives machines that ended after their creation, and those that are listed late, with the others', async () => {
    answers['POST instances/bulkInsert'] = operation(created(3));
    answers['GET instances'] = instanceList([instance('1')]);
    const others = [child('4', 'other'), { ...failedChild('QUOTA_EXCEEDED'), targetId: '5' }];
    answers['GET operations'] = operationList([...['1', '2', '3'].map((id) => child(id)), ...others]);
    answers['GET instances/2'] = { body: instance('2') };
    answers['GET instances/3'] = notFound('projects/p/zones/z/instances/3');
    const { machines } = await launching().submit(launchOf(3));
    expect(machines.map(({ workerId, identityAttributes: { name } }) => [workerId, name])).toEqual([
      ['1', 'vm-1'],
      ['2', 'vm-2'],
      ['3', null],
    ]);
  });

  test('a bulk launch stays in doubt while Google will not say what became of a machine that is not listed', async () => {
    answers['POST instances/bulkInsert'] = operation();
    answers['GET instances'] = instanceList([instance('1')]);
    answers['GET operations'] = operationList([child('1'), child('2')]);
    answers['GET instances/2'] = ScriptedGoogle.refusal(503, 'backendError');
    await expect(launching().submit(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
  });

  test('a bulk launch reads at most 20 machines that are not listed, and else stays in doubt', async () => {
    answers['POST instances/bulkInsert'] = operation(created(21));
    answers['GET operations'] = operationList(Array.from({ length: 21 }, (_, id) => child(`${id}`)));
    await expect(launching().submit(launchOf(21))).rejects.toMatchObject({ code: 'Unavailable' });
    expect(requests().filter(({ path }) => /\/instances\/\d+$/.test(path))).toEqual([]);
  });

  test('a bulk launch stays in doubt while fewer machines are listed than were created', async () => {
    answers['POST instances/bulkInsert'] = operation();
    answers['GET instances'] = instanceList([instance('1')]);
    await expect(launching().submit(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
  });

  test('a bulk launch stays in doubt when a list says that something is left out, or is none', async () => {
    answers['POST instances/bulkInsert'] = operation();
    for (const answer of [
      instanceList([], { code: 'UNREACHABLE' }),
      { body: {} },
      { body: { kind: 'compute#operation' } },
    ]) {
      answers['GET instances'] = answer;
      await expect(launching().submit(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
    }
  });

  test('a bulk launch that says of no number stays in doubt when a list of operations is none', async () => {
    answers['POST instances/bulkInsert'] = operation({ instancesBulkInsertOperationMetadata: null });
    for (const answer of [{ body: {} }, { body: { items: [] } }, instanceList([])]) {
      answers['GET operations'] = answer;
      await expect(launching().submit(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
      await expect(launching().find(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
    }
  });

  test('a bulk launch that says of no number stays in doubt when a list of operations leaves something out', async () => {
    answers['POST instances/bulkInsert'] = operation({ instancesBulkInsertOperationMetadata: null });
    answers['GET operations'] = operationList([], { code: 'UNREACHABLE' });
    await expect(launching().submit(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
    await expect(launching().find(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
  });

  test('a bulk launch stays in doubt when its insertion is answered without an operation, or a read without a machine', async () => {
    answers['POST instances/bulkInsert'] = { body: {} };
    await expect(launching().submit(launchOf(1))).rejects.toMatchObject({ code: 'Unavailable' });
    answers['POST instances/bulkInsert'] = operation(created(1));
    answers['GET operations'] = operationList([child('1')]);
    answers['GET instances/1'] = { body: {} };
    await expect(launching().submit(launchOf(1))).rejects.toMatchObject({ code: 'Unavailable' });
  });

  test('a bulk launch stays in doubt when a list does not end', async () => {
    answers['POST instances/bulkInsert'] = operation();
    answers['GET instances'] = { body: { kind: 'compute#instanceList', items: [], nextPageToken: 'more' } };
    await expect(launching().submit(launchOf(2))).rejects.toMatchObject({
      code: 'Unavailable',
      message: 'instances.list of us-central1-a does not end',
    });
  });

  test.each([
    ['GET operations/operation-1', 403, 'forbidden'],
    ['GET operations/operation-1', 404, 'notFound'],
    ['GET operations/operation-1', 403, 'rateLimitExceeded'],
    ['GET instances', 403, 'insufficientPermissions'],
    ['GET instances', 429, 'rateLimitExceeded'],
    ['GET operations', 403, 'forbidden'],
  ])('a bulk launch that was accepted stays in doubt when %s is refused (%i %s)', async (call, status, reason) => {
    answers['POST instances/bulkInsert'] = operation({ status: 'RUNNING', ...created(0) });
    answers['GET operations/operation-1'] = operation(created(1));
    answers['GET instances'] = instanceList([instance('1')]);
    answers[call] = ScriptedGoogle.refusal(status, reason);
    await expect(launching().submit(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
  });

  test('a bulk launch is refused where the service account does not exist, and nothing is created', async () => {
    answers['GET serviceAccounts/1'] = ScriptedGoogle.refusal(404, 'notFound', 'Unknown service account');
    await expect(launching().submit(launchOf(2))).rejects.toMatchObject({
      code: 'InvalidRequest',
      message: 'service account 1: Unknown service account',
    });
    await expect(provider().setup()).rejects.toMatchObject({ code: 'InvalidRequest' });
    expect(requests().filter(({ method }) => method === 'POST')).toEqual([]);
  });
});

describe('the service account of machines', () => {
  test('a bulk launch is not sent, and not in doubt, while the service account cannot be read', async () => {
    answers['GET serviceAccounts/1'] = ScriptedGoogle.refusal(503, 'backendError', 'IAM is away');
    await expect(launching().submit(launchOf(2))).rejects.toMatchObject({
      code: 'GivenUp',
      message: 'service account 1: IAM is away',
    });
    expect(requests().filter(({ method }) => method === 'POST')).toEqual([]);
  });

  test.each([
    ['a proxy’s page', 404, '<html>no such page</html>', 'GivenUp'],
    ['a proxy’s refusal', 403, '<html>forbidden</html>', 'GivenUp'],
    ['an answer without an address', 200, {}, 'GivenUp'],
    ['Google’s refusal', 403, { error: { message: 'Permission iam.serviceAccounts.get denied' } }, 'PermissionDenied'],
  ])(
    'the service account of machines is read again after %s, and a launch is not sent',
    async (_what, status, body, code) => {
      answers['GET serviceAccounts/1'] = { status, body };
      await expect(launching().submit(launchOf(1))).rejects.toMatchObject({ code });
      expect(requests().filter(({ method }) => method === 'POST')).toEqual([]);
    },
  );
});

describe('the setup', () => {
  test('the setup succeeds with a remark where the machines of all zones cannot be listed for now', async () => {
    answers['GET aggregated/instances'] = ScriptedGoogle.refusal(503, 'backendError', 'a zone is away');
    expect(await provider().setup()).toEqual([
      'the machines of all zones cannot be listed now: backendError: a zone is away',
    ]);
    answers['GET aggregated/instances'] = ScriptedGoogle.refusal(403, 'accessNotConfigured', 'API is off');
    await expect(provider().setup()).rejects.toMatchObject({ code: 'PermissionDenied' });
  });
});

describe('the search for a launch', () => {
  test('the search for a launch is settled when its operation has ended and all that it created is listed', async () => {
    answers['GET operations'] = ({ query }) =>
      operationList(query.get('filter') === `clientOperationId="${launchRequestId('token.1')}"` ? [bulk()] : []);
    answers['GET instances'] = instanceList([instance('1'), instance('2')]);
    expect(await launching().find(launchOf(2))).toMatchObject({ machines: [{}, {}], isSettled: true });
    answers['GET instances'] = instanceList([instance('1')]);
    expect(await launching().find(launchOf(2))).toMatchObject({ machines: [{}], isSettled: false });
  });

  test('the search for a launch is not settled where Google knows no operation of it', async () => {
    expect(await launching().find(launchOf(2))).toEqual({ machines: [], shortfall: [], isSettled: false });
  });

  test('the search for a launch gives nothing while its operation runs: what is listed then may vanish', async () => {
    answers['GET operations'] = operationList([bulk({ status: 'RUNNING' })]);
    answers['GET instances'] = instanceList([instance('1'), instance('2')]);
    await expect(launching().find(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
  });
});
