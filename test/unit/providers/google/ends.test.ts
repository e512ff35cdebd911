import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { googleProvider } from '../../../../providers/google/provider.js';
import type { MachineRef } from '../../../../providers/provider.js';
import { recordedContext } from '../../../support/provider-context.js';
import { ScriptedGoogle, type ScriptedAnswer } from '../../../support/scripted-google.js';

let google: ScriptedGoogle;
let instances: ScriptedAnswer;
let operations: ScriptedAnswer;
beforeAll(async () => {
  google = await ScriptedGoogle.start();
});
afterAll(() => google.stop());
beforeEach(() => {
  google.say = ({ path }) => (path.endsWith('/operations') ? operations : instances);
  google.requests.length = 0;
  instances = { body: { kind: 'compute#instanceList', items: [{ id: '1', name: 'vm-1', status: 'RUNNING' }] } };
});

const deletion = (targetId: string, changes: object = {}) => ({
  ...{ name: `deletion-${targetId}`, status: 'DONE', operationType: 'delete', targetId },
  ...changes,
});
const listOf = (...items: object[]): ScriptedAnswer => ({ body: { kind: 'compute#operationList', items } });
const location = { account: 'example-project', region: 'us-central1', group: 'us-central1-a' };
const known: MachineRef[] = ['1', '2', '3', '4'].map((workerId) => ({
  workerGroup: 'us-central1-a',
  workerId,
  location,
}));

async function scan(machines: readonly MachineRef[]): Promise<Record<string, string>> {
  const { machines: own } = googleProvider(
    {
      ...{ providerType: 'google', project: 'example-project', workerServiceAccountId: '1', jwksUrl: null },
      ...{ endpoint: google.url, draining: false },
    },
    recordedContext(),
  );
  const states: Record<string, string> = {};
  for await (const page of own!.observe([location], machines)) {
    for (const { workerId, state } of page) states[workerId] = state;
  }
  return states;
}
const lists = () => google.requests.filter(({ path }) => path.endsWith('/operations'));

describe('a scan', () => {
  test('a scan gives the machines that it misses as gone where their deletion has ended, by one list for all', async () => {
    const failed = { error: { errors: [{ code: 'INTERNAL_ERROR' }] } };
    operations = listOf(deletion('2'), deletion('3', failed), deletion('4', { status: 'RUNNING' }), deletion('9'));
    expect(await scan(known)).toEqual({ '1': 'running', '2': 'gone' });
    expect(await scan(known.slice(0, 2))).toEqual({ '1': 'running', '2': 'gone' });
    const filters = lists().map(
      ({ query }) => /^operationType="(.+)" AND creationTimestamp>="\d{4}-/.exec(query.get('filter')!)?.[1],
    );
    // Those that no deletion has ended may have been preempted.
    expect(filters).toEqual(['delete', 'compute.instances.preempted', 'delete']);
  });

  test('a scan gives a machine that it misses as gone where it was preempted, and shows one that was only stopped', async () => {
    const ofPreemptions = listOf(deletion('1'), deletion('2'));
    google.say = ({ path, query }) => {
      if (!path.endsWith('/operations')) return instances;
      return query.get('filter')!.includes('preempted') ? ofPreemptions : listOf(deletion('3'));
    };
    expect(await scan(known)).toEqual({ '1': 'running', '2': 'gone', '3': 'gone' });
  });

  test('a scan that misses no machine reads no operations', async () => {
    expect(await scan(known.slice(0, 1))).toEqual({ '1': 'running' });
    expect(lists()).toEqual([]);
  });

  test('a scan says nothing of the machines that it misses where the operations cannot be read', async () => {
    for (const answer of [ScriptedGoogle.refusal(503, 'backendError'), { body: { items: [deletion('2')] } }]) {
      operations = answer;
      expect(await scan(known)).toEqual({ '1': 'running' });
    }
  });

  test('a scan that is not complete gives no machine as gone', async () => {
    instances = { body: { kind: 'compute#instanceList', items: [], warning: { code: 'UNREACHABLE' } } };
    operations = listOf(deletion('2'));
    await expect(scan(known)).rejects.toMatchObject({ code: 'Unavailable' });
    expect(lists()).toEqual([]);
  });
});
