import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Client, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { wedgedActivities } from '../../../../activities/worker/wedged-lifecycles.js';
import { listWedgedLifecycles, recordWedgedAct } from '../../../../database/wedged-lifecycles.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { createNamespace } from '../../../../dev/testing/namespace.js';
import { temporalAddress } from '../../../../dev/testing/services.js';
import { WEDGED_ATTEMPTS } from '../../../../domain/wedged-lifecycles.js';
import { lifecycleId } from '../../../../temporal/ids.js';
import { failingTask } from '../../../../temporal/lifecycle-run.js';
import type { LifecycleStatus } from '../../../../temporal/messages.js';
import { mainTaskQueue, workflowTypes } from '../../../../temporal/names.js';
import { activityDeps, activityEnvironment, asActivity } from '../../../support/activities.js';
import { type EngineName, engines, launched, makePool, MINUTE, NOW, poolId } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';
import { recordedContext } from '../../../support/provider-context.js';
import { recordedLog, type RecordedLog } from '../../../support/recorded-log.js';
import { RecordingCloud } from '../../../support/recording-cloud.js';
import { recordingProvider } from '../../../support/recording-provider.js';
import { ScriptedActivities } from '../../../support/scripted-activities.js';
import { logErrorsOnly, type RunningWorkers, startWorkers } from '../../../support/time-skipping.js';

const taskQueue = mainTaskQueue('worker-manager');

const scripted = new ScriptedActivities();
let client: Client;
let connection: NativeConnection;
let workers: RunningWorkers;

/** Each wedged, in the order of the tests that use them up. */
const tokensOn = (engine: EngineName) => ['a', 'b', 'c', 'd'].map((letter) => `${letter}-${engine}`.toLowerCase());
const key = (token: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId: `${token}-0` });
const idOf = (token: string) => lifecycleId(key(token));
const runs = new Map<string, WorkflowHandleWithFirstExecutionRunId>();
const firstRun = (token: string) => client.workflow.getHandle(idOf(token), runs.get(token)!.firstExecutionRunId);

// The engine waits longer before each attempt: all are wedged side by side.
beforeAll(async () => {
  logErrorsOnly();
  let namespace: string;
  ({ client, namespace } = await createNamespace(temporalAddress()));
  connection = await NativeConnection.connect({ address: temporalAddress() });
  workers = await startWorkers({ nativeConnection: connection, namespace }, scripted, {
    taskQueue,
    providerIds: ['aws'],
  });
  const tokens = engines.flatMap(tokensOn);
  for (const token of tokens) {
    const start = { taskQueue, workflowId: idOf(token), args: [null] };
    runs.set(token, await client.workflow.start(workflowTypes.workerLifecycle, start));
  }
  const isWedged = async (token: string) => (await failingTask(client, key(token)))!.attempts >= WEDGED_ATTEMPTS;
  for (const token of tokens) await eventually(() => isWedged(token), { withinMs: 180_000, what: 'a wedged one' });
}, 200_000);
afterAll(async () => {
  await workers?.shutdown();
  await connection?.close();
  await client?.connection.close();
});

