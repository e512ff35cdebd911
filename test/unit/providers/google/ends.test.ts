import { beforeEach, describe, expect, test } from '@jest/globals';
import type { MachineRef } from '../../../../providers/provider.js';
import { instance, instanceList, notFound, operationList, scriptedCompute } from '../../../support/scripted-compute.js';
import { ScriptedGoogle } from '../../../support/scripted-google.js';

const { answers, provider, queries } = scriptedCompute();
beforeEach(() => {
  answers['GET instances'] = instanceList([instance('1')]);
});

const deletion = (targetId: string, changes: object = {}) => ({
  ...{ name: `deletion-${targetId}`, status: 'DONE', operationType: 'delete', targetId },
  ...changes,
});
const location = { account: 'example-project', region: 'us-central1', group: 'us-central1-a' };
const known: MachineRef[] = ['1', '2', '3', '4'].map((workerId) => ({
  workerGroup: 'us-central1-a',
  workerId,
  location,
}));

async function scan(machines: readonly MachineRef[]): Promise<Record<string, string>> {
  const states: Record<string, string> = {};
  for await (const page of provider().machines!.observe([location], machines)) {
    for (const { workerId, state, reason } of page) states[workerId] = reason === null ? state : `${state}: ${reason}`;
  }
  return states;
}
const filters = () => queries('/operations').map((query) => query.get('filter')!);
const ofType = (operations: Record<string, object[]>) => {
  answers['GET operations'] = ({ query }) => {
    const type = /^operationType="(.+?)"/.exec(query.get('filter')!)?.[1] ?? '';
    return operationList(operations[type] ?? []);
  };
};

describe('a scan', () => {
  test('a scan gives the machines that it misses as gone where their deletion has ended, by one list for all', async () => {
    const failed = { error: { errors: [{ code: 'INTERNAL_ERROR' }] } };
    answers['GET operations'] = operationList([
      ...[deletion('2'), deletion('3', failed), deletion('4', { status: 'RUNNING' }), deletion('9')],
    ]);
    expect(await scan(known)).toEqual({ '1': 'running', '2': 'gone' });
    expect(await scan(known.slice(0, 2))).toEqual({ '1': 'running', '2': 'gone' });
    const types = filters().map((filter) => /^operationType="(.+)" AND creationTimestamp>="\d{4}-/.exec(filter)?.[1]);
    // Those that no deletion has ended may have been preempted.
    expect(types).toEqual(['delete', 'compute.instances.preempted', 'delete']);
  });

  test('a scan gives a preempted machine that it misses as gone where a read by id finds none, with the reason', async () => {
    ofType({ delete: [deletion('3')], 'compute.instances.preempted': [deletion('1'), deletion('2'), deletion('4')] });
    answers['GET instances/2'] = notFound('projects/p/zones/z/instances/2');
    answers['GET instances/4'] = ScriptedGoogle.refusal(503, 'backendError');
    const gone = { '2': 'gone: preempted: Google needed its capacity', '3': 'gone' };
    expect(await scan(known)).toEqual({ '1': 'running', ...gone });
  });

  test('a scan shows a machine that it misses as it is where its preemption only stopped it', async () => {
    ofType({ 'compute.instances.preempted': [deletion('2')] });
    answers['GET instances/2'] = { body: instance('2', { status: 'TERMINATED', statusMessage: 'stopped' }) };
    expect(await scan(known.slice(0, 2))).toEqual({ '1': 'running', '2': 'failed: stopped' });
  });

  test('a scan that misses no machine reads no operations', async () => {
    expect(await scan(known.slice(0, 1))).toEqual({ '1': 'running' });
    expect(filters()).toEqual([]);
  });

  test('a scan says nothing of the machines that it misses where the operations cannot be read', async () => {
    for (const answer of [ScriptedGoogle.refusal(503, 'backendError'), { body: { items: [deletion('2')] } }]) {
      answers['GET operations'] = answer;
      expect(await scan(known)).toEqual({ '1': 'running' });
    }
  });

  test('a scan that is not complete gives no machine as gone', async () => {
    answers['GET instances'] = instanceList([], { code: 'UNREACHABLE' });
    answers['GET operations'] = operationList([deletion('2')]);
    await expect(scan(known)).rejects.toMatchObject({ code: 'Unavailable' });
    expect(filters()).toEqual([]);
  });
});
