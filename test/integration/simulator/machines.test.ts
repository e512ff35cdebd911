import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../../dev/testing/eventually.js';
import { startSimulator, type Machine, type SimulatorHandle } from '../../../dev/testing/simulator.js';
import { launch, workerPoolId } from './machines.js';
import { WorkerManagerStandIn } from './worker-manager-stand-in.js';

const IDLE_MS = 300;
let simulator: SimulatorHandle;
let workerManager: WorkerManagerStandIn;

beforeAll(async () => {
  simulator = await startSimulator({
    bootMs: 100,
    listDelayMs: 0,
    shutdownMs: 50,
    taskMs: 100,
    idleMs: IDLE_MS,
    idleLimitMs: 60_000,
    claimTimeoutMs: 200,
  });
});
afterAll(() => simulator.stop());

beforeEach(async () => {
  await simulator.reset();
  workerManager?.close();
  workerManager = new WorkerManagerStandIn(await simulator.identityCertificates());
  await simulator.setApi(await workerManager.listen());
});
afterAll(() => workerManager.close());

const find = async (instanceId: string): Promise<Machine | undefined> =>
  (await simulator.machines()).find((machine) => machine.instanceId === instanceId);

const inState = (instanceId: string, state: Machine['state']): Promise<Machine> =>
  eventually(async () => {
    const machine = await find(instanceId);
    return machine?.state === state && machine;
  });

const registered = (instanceId: string): Promise<boolean> =>
  eventually(async () => (await find(instanceId))?.registered === true);

const firstOf = (ids: string[]): string => ids[0] ?? '';