describe.each(engines)('replaceWedgedLifecycles on %s', (engine) => {
  const database = databaseFor(engine);
  const tokens = tokensOn(engine);
  let log: RecordedLog;
  let cloud: RecordingCloud;
  beforeEach(async () => {
    log = recordedLog();
    cloud = new RecordingCloud();
    scripted.reset();
    await makePool(database.db);
  });

  const deps = () => {
    const provider = recordingProvider(recordedContext({ providerId: 'aws' }), cloud, 'bulk');
    return activityDeps({ database, client, log: log.log, providers: { get: () => provider } });
  };
  const newSweep = () => {
    const activities = wedgedActivities(deps());
    return (nowMs: number) =>
      asActivity(
        () => activities.replaceWedgedLifecycles(),
        activityEnvironment({ currentAttemptScheduledTimestampMs: nowMs }),
      );
  };
  const actedBefore = (token: string, ...earlier: string[]) =>
    Promise.all(
      earlier.map((runId) =>
        recordWedgedAct(database.db, { ...key(token), runId, act: 'replace', at: NOW - 120 * MINUTE }),
      ),
    );

  test('replaceWedgedLifecycles shows many wedged ones, says so once, and ends none of them', async () => {
    for (const token of tokens) await launched(database.db, token, 1);
    const sweep = newSweep();
    await sweep(NOW);
    for (const minutes of [16, 21])
      expect(await sweep(NOW + minutes * MINUTE)).toEqual({ wedged: 4, acted: 0, failed: 0 });
    const listed = await listWedgedLifecycles(database.db);
    expect(listed.map(({ verdict, since }) => ({ verdict, since }))).toEqual(
      tokens.map(() => ({ verdict: 'held', since: NOW })),
    );
    expect(log.of('wedged-lifecycles-held')).toMatchObject([{ wedged: 4, lifecycles: 4 }]);
    expect(log.of('lifecycle-wedged')).toHaveLength(4);
    for (const token of tokens) expect((await firstRun(token).describe()).status.name).toBe('RUNNING');
  });

  test('replaceWedgedLifecycles replaces one by a lifecycle that goes on from its row, once it had time to heal', async () => {
    const [token] = tokens as [string];
    await launched(database.db, token, 1);
    const running = { state: 'running', registeredAt: NOW, secretGeneration: 1 } as const;
    await database.db.updateTable('workers').set(running).execute();
    const sweep = newSweep();
    expect(await sweep(NOW)).toEqual({ wedged: 1, acted: 0, failed: 0 });
    expect(await sweep(NOW + 10 * MINUTE)).toEqual({ wedged: 1, acted: 0, failed: 0 });
    expect(await sweep(NOW + 15 * MINUTE)).toEqual({ wedged: 1, acted: 1, failed: 0 });
    expect((await firstRun(token).describe()).status.name).toBe('TERMINATED');
    const next = client.workflow.getHandle(idOf(token));
    expect(await next.query<LifecycleStatus>('status')).toMatchObject({ state: 'running', stopReason: null });
    expect(log.of('wedged-lifecycle-act')).toMatchObject([{ workflowId: idOf(token), act: 'replace' }]);
    expect(await sweep(NOW + 20 * MINUTE)).toEqual({ wedged: 0, acted: 0, failed: 0 });
    expect(await listWedgedLifecycles(database.db)).toEqual([]);
  });

  test('replaceWedgedLifecycles replaces one that followed a wedged one by a lifecycle that removes the machine', async () => {
    const token = tokens[1]!;
    await launched(database.db, token, 1);
    await actedBefore(token, 'earlier');
    const sweep = newSweep();
    await sweep(NOW);
    expect(await sweep(NOW + 15 * MINUTE)).toEqual({ wedged: 1, acted: 1, failed: 0 });
    await eventually(async () => scripted.of('deleteResource').length > 0, { what: 'the removal' });
    expect(scripted.of('recordStopping')).toMatchObject([
      {
        args: [
          { workerId: key(token).workerId },
          { reason: 'its lifecycle failed again and again' },
          expect.any(Number),
        ],
      },
    ]);
    expect((await firstRun(token).describe()).status.name).toBe('TERMINATED');
    expect(log.of('wedged-lifecycle-act')).toMatchObject([{ act: 'end' }]);
  });

  test('replaceWedgedLifecycles deletes the machine of a third one, whose lifecycle stays its owner', async () => {
    const token = tokens[2]!;
    await launched(database.db, token, 1);
    await actedBefore(token, 'earlier', 'earlier still');
    const sweep = newSweep();
    await sweep(NOW);
    expect(await sweep(NOW + 15 * MINUTE)).toEqual({ wedged: 1, acted: 1, failed: 0 });
    expect(await sweep(NOW + 20 * MINUTE)).toEqual({ wedged: 1, acted: 1, failed: 0 });
    expect(cloud.calls).toMatchObject([
      { operation: 'remove', workerId: key(token).workerId },
      { operation: 'remove', workerId: key(token).workerId },
    ]);
    expect((await firstRun(token).describe()).status.name).toBe('RUNNING');
  });

  test('replaceWedgedLifecycles forgets one whose worker has stopped, and one whose provider is unknown fails alone', async () => {
    const token = tokens[3]!;
    await launched(database.db, token, 1);
    const withoutProvider = wedgedActivities({ ...deps(), providers: { get: () => undefined } as never });
    const sweepAt = (nowMs: number) =>
      asActivity(
        () => withoutProvider.replaceWedgedLifecycles(),
        activityEnvironment({ currentAttemptScheduledTimestampMs: nowMs }),
      );
    await sweepAt(NOW);
    for (const minutes of [15, 20])
      expect(await sweepAt(NOW + minutes * MINUTE)).toMatchObject({ acted: 0, failed: 1 });
    expect(log.of('wedged-lifecycle-act-failed')).toHaveLength(1);
    await database.db.updateTable('workers').set({ state: 'stopped' }).execute();
    expect(await sweepAt(NOW + 25 * MINUTE)).toEqual({ wedged: 0, acted: 0, failed: 0 });
    expect(await listWedgedLifecycles(database.db)).toEqual([]);
  });
});
