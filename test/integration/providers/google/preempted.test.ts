import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SimulatedGoogle } from '../../../../dev/testing/simulated-google.js';
import { startSimulator, type SimulatorHandle } from '../../../../dev/testing/simulator.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { ids } from '../../../support/provider-contract/bulk.js';
import { googleAt, newGoogleSpec } from '../../../support/google-harness.js';
import { recordedContext } from '../../../support/provider-context.js';
import type { Observation } from '../../../../providers/provider.js';

let simulator: SimulatorHandle;
beforeAll(async () => {
  simulator = await startSimulator({ machines: 'off', googleInsertMs: 200, googleDeleteMs: 100, googleStopMs: 100 });
});
afterAll(() => simulator.stop());

test('a machine preempted between the end of its creation and the list is given with its siblings, and its end explained', async () => {
  const { provider, launching } = await googleAt(simulator);
  const list = await simulator.addFault({ operation: 'instances.list', mode: 'hold-request' });
  const launched = launching.submit(launching.prepare(newGoogleSpec({ count: 3 })));
  await simulator.faultHit(list.id);
  const [preempted] = await simulator.machines();
  await simulator.killMachine(preempted!.instanceId);
  const google = new SimulatedGoogle(simulator);
  await eventually(async () => (await google.state()).instances.length === 2);
  await simulator.releaseFault(list.id);
  const { machines, shortfall } = await launched;
  expect(machines).toHaveLength(3);
  expect(ids(machines)).toContain(preempted!.instanceId);
  expect(shortfall).toEqual([]);
  const machine = machines.find(({ workerId }) => workerId === preempted!.instanceId)!;
  expect(await provider.machines!.get(machine)).toMatchObject({ state: 'gone' });
  expect(await provider.machines!.explain!(machine)).toMatch(/^preempted/);
});

test('a machine whose labels somebody has taken away is not taken for gone, nor where it was preempted, and can be removed', async () => {
  const { provider, launching } = await googleAt(simulator);
  const machines = provider.machines!;
  const google = new SimulatedGoogle(simulator);
  // Without a word about its termination Google stops it.
  const spec = newGoogleSpec();
  const configuration = { ...spec.configuration, scheduling: { provisioningModel: 'SPOT' } };
  const { machines: launched } = await launching.submit(launching.prepare({ ...spec, configuration }));
  const machine = launched[0]!;
  const observe = async () => {
    const seen: Observation[] = [];
    for await (const page of machines.observe([machine.location], [machine])) seen.push(...page);
    return seen.find(({ workerId }) => workerId === machine.workerId);
  };
  await google.takeLabels(machine.workerId);
  expect(await observe()).toBeUndefined();
  expect(await machines.get(machine)).toMatchObject({ launchToken: null, workerPoolId: null });
  await simulator.killMachine(machine.workerId);
  // Its preemption has ended, and it costs its disks.
  await eventually(async () => (await observe())?.state === 'failed');
  await machines.deleteResource(machine, machines.removalSteps[0]!);
  await eventually(async () => (await observe())?.state === 'gone');
  expect((await google.state()).instances.map(({ id }) => id)).not.toContain(machine.workerId);
});

test('a removal of a machine that Google deletes already is put off, and pauses no other removal', async () => {
  const context = recordedContext();
  const { provider, launching } = await googleAt(simulator, {}, context);
  const { machines: launched } = await launching.submit(launching.prepare(newGoogleSpec()));
  const machine = launched[0]!;
  const google = new SimulatedGoogle(simulator);
  const stuck = await simulator.addFault({ operation: 'instances.delete', mode: 'stick-operation' });
  await provider.machines!.deleteResource(machine, 'instance');
  await simulator.faultHit(stuck.id);
  // By another request than ours, as an hour later.
  await expect(
    provider.machines!.deleteResource({ ...machine, workerId: await nameOf(google, machine.workerId) }, 'instance'),
  ).rejects.toMatchObject({ code: 'Unavailable', retryAfterMs: 30_000 });
  expect(context.quotaUpdates).toEqual([]);
  await simulator.releaseFault(stuck.id);
});

/** Google takes a name for the number, and our request id is of what we name. */
const nameOf = async (google: SimulatedGoogle, id: string): Promise<string> =>
  (await google.state()).instances.find((instance) => instance.id === id)!.name;
