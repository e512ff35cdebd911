import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ComputeCalls } from '../../../../providers/google/calls.js';
import { launchLabel, launchRequestId } from '../../../../providers/google/names.js';
import { OperationWaits } from '../../../../providers/google/operations.js';
import { googleProvider } from '../../../../providers/google/provider.js';
import type { BulkLaunching, MachineRef } from '../../../../providers/provider.js';
import { googleSpec } from '../../../support/google-launch.js';
import { recordedContext } from '../../../support/provider-context.js';
import { ScriptedGoogle, type ScriptedAnswer, type SeenRequest } from '../../../support/scripted-google.js';

let google: ScriptedGoogle;
/** By method and the end of the path; a list is empty where nothing else is said. */
let answers: Record<string, ScriptedAnswer | ((request: SeenRequest) => ScriptedAnswer)>;
beforeAll(async () => {
  google = await ScriptedGoogle.start();
});
afterAll(() => google.stop());
beforeEach(() => {
  google.requests.length = 0;
  answers = {
    'GET serviceAccounts/1': { body: { email: 'worker@p.iam.gserviceaccount.com' } },
    'GET instances': list([]),
    'GET operations': operationList([]),
  };
  google.say = (request) => {
    const key = Object.keys(answers).find((each) => {
      const [method = '', path = ''] = each.split(' ');
      return method === request.method && request.path.endsWith(`/${path}`);
    });
    const answer =
      key === undefined ? ScriptedGoogle.refusal(400, 'invalid', `not scripted: ${request.path}`) : answers[key]!;
    return typeof answer === 'function' ? answer(request) : answer;
  };
});

const list = (items: object[], warning?: object): ScriptedAnswer => ({
  body: { kind: 'compute#instanceList', items, ...(warning && { warning }) },
});
const operationList = (items: object[]): ScriptedAnswer => ({ body: { kind: 'compute#operationList', items } });
const instance = (id: string) => ({
  ...{ id, name: `vm-${id}`, status: 'RUNNING', creationTimestamp: '2026-11-28T12:00:00.000-00:00' },
});
const operation = (changes: object = {}): ScriptedAnswer => ({ body: bulk(changes) });
const bulk = (changes: object = {}) => ({
  ...{ name: 'operation-1', status: 'DONE', operationType: 'bulkInsert', operationGroupId: 'group-1' },
  ...{ insertTime: '2026-11-28T12:00:00Z', ...created(2) },
  ...changes,
});
const created = (count: number, deleted = 0) => ({
  instancesBulkInsertOperationMetadata: {
    perLocationStatus: { 'zones/us-central1-a': { createdVmCount: count, deletedVmCount: deleted } },
  },
});
const child = (code: string, group = 'group-1') => ({
  ...{ name: `child-${code}`, status: 'DONE', operationType: 'insert', operationGroupId: group },
  error: { errors: [{ code, message: 'in words' }] },
});
const success = (targetId: string, group = 'group-1') => ({
  ...{ name: `insert-${targetId}`, status: 'DONE', operationType: 'insert', operationGroupId: group, targetId },
});

const config = () => ({
  ...{ providerType: 'google' as const, project: 'example-project', workerServiceAccountId: '1', jwksUrl: null },
  ...{ endpoint: google.url, draining: false },
});
const provider = () => googleProvider(config(), recordedContext());
const launching = () => provider().launching as BulkLaunching;
const launchOf = (count: number) => launching().prepare(googleSpec({ count }));
const queries = (path: string) => google.requests.filter((one) => one.path.endsWith(path)).map(({ query }) => query);

