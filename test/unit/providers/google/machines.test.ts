import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { MachineRef, Observation } from '../../../../providers/provider.js';
import { inCallScope } from '../../../../providers/shared/call-scope.js';
import { recordedContext } from '../../../support/provider-context.js';
import {
  failedChild,
  instance,
  instanceList,
  notFound,
  operation,
  operationList,
  scriptedCompute,
} from '../../../support/scripted-compute.js';
import { ScriptedGoogle, type SeenRequest } from '../../../support/scripted-google.js';

const { answers, provider, requests, queries } = scriptedCompute();

const machine: MachineRef = {
  workerGroup: 'us-central1-a',
  workerId: '7',
  location: { account: 'example-project', region: 'us-central1', group: 'us-central1-a' },
};

describe('a removal', () => {
  const remove = () => provider().machines!.deleteResource(machine, 'instance');
  const requestIds = () => requests().map(({ query }) => query.get('requestId'));
  afterEach(() => void jest.restoreAllMocks());

  test('a removal may take two minutes before it is repeated, and has the same request id then', async () => {
    // Whatever the hour: its end begins another id.
    jest.spyOn(Date, 'now').mockReturnValue(Date.parse('2026-11-28T12:59:59.999Z'));
    expect(provider().machines!.removalRepeatMs).toBe(120_000);
    answers['DELETE instances/7'] = operation({ status: 'RUNNING' });
    await remove();
    await remove();
    expect(new Set(requestIds()).size).toBe(1);
  });

  test('a removal that is requested again before the first has its answer waits for that, and is not sent', async () => {
    answers['DELETE instances/7'] = operation({ status: 'RUNNING' });
    const { machines } = provider();
    await Promise.all([1, 2, 3].map(() => machines!.deleteResource(machine, 'instance')));
    expect(requests()).toHaveLength(1);
    await machines!.deleteResource(machine, 'instance');
    expect(requests()).toHaveLength(2);
  });

  test('a removal that was sent is awaited, though its attempt has been given up meanwhile', async () => {
    const attempt = new AbortController();
    const scope = { signal: attempt.signal, assertMaySend: () => attempt.signal.throwIfAborted() };
    answers['DELETE instances/7'] = () => {
      attempt.abort();
      return operation({ status: 'RUNNING' });
    };
    const { machines } = provider();
    await expect(inCallScope(scope, () => machines!.deleteResource(machine, 'instance'))).resolves.toBeUndefined();
    expect(requests()).toHaveLength(1);
  });

  test('a removal that has failed is followed by another, and one that keeps failing is an error', async () => {
    answers['DELETE instances/7'] = operation({ error: { errors: [{ code: 'INTERNAL_ERROR', message: 'in words' }] } });
    await expect(remove()).rejects.toMatchObject({ code: 'Unavailable' });
    expect(new Set(requestIds()).size).toBe(5);
  });

  test('a removal of a machine that Google works on already is repeated later, and holds no other call', async () => {
    const busy = "Operation rate exceeded for resource 'projects/p/zones/z/instances/7'. Too frequent operations.";
    answers['DELETE instances/7'] = ScriptedGoogle.refusal(403, 'rateLimitExceeded', busy);
    const context = recordedContext();
    const { machines } = provider(context);
    await expect(machines!.deleteResource(machine, 'instance')).rejects.toMatchObject({
      code: 'Unavailable',
      retryAfterMs: 30_000,
    });
    expect(context.quotaUpdates).toEqual([]);
  });

  test('a removal of a machine that is gone succeeds, and only where Google names that machine', async () => {
    answers['DELETE instances/7'] = notFound('projects/p/zones/z/instances/7');
    await expect(remove()).resolves.toBeUndefined();
    answers['DELETE instances/7'] = notFound('projects/p');
    await expect(remove()).rejects.toMatchObject({ code: 'InvalidRequest' });
  });
});

describe('a scan of a zone', () => {
  const observe = async () => {
    const seen: Observation[] = [];
    for await (const page of provider().machines!.observe([machine.location])) seen.push(...page);
    return seen;
  };

  test.each([
    ['PENDING', 'pending'],
    ['PROVISIONING', 'pending'],
    ['STAGING', 'pending'],
    ['RUNNING', 'running'],
    ['REPAIRING', 'running'],
    ['INVENTED_LATER', 'running'],
    ['PENDING_STOP', 'failed'],
    ['STOPPING', 'failed'],
    ['STOPPED', 'failed'],
    ['SUSPENDING', 'failed'],
    ['SUSPENDED', 'failed'],
    ['TERMINATED', 'failed'],
  ])('a scan of a zone shows a machine that is %s as %s', async (status, state) => {
    answers['GET instances'] = instanceList([instance('7', { status })]);
    expect(await observe()).toMatchObject([{ workerId: '7', workerGroup: 'us-central1-a', state }]);
  });

  test('a scan of a zone reads what it needs of our machines, and no metadata', async () => {
    expect(await observe()).toEqual([]);
    const [{ path, headers, query }] = requests() as [SeenRequest];
    expect(path).toBe('/compute/v1/projects/example-project/zones/us-central1-a/instances');
    expect(headers['x-goog-fieldmask']).toBe(
      'kind,items(id,name,status,statusMessage,creationTimestamp,labels,description),nextPageToken,warning',
    );
    expect(query.get('filter')).toBe('labels.worker-manager-deployment=c0ffee00-0000-4000-8000-000000000001');
    expect(requests()).toHaveLength(1);
  });
});

test('a read by id that is answered without a machine says nothing of it', async () => {
  answers['GET instances/7'] = { body: {} };
  await expect(provider().machines!.get(machine)).rejects.toMatchObject({ code: 'Unavailable' });
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
    ['of a creation that failed', [failedChild('QUOTA_EXCEEDED')], 'QUOTA_EXCEEDED: in words'],
    ['that left no trace', [], null],
  ])('the end of a machine %s is explained by its zone’s operations', async (_what, items, words) => {
    expect(await explain(items)).toBe(words);
    expect(queries('/operations').at(-1)!.get('filter')).toBe('targetId=7');
  });

  test('a mass preemption is explained by one list of each zone, and where it cannot be read by none', async () => {
    const elsewhere = { account: 'example-project', region: 'us-east1', group: 'us-east1-b' };
    const machines = Array.from({ length: 600 }, (_, nth) => ({ ...machine, workerId: `${nth}` }));
    const others = ['7', '8'].map((workerId) => ({ workerGroup: 'us-east1-b', workerId, location: elsewhere }));
    const preempted = { operationType: 'compute.instances.preempted', status: 'DONE', name: 'p' };
    answers['GET operations'] = ({ path }) =>
      path.includes('us-east1-b')
        ? ScriptedGoogle.refusal(503, 'backendError')
        : operationList(machines.map(({ workerId }) => ({ ...preempted, targetId: workerId })));
    const explained = await provider().machines!.explainTogether!([...machines, ...others]);
    expect([...explained.keys()]).toEqual(machines);
    expect(new Set(explained.values())).toEqual(new Set(['preempted: Google needed its capacity']));
    const types = queries('/operations').map((query) => /^operationType="(.+?)"/.exec(query.get('filter')!)?.[1]);
    expect(types).toEqual(['compute.instances.preempted', 'compute.instances.preempted']);
  });
});
