import { expect, test } from '@jest/globals';
import { rows, verdictOn, type VmView } from '../../../../providers/azure/model/states.js';

const view = (
  provisioningState: string | null,
  codes: readonly string[] | null,
  ignoredFailures: readonly string[] = [],
): VmView => ({
  provisioningState,
  statuses: codes?.map((code) => ({ code, message: null })) ?? null,
  ignoredFailures,
  isSpot: false,
});
const timedOut = 'ProvisioningState/failed/OSProvisioningTimedOut';

/**
 * Each of docs/taskcluster-compatibility.md#azure-states, and the states of a bulk list that a get by name has no row
 * for.
 */
const cases: readonly (readonly [string, VmView, string, string | null])[] = [
  ['is being deleted', view('Deleting', ['ProvisioningState/deleting', 'PowerState/stopping']), 'stopping', null],
  ...['stopping', 'stopped', 'deallocating', 'deallocated'].map(
    (power) =>
      [
        'is stopped or deallocated, or on its way there',
        view('Succeeded', ['ProvisioningState/succeeded', `PowerState/${power}`]),
        'failed',
        `the VM is ${power}`,
      ] as const,
  ),
  ...['deallocating', 'deallocated'].map(
    (power) =>
      [
        'is evicted',
        { ...view('Succeeded', [`PowerState/${power}`]), isSpot: true },
        'failed',
        `preempted: the Spot VM is ${power}`,
      ] as const,
  ),
  [
    'failed to provision in a way that the pool ignores',
    view('Failed', [timedOut], ['OSProvisioningTimedOut']),
    'running',
    null,
  ],
  ['failed to provision, but runs', view('Failed', [timedOut, 'PowerState/running']), 'running', null],
  ['failed to provision and does not run', view('Failed', [timedOut]), 'failed', 'OSProvisioningTimedOut'],
  ['is not viewed, and its resource failed', view('Failed', null), 'failed', 'the VM has provisioning state Failed'],
  [
    'is not viewed, and its resource failed',
    view('Canceled', null),
    'failed',
    'the VM has provisioning state Canceled',
  ],
  ['is being created', view('Creating', ['ProvisioningState/creating']), 'pending', null],
  ['is being created', view('Updating', ['ProvisioningState/updating', 'PowerState/running']), 'pending', null],
  ['exists', view('Succeeded', ['ProvisioningState/succeeded', 'PowerState/running']), 'running', null],
  ['exists', view('Succeeded', ['ProvisioningState/succeeded', 'PowerState/starting']), 'running', null],
  ['exists', view('Succeeded', null), 'running', null],
  ['exists', view(null, []), 'running', null],
  ['exists', view('Unheard', ['OSState/generalized']), 'running', null],
];

test.each(cases)('a VM that %s: %j is %s', (name, seen, state, reason) => {
  expect(rows.find(({ holds }) => holds(seen))?.name).toBe(name);
  expect(verdictOn(seen)).toEqual({ state, reason });
});

test('every row of the table of states has a case', () => {
  expect(new Set(cases.map(([name]) => name))).toEqual(new Set(rows.map(({ name }) => name)));
});

test('only failures that are not ignored count among several', () => {
  const both = [timedOut, 'ProvisioningState/failed/VMAgentStatusCommunicationError'];
  expect(verdictOn(view('Failed', both, ['OSProvisioningTimedOut']))).toMatchObject({ state: 'failed' });
  expect(verdictOn(view('Failed', ['ProvisioningState/failed']))).toMatchObject({
    state: 'failed',
    reason: 'the VM failed to provision',
  });
});
