import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Context } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { withHeartbeat } from '../../../activities/support/heartbeat.js';
import { lifecycleStart } from '../../../temporal/lifecycle-start-options.js';
import type { LifecycleInput, LifecycleStatus } from '../../../temporal/messages.js';
import { workflowTypes } from '../../../temporal/names.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { ScriptedActivities } from '../../support/scripted-activities.js';
import { temporalAddress } from '../../../dev/testing/services.js';
import { type RunningWorkers, startWorkers } from '../../support/time-skipping.js';

/**
 * An attempt that fails after its activity's cancellation was requested ends the activity as failed, not as cancelled.
 * The time-skipping server loses such an activity, so this is shown on the real one.
 */

const scripted = new ScriptedActivities();
const taskQueue = `cancelled-${randomUUID()}`;
let connection: Connection;
let nativeConnection: NativeConnection;
let workers: RunningWorkers;
beforeAll(async () => {
  const address = temporalAddress();
  connection = await Connection.connect({ address });
  nativeConnection = await NativeConnection.connect({ address });
  workers = await startWorkers({ nativeConnection, namespace: 'default' }, scripted, { taskQueue });
});
afterAll(async () => {
  await workers.shutdown();
  await nativeConnection.close();
  await connection.close();
});

async function start(creationSteps: string[]) {
  const now = Date.now();
  const input: LifecycleInput = {
    ...{ workerPoolId: 'proj/pool', workerGroup: 'here', workerId: randomUUID(), providerId: 'cloud' },
    ...{ launchConfigId: 'lc', launchToken: 'token', capacity: 1, creationSteps, removalSteps: ['vm', 'nic'] },
    timing: { registrationMs: 1_800_000, reregistrationMs: 345_600_000, queueInactivityMs: 7_200_000 },
    location: { account: 'account', region: 'here', group: null },
    registrationDeadline: now + 1_800_000,
  };
  const options = { ...lifecycleStart(input, 'test'), taskQueue };
  const handle = await new Client({ connection }).workflow.start(workflowTypes.workerLifecycle, options);
  const isCancelling = async () =>
    (await handle.fetchHistory()).events?.some((event) => event.activityTaskCancelRequestedEventAttributes);
  const observed = (state: string, resources: Record<string, string>) =>
    handle.signal('observed', { state, reason: null, at: now, resources, removing: true });
  const status = () => handle.query<LifecycleStatus>('status');
  const remove = () => handle.executeUpdate('remove', { args: [{ reason: 'by an operator' }] });
  return { handle, isCancelling, observed, status, remove };
}

function held() {
  let fail = () => {};
  const failure = new Promise<never>((_, reject) => {
    fail = () => reject(new Error('no answer'));
  });
  failure.catch(() => undefined);
  return { failure, fail };
}

test('a removal does not end its lifecycle when its call fails after another step has overtaken it', async () => {
  scripted.reset();
  const removed = () => scripted.of('deleteResource').map(({ args }) => args[1]);
  const call = held();
  scripted.on('deleteResource', async (_machine, step) => {
    if (step === 'nic') await call.failure;
  });
  const { handle, isCancelling, observed, status, remove } = await start(['nic', 'vm']);
  await eventually(async () => (await status()).phase === 'awaiting registration');
  await remove();
  await observed('stopping', { nic: 'running' });
  await eventually(() => removed().at(-1) === 'nic');
  await observed('stopping', { vm: 'running', nic: 'running' });
  await eventually(isCancelling);
  call.fail();
  await eventually(() => removed().at(-1) === 'vm' && removed().length === 3);
  expect((await handle.describe()).status.name).toBe('RUNNING');
  await observed('gone', { vm: 'gone', nic: 'gone' });
  await eventually(async () => (await handle.describe()).status.name === 'COMPLETED');
});

test('a removal is answered when the call that creates the machine fails after its cancellation', async () => {
  scripted.reset();
  const call = held();
  scripted.on('submitResource', () => call.failure);
  const { handle, isCancelling, observed, status, remove } = await start(['nic', 'vm']);
  await eventually(() => scripted.of('submitResource').length === 1);
  const removal = remove();
  await eventually(isCancelling);
  call.fail();
  await removal;
  expect(await status()).toMatchObject({ state: 'stopping', stopReason: 'by an operator' });
  await observed('gone', { vm: 'gone', nic: 'gone' });
  await eventually(async () => (await handle.describe()).status.name === 'COMPLETED');
});

test('what a failed attempt leaves in its last heartbeat reaches the next attempt, though another heartbeat came just before', async () => {
  scripted.reset();
  const left: unknown[] = [];
  scripted.on('deleteResource', () =>
    withHeartbeat(async () => {
      const { info } = Context.current();
      left.push(info.heartbeatDetails ?? null);
      Context.current().heartbeat({ attempts: info.attempt });
      if (info.attempt < 3) throw new Error('put off');
    }),
  );
  const { handle, observed, status, remove } = await start([]);
  await eventually(async () => (await status()).phase === 'awaiting registration');
  await remove();
  await eventually(() => left.length === 3);
  expect(left).toEqual([null, { attempts: 1 }, { attempts: 2 }]);
  await observed('gone', { vm: 'gone', nic: 'gone' });
  await eventually(async () => (await handle.describe()).status.name === 'COMPLETED');
});
