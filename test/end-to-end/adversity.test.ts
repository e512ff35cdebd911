import { beforeAll, expect, test } from '@jest/globals';
import { EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { cronScheduleId, provisionId } from '../../temporal/ids.js';
import { awsPool } from '../../dev/testing/api-client.js';
import { checkEvidence } from '../support/evidence.js';
import { expectAllStopped, endPool, machinesOf, removeAll, restart, expectSettled } from '../support/pool-steps.js';
import type { LogLine } from '../../dev/testing/simulator.js';
import { suiteOf } from '../support/suite.js';

/** Misfortunes that meet, and things that operators do at the wrong moment. */

const GRACE_SECONDS = 10;
/** What docker-compose.yml gives a process beyond its grace before it kills it. */
const STOP_MS = (GRACE_SECONDS + 15) * 1_000;
const { system, newPool } = suiteOf('adverse/pool', {
  simulator: { taskMs: 500 },
  config: { shutdownGraceSeconds: GRACE_SECONDS },
});
let foreign: string;
beforeAll(async () => {
  foreign = await launchForeignMachine();
});

const fault = (mode: 'refuse' | 'hold-request' | 'hold-answer' | 'lose-answer', more = {}) =>
  system().simulator.addFault({ operation: 'RunInstances', mode, ...more });

/** Of another deployment in the same account, which claims to be of one of our pools. */
async function launchForeignMachine(): Promise<string> {
  const client = new EC2Client({
    region: 'us-east-1',
    endpoint: system().simulator.ec2Endpoint,
    credentials: { accessKeyId: 'another', secretAccessKey: 'another' },
  });
  const Tags = [
    { Key: 'WorkerPoolId', Value: 'adverse/pool-1' },
    { Key: 'worker-manager-deployment', Value: 'another' },
  ];
  const { Instances } = await client.send(
    new RunInstancesCommand({
      ImageId: 'ami-12345678',
      MinCount: 1,
      MaxCount: 1,
      TagSpecifications: [{ ResourceType: 'instance', Tags }],
    }),
  );
  client.destroy();
  return Instances?.[0]?.InstanceId ?? '';
}

test('a launch whose answer is lost, and that finds no capacity when repeated, creates the wanted machines once', async () => {
  const pool = newPool();
  await fault('lose-answer');
  await fault('refuse', { code: 'InsufficientInstanceCapacity', times: 2 });
  await system().api.createPool(pool, awsPool({ minCapacity: 3 }));
  await system().waitFor(async () => (await system().api.counts(pool)).running === 3, 'three running workers');
  const ours = (await machinesOf(system(), pool)).filter(({ instanceId }) => instanceId !== foreign);
  expect(ours).toHaveLength(3);
  await checkEvidence(system());
  await system().api.updatePool(pool, awsPool({ maxCapacity: 0 }));
  await removeAll(system(), pool);
  await system().waitFor(async () => (await system().api.counts(pool)).stopped === 3, 'three stopped workers');
});

test('a launch config that is edited between two attempts does not change the launch', async () => {
  const pool = newPool();
  const held = await fault('hold-request');
  await system().api.createPool(pool, awsPool({ minCapacity: 2 }));
  await system().simulator.faultHit(held.id);
  await system().kill9('worker');
  const edited = awsPool({ minCapacity: 2, instanceTypes: ['c5.large'] });
  await system().api.updatePool(pool, { ...edited, owner: 'another@example.com' });
  await system().simulator.releaseFault(held.id, 'drop');
  await system().start('worker');
  // The launch config of the pool is another one now, and replaces what the launch makes.
  const typesOf = (lines: readonly LogLine[]) => lines.map(({ instanceType }) => String(instanceType)).toSorted();
  const launches = () =>
    system()
      .simulator.log()
      .filter(
        ({ operation, created, tags }) => operation === 'RunInstances' && created && tags?.['WorkerPoolId'] === pool,
      );
  await system().waitFor(() => launches().length === 2, 'the launch and its replacement');
  await expectSettled(system(), pool, 4);
  expect(typesOf(launches())).toEqual(['c5.large', 'm5.large']);
  const lost = system()
    .simulator.log()
    .findLast(({ operation, outcome }) => operation === 'RunInstances' && outcome === 'request lost');
  const repeated = launches().find(({ instanceType }) => instanceType === 'm5.large');
  expect(repeated).toMatchObject({ clientToken: lost!.clientToken, parametersHash: lost!.parametersHash });
  await endPool(system(), pool);
});

test('a pool deleted while a launch is open still owns what the launch created, and goes when that has gone', async () => {
  const pool = newPool();
  const held = await fault('hold-answer');
  await system().api.createPool(pool, awsPool({ minCapacity: 2 }));
  await system().simulator.faultHit(held.id);
  await system().api.deletePool(pool);
  await restart(system(), 'worker');
  await system().simulator.releaseFault(held.id, 'drop');
  await expectSettled(system(), pool, 2);
  await removeAll(system(), pool);
  await expectAllStopped(system(), pool);
});

test('five triggers during a reconciliation give one more reconciliation', async () => {
  const pool = newPool();
  const held = await fault('hold-answer');
  await system().api.createPool(pool, awsPool({ minCapacity: 2 }));
  await system().simulator.faultHit(held.id);
  const reconciliation = await system().temporal.workflow.getHandle(provisionId(pool)).describe();
  for (let requested = 0; requested < 5; requested += 1)
    await system().api.updatePool(pool, awsPool({ minCapacity: 2 }));
  await system().simulator.releaseFault(held.id);
  await expectSettled(system(), pool, 2);
  const run = system().temporal.workflow.getHandle(provisionId(pool), reconciliation.runId);
  await run.result();
  const { events = [] } = await run.fetchHistory();
  const reconciled = (events ?? []).filter(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'concludeReconciliation',
  );
  expect(reconciled).toHaveLength(2);
  await endPool(system(), pool);
});

test('a pool whose schedule is paused launches nothing for its tasks, and goes on when the pause ends', async () => {
  const pool = newPool();
  await system().api.createPool(pool, awsPool({ maxCapacity: 5 }));
  const schedule = system().temporal.schedule.getHandle(cronScheduleId(pool));
  await schedule.pause('for a test');
  await system().simulator.addTasks(pool, 5, 60);
  const isHeld = async () =>
    JSON.stringify((await system().api.decisions(pool))[0] ?? null).includes('its cron Schedule is paused');
  await system().waitFor(isHeld, 'a decision that says so');
  await restart(system(), 'worker');
  await system().waitFor(isHeld, 'a decision that says so, after a restart');
  expect(await system().api.workers(pool)).toEqual([]);
  await schedule.unpause();
  // Of two requests that meet, Temporal's scheduler keeps the second alone: the pause would go on.
  const isUnpaused = async () => !(await schedule.describe()).state.paused;
  await system().waitFor(isUnpaused, 'the end of the pause');
  // Its next run, without the wait for it.
  await schedule.trigger();
  await expectSettled(system(), pool, 5);
  await endPool(system(), pool);
});

test('SIGTERM in the middle of a burst ends both processes with 0 in time, and the burst goes on after it', async () => {
  const pool = newPool();
  await system().api.createPool(pool, awsPool({ maxCapacity: 40 }));
  const held = await fault('hold-answer');
  await system().simulator.addTasks(pool, 40, 0.2);
  await system().simulator.faultHit(held.id);
  const begun = Date.now();
  const ended = [system().sigterm('worker'), system().sigterm('api')];
  await system().simulator.releaseFault(held.id);
  expect(await Promise.all(ended)).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
  expect(Date.now() - begun).toBeLessThan(STOP_MS);
  await system().start();
  await system().waitFor(
    async () => (await system().simulator.state()).pools[pool]?.completedTasks === 40,
    'the end of all tasks',
  );
  await endPool(system(), pool);
});

test('SIGTERM while the cloud gives no answer at all still ends the process with 0', async () => {
  const pool = newPool();
  const held = await fault('hold-answer');
  await system().api.createPool(pool, awsPool({ minCapacity: 2 }));
  await system().simulator.faultHit(held.id);
  const begun = Date.now();
  expect(await system().sigterm('worker')).toEqual({ code: 0, signal: null });
  expect(Date.now() - begun).toBeLessThan(STOP_MS);
  await system().start('worker');
  await system().simulator.releaseFault(held.id, 'drop');
  await expectSettled(system(), pool, 2);
  await endPool(system(), pool);
});

test('no launch under adversity is doubled, all end, and the machine of another deployment is untouched', async () => {
  await checkEvidence(system(), { ended: true });
  const machine = (await system().simulator.machines()).find(({ instanceId }) => instanceId === foreign);
  expect(machine?.state).toBe('running');
});
