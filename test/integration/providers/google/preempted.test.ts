import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SimulatedGoogle } from '../../../../dev/testing/simulated-google.js';
import { startSimulator, type SimulatorHandle } from '../../../../dev/testing/simulator.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { ids } from '../../../support/provider-contract/bulk.js';
import { googleAt, newGoogleSpec } from '../../../support/google-harness.js';

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