describe('a bulk launch', () => {
  test('a bulk launch is one insertion with names, account and request id, and gives what a list by its label shows', async () => {
    answers['POST instances/bulkInsert'] = operation();
    answers['GET instances'] = list([instance('1'), instance('2')]);
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
    const inserts = google.requests.filter(({ method }) => method === 'POST');
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
    answers['GET instances'] = list([instance('1'), instance('2')]);
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
    answers['GET instances'] = list([instance('1')]);
    const children = [
      child('QUOTA_EXCEEDED'),
      child('QUOTA_EXCEEDED'),
      child('IP_SPACE_EXHAUSTED'),
      child('X', 'other'),
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
    answers['GET instances'] = list([instance('1'), instance('2')]);
    expect((await launching().submit(launchOf(2))).machines).toHaveLength(2);
  });

  test('a bulk launch gives machines that ended after their creation, and those that are listed late, with the others', async () => {
    answers['POST instances/bulkInsert'] = operation(created(3));
    answers['GET instances'] = list([instance('1')]);
    const others = [success('4', 'other'), { ...child('QUOTA_EXCEEDED'), targetId: '5' }];
    answers['GET operations'] = operationList([...['1', '2', '3'].map((id) => success(id)), ...others]);
    answers['GET instances/2'] = { body: instance('2') };
    answers['GET instances/3'] = ScriptedGoogle.refusal(
      404,
      'notFound',
      "'projects/p/zones/z/instances/3' was not found",
    );
    const { machines } = await launching().submit(launchOf(3));
    expect(machines.map(({ workerId, identityAttributes: { name } }) => [workerId, name])).toEqual([
      ['1', 'vm-1'],
      ['2', 'vm-2'],
      ['3', null],
    ]);
  });

  test('a bulk launch stays in doubt while Google will not say what became of a machine that is not listed', async () => {
    answers['POST instances/bulkInsert'] = operation();
    answers['GET instances'] = list([instance('1')]);
    answers['GET operations'] = operationList([success('1'), success('2')]);
    answers['GET instances/2'] = ScriptedGoogle.refusal(503, 'backendError');
    await expect(launching().submit(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
  });

  test('a bulk launch reads at most 20 machines that are not listed, and else stays in doubt', async () => {
    answers['POST instances/bulkInsert'] = operation(created(21));
    answers['GET operations'] = operationList(Array.from({ length: 21 }, (_, id) => success(`${id}`)));
    await expect(launching().submit(launchOf(21))).rejects.toMatchObject({ code: 'Unavailable' });
    expect(google.requests.filter(({ path }) => /\/instances\/\d+$/.test(path))).toEqual([]);
  });

  test('a bulk launch stays in doubt while fewer machines are listed than were created', async () => {
    answers['POST instances/bulkInsert'] = operation();
    answers['GET instances'] = list([instance('1')]);
    await expect(launching().submit(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
  });

  test('a bulk launch stays in doubt when a list says that something is left out, or is none', async () => {
    answers['POST instances/bulkInsert'] = operation();
    for (const answer of [list([], { code: 'UNREACHABLE' }), { body: {} }, { body: { kind: 'compute#operation' } }]) {
      answers['GET instances'] = answer;
      await expect(launching().submit(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
    }
  });

  test('a bulk launch that says of no number stays in doubt when a list of operations is none', async () => {
    const { name, status, operationType, operationGroupId } = bulk();
    answers['POST instances/bulkInsert'] = { body: { name, status, operationType, operationGroupId } };
    for (const body of [{}, { items: [] }, { kind: 'compute#instanceList' }]) {
      answers['GET operations'] = { body };
      await expect(launching().submit(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
      await expect(launching().find(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
    }
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
    answers['GET instances'] = list([instance('1')]);
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
    expect(google.requests.filter(({ method }) => method === 'POST')).toEqual([]);
  });
});

test('a bulk launch is not sent, and not in doubt, while the service account cannot be read', async () => {
  answers['GET serviceAccounts/1'] = ScriptedGoogle.refusal(503, 'backendError', 'IAM is away');
  await expect(launching().submit(launchOf(2))).rejects.toMatchObject({
    code: 'GivenUp',
    message: 'service account 1: IAM is away',
  });
  expect(google.requests.filter(({ method }) => method === 'POST')).toEqual([]);
});

describe('the search for a launch', () => {
  test('the search for a launch is settled when its operation has ended and all that it created is listed', async () => {
    answers['GET operations'] = ({ query }) =>
      operationList(query.get('filter') === `clientOperationId="${launchRequestId('token.1')}"` ? [bulk()] : []);
    answers['GET instances'] = list([instance('1'), instance('2')]);
    expect(await launching().find(launchOf(2))).toMatchObject({ machines: [{}, {}], isSettled: true });
    answers['GET instances'] = list([instance('1')]);
    expect(await launching().find(launchOf(2))).toMatchObject({ machines: [{}], isSettled: false });
  });

  test('the search for a launch is not settled where Google knows no operation of it', async () => {
    expect(await launching().find(launchOf(2))).toEqual({ machines: [], shortfall: [], isSettled: false });
  });

  test('the search for a launch gives nothing while its operation runs: what is listed then may vanish', async () => {
    answers['GET operations'] = operationList([bulk({ status: 'RUNNING' })]);
    answers['GET instances'] = list([instance('1'), instance('2')]);
    await expect(launching().find(launchOf(2))).rejects.toMatchObject({ code: 'Unavailable' });
  });
});

const machine: MachineRef = {
  workerGroup: 'us-central1-a',
  workerId: '7',
  location: { account: 'example-project', region: 'us-central1', group: 'us-central1-a' },
};

describe('a removal', () => {
  const remove = () => provider().machines!.deleteResource(machine, 'instance');
  const requestIds = () => google.requests.map(({ query }) => query.get('requestId'));

  test('a removal has the same request id when it is repeated', async () => {
    answers['DELETE instances/7'] = operation({ status: 'RUNNING' });
    await remove();
    await remove();
    expect(new Set(requestIds()).size).toBe(1);
  });

  test('a removal that has failed is followed by another, and one that keeps failing is an error', async () => {
    answers['DELETE instances/7'] = operation({ error: { errors: [{ code: 'INTERNAL_ERROR', message: 'in words' }] } });
    await expect(remove()).rejects.toMatchObject({ code: 'Unavailable' });
    expect(new Set(requestIds()).size).toBe(5);
  });

  test('a removal of a machine that is gone succeeds, and only where Google names that machine', async () => {
    const notFound = (path: string) => ScriptedGoogle.refusal(404, 'notFound', `The resource '${path}' was not found`);
    answers['DELETE instances/7'] = notFound('projects/p/zones/z/instances/7');
    await expect(remove()).resolves.toBeUndefined();
    answers['DELETE instances/7'] = notFound('projects/p');
    await expect(remove()).rejects.toMatchObject({ code: 'InvalidRequest' });
  });
});

describe('the end of a machine', () => {
  const explain = (items: object[]) => {
    answers['GET operations'] = operationList(items);
    return provider().machines!.explain!(machine);
  };

  test.each([
    ['of a preemption', [{ operationType: 'compute.instances.preempted' }], 'preempted: Google needed its capacity'],
    [
      'of a preemption that is followed by a deletion',
      [{ operationType: 'delete' }, { operationType: 'compute.instances.preempted' }],
      'preempted: Google needed its capacity',
    ],
    ['of somebody’s hand', [{ operationType: 'delete', user: 'me@example.com' }], 'delete by me@example.com'],
    ['of a host that failed', [{ operationType: 'compute.instances.hostError' }], 'compute.instances.hostError'],
    ['of a creation that failed', [child('QUOTA_EXCEEDED')], 'QUOTA_EXCEEDED: in words'],
    ['that left no trace', [], null],
  ])('the end of a machine %s is explained by its zone’s operations', async (_what, items, words) => {
    expect(await explain(items)).toBe(words);
    expect(queries('/operations').at(-1)!.get('filter')).toBe('targetId=7');
  });
});