describe('a machine', () => {
  test('a machine registers after its boot with a document that its region’s certificate verifies', async () => {
    const id = firstOf(await launch(simulator, 1));
    await registered(id);
    expect(workerManager.calls('/worker/register')).toMatchObject([
      { genuine: true, body: { workerPoolId, providerId: 'aws', workerGroup: 'us-east-1', workerId: id } },
    ]);
  });

  test('a machine calls again after a server error and gives up after a refusal', async () => {
    workerManager.refusals.push(503, 404);
    const id = firstOf(await launch(simulator, 1));
    await inState(id, 'terminated');
    expect(workerManager.calls('/worker/register')).toHaveLength(2);
  });

  test('a machine calls again while the API is down', async () => {
    await simulator.setApi(null);
    const id = firstOf(await launch(simulator, 1));
    await eventually(async () => (await simulator.state()).calls['api registerWorker']?.['502']);
    await simulator.setApi(workerManager.url);
    await registered(id);
  });

  test('a machine claims tasks as its capacity allows and finishes them', async () => {
    workerManager.workerConfig = { capacity: 4 };
    await simulator.addTasks(workerPoolId, 5, 0.2);
    await launch(simulator, 1);
    await eventually(async () => (await simulator.state()).pools[workerPoolId]?.claimedTasks === 4);
    await eventually(async () => (await simulator.state()).pools[workerPoolId]?.completedTasks === 5);
  });

  test('a machine renews its credentials before they expire, each time with the latest secret', async () => {
    workerManager.lifetimeMs = 400;
    await launch(simulator, 1);
    const calls = await eventually(() => {
      const created = workerManager.calls('/worker/reregister');
      return created.length >= 2 && created;
    });
    expect(calls[0]).toMatchObject({ genuine: true, body: { secret: 'secret-number-1' } });
    expect(calls[1]).toMatchObject({ genuine: true, body: { secret: 'secret-number-2' } });
  });

  test('a machine asks whether it should terminate when idle, with the credentials it was given, and stays where the answer is no', async () => {
    const id = firstOf(await launch(simulator, 1));
    await eventually(() => workerManager.calls('/should-terminate').length >= 2);
    expect(workerManager.calls('/should-terminate')[0]).toMatchObject({ method: 'GET', genuine: true });
    expect(await find(id)).toMatchObject({ state: 'running' });
  });

  test('a machine shuts itself down when it should terminate, and a spot machine is terminated by that', async () => {
    workerManager.terminate = true;
    const id = firstOf(await launch(simulator, 1));
    expect(await inState(id, 'terminated')).toMatchObject({ stateReason: 'Client.InstanceInitiatedShutdown' });
  });

  test('a machine on demand is only stopped by its own shutdown, unless its launch says terminate', async () => {
    workerManager.terminate = true;
    const onDemand = { InstanceMarketOptions: undefined };
    const kept = firstOf(await launch(simulator, 1, onDemand));
    const gone = firstOf(await launch(simulator, 1, { ...onDemand, InstanceInitiatedShutdownBehavior: 'terminate' }));
    expect(await inState(kept, 'stopped')).toMatchObject({ stateReason: 'Client.InstanceInitiatedShutdown' });
    expect(await inState(gone, 'terminated')).toMatchObject({ stateReason: 'Client.InstanceInitiatedShutdown' });
  });

  test('a machine that the cloud kills loses its tasks, and they are pending again after the claim’s timeout', async () => {
    await simulator.addTasks(workerPoolId, 1, 60);
    const id = firstOf(await launch(simulator, 1));
    await eventually(async () => (await simulator.state()).pools[workerPoolId]?.claimedTasks === 1);
    await simulator.killMachine(id);
    expect(await find(id)).toMatchObject({ state: 'terminated', stateReason: 'Server.SpotInstanceTermination' });
    await eventually(async () => (await simulator.state()).pools[workerPoolId]?.pendingTasks === 1);
  });

  test('a machine that hangs runs on, finishes no task and claims none, and its claim expires', async () => {
    await simulator.addTasks(workerPoolId, 1, 60);
    const id = firstOf(await launch(simulator, 1));
    await eventually(async () => (await simulator.state()).pools[workerPoolId]?.claimedTasks === 1);
    await simulator.act(id, 'hang');
    await eventually(async () => (await simulator.state()).pools[workerPoolId]?.pendingTasks === 1);
    expect(await find(id)).toMatchObject({ state: 'running' });
    expect((await simulator.state()).pools[workerPoolId]).toMatchObject({ pendingTasks: 1, claimedTasks: 0 });
  });

  test('a machine leaves claims that linger as long as a control says', async () => {
    await simulator.setQueue({ claimTimeoutMs: 1_200_000 });
    await simulator.addTasks(workerPoolId, 1, 60);
    const id = firstOf(await launch(simulator, 1));
    await eventually(async () => (await simulator.state()).pools[workerPoolId]?.claimedTasks === 1);
    await simulator.killMachine(id);
    await eventually(async () => (await find(id))?.state === 'terminated');
    expect((await simulator.state()).pools[workerPoolId]).toMatchObject({ pendingTasks: 0, claimedTasks: 1 });
  });

  test('a machine that vanishes is unknown to the cloud', async () => {
    const id = firstOf(await launch(simulator, 1));
    await simulator.killMachine(id, { vanish: true });
    expect(await find(id)).toBeUndefined();
  });

  test('a machine does at once what a control says', async () => {
    const id = firstOf(await launch(simulator, 1));
    await registered(id);
    await simulator.act(id, 'register');
    await simulator.act(id, 'reregister');
    expect(await simulator.act(id, 'should-terminate')).toEqual({ terminate: false });
    await simulator.act(id, 'remove');
    expect(workerManager.seen.map((call) => [call.method, call.genuine])).toEqual(
      expect.arrayContaining([['DELETE', true]]),
    );
    await simulator.act(id, 'shut-down');
    await inState(id, 'terminated');
  });

  test('a machine without a worker manager in its user data does nothing', async () => {
    const id = firstOf(await launch(simulator, 1, { UserData: Buffer.from('#!/bin/sh').toString('base64') }));
    await eventually(() => simulator.log().some((line) => line.operation === 'no worker manager'));
    expect(await find(id)).toMatchObject({ state: 'running', registered: false });
  });
});
