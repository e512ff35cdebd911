import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { sql } from 'kysely';
import { OrphanActs } from '../../../activities/orphans/acts.js';
import { recordedBefore } from '../../../activities/pool/launch-record.js';
import { orphanActivities } from '../../../activities/orphans/sweep-orphans.js';
import { createNamespace } from '../../../dev/testing/namespace.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { temporalAddress } from '../../../dev/testing/services.js';
import type { KnownLaunch, Orphan } from '../../../domain/orphans.js';
import { getWorker } from '../../../database/workers.js';
import { getLaunch, recordLaunchedWorkers } from '../../../database/launches.js';
import { removalsOf } from '../../../database/orphans.js';
import { poolSnapshot } from '../../../database/pool-snapshot.js';
import { lifecycleId } from '../../../temporal/ids.js';
import { lifecycleStart } from '../../../temporal/lifecycle-start-options.js';
import type { LifecycleInput, OrphanSweepRequest } from '../../../temporal/messages.js';
import { workflowTypes } from '../../../temporal/names.js';
import { openLifecycles } from '../../../temporal/namespace.js';
import { activityDeps, activityEnvironment, asActivity } from '../../support/activities.js';
import {
  DAY,
  engines,
  finish,
  MINUTE,
  machines,
  makePool,
  NOW,
  newIntent,
  poolId,
  reserve,
  times,
} from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';
import { recordedContext } from '../../support/provider-context.js';
import { recordedLog, type RecordedLog } from '../../support/recorded-log.js';
import { RecordingCloud } from '../../support/recording-cloud.js';
import { recordingProvider } from '../../support/recording-provider.js';
import { ScriptedActivities } from '../../support/scripted-activities.js';
import { type RunningWorkers, startWorkers } from '../../support/time-skipping.js';

const scheduled: OrphanSweepRequest = { isDryRun: false, confirmed: null, clientId: null };

describe.each(engines)('sweepOrphans on %s', (engine) => {
  const database = databaseFor(engine);
  let client: Client;
  let namespace: string;
  let cloud: RecordingCloud;
  let log: RecordedLog;
  let runs = 0;
  beforeAll(async () => {
    ({ client, namespace } = await createNamespace(temporalAddress()));
  }, 60_000);
  afterAll(() => client?.connection.close());
  beforeEach(async () => {
    cloud = new RecordingCloud();
    log = recordedLog();
    await makePool(database.db, { config: { minCapacity: 1, maxCapacity: 1 } });
  });

  // The next test has no rows of theirs. The engine's list is late: it may show one only after another has ended.
  afterEach(async () => {
    const terminate = (id: string) =>
      client.workflow
        .getHandle(id)
        .terminate()
        .catch((error: unknown) => {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        });
    await eventually(async () => {
      const { ids } = await openLifecycles(client, () => false);
      for (const id of ids) await terminate(id);
      return ids.size === 0;
    });
  });

  const deps = () => {
    const provider = recordingProvider(recordedContext({ providerId: 'aws' }), cloud, 'bulk');
    const withoutMachines = { ...provider, providerId: 'static', launching: null, machines: null };
    return activityDeps({
      ...{ database, client, log: log.log },
      providers: {
        get: (providerId) => [provider, withoutMachines].find((one) => one.providerId === providerId),
        list: () => [provider, withoutMachines],
      },
      triggers: { requestReconcileSoon: () => {} },
    });
  };
  const environmentAt = (nowMs: number, runId = `run-${(runs += 1)}`) =>
    activityEnvironment({
      currentAttemptScheduledTimestampMs: nowMs,
      workflowExecution: { workflowId: 'sweep', runId },
    });
  const sweepAt = (nowMs: number, request: Partial<OrphanSweepRequest> = {}, runId?: string) =>
    asActivity(() => orphanActivities(deps()).sweepOrphans({ ...scheduled, ...request }), environmentAt(nowMs, runId));
  const key = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });

  /** Machines of a launch that has ended, none of which has a row. */
  async function rowless(token: string, count: number) {
    const launched = machines(count, `${token}-${engine}`.toLowerCase());
    await reserve(database.db, [newIntent(token, count)]);
    await recordLaunchedWorkers(database.db, token, [], times);
    await finish(database.db, [token], NOW);
    const { deploymentId } = recordedContext();
    for (const machine of launched) {
      const resources = new Map([['machine', 'running'] as const]);
      cloud.add({ machine, launchToken: token, workerPoolId: poolId, deploymentId, resources });
    }
    return launched;
  }
  const orphanOf = ({ workerGroup, workerId, location }: ReturnType<typeof machines>[number]): Orphan => ({
    thing: {
      ...{ providerId: 'aws', thingId: `${workerGroup}/${workerId}`, workerGroup, workerId, location },
      ...{ steps: ['machine'], resourceIds: [], isMachine: true, launchToken: 't', isOurs: true },
    },
    launch: { token: 't', workerPoolId: poolId } as KnownLaunch,
    ...{ row: null, since: NOW, firstSeen: NOW, isProven: true, verdict: 'adopt' },
  });
  const adopt = (machine: ReturnType<typeof machines>[number]) =>
    asActivity(
      () => new OrphanActs(deps()).adopt(orphanOf(machine), { runId: 'run', workflowId: 'sweep' }),
      environmentAt(NOW + MINUTE),
    );

  test('sweepOrphans writes of a machine that nobody wants that it is stopping before anybody starts its lifecycle', async () => {
    // One is wanted.
    const [, unwanted] = await rowless('t', 2);
    await sweepAt(NOW + 6 * MINUTE);
    expect(await sweepAt(NOW + 12 * MINUTE)).toMatchObject({ adopted: 1, removed: 1, failed: 0 });
    expect(await getWorker(database.db, key(unwanted!.workerId))).toMatchObject({
      ...{ state: 'stopping', stopReason: 'found without an owner', launchToken: 't' },
    });
    const launch = await getLaunch(database.db, 't');
    // Of the one that was adopted. The reconciliation begins each from its row.
    expect(launch).toMatchObject({ status: 'fulfilled' });
    expect(await recordedBefore(deps(), launch!)).toMatchObject({ launched: 2, group: null });
  });

  test('sweepOrphans that is repeated after a crash removes no more than was confirmed', async () => {
    await sql`update worker_pools set config = '{"minCapacity": 0, "maxCapacity": 0}'`.execute(database.db);
    await rowless('t', 3);
    await sweepAt(NOW + 6 * MINUTE);
    expect(await sweepAt(NOW + 12 * MINUTE, { confirmed: 2 }, 'confirmed')).toMatchObject({ removed: 2 });
    expect(await removalsOf(database.db, 'confirmed')).toBe(2);
    expect(await sweepAt(NOW + 12 * MINUTE, { confirmed: 2 }, 'confirmed')).toMatchObject({ removed: 0, orphans: 1 });
    expect(await sweepAt(NOW + 18 * MINUTE)).toMatchObject({ removed: 1 });
  });

  test('an adoption takes the room of its pool, and a reservation of an earlier assessment takes none', async () => {
    const [machine] = await rowless('t', 1);
    const before = (await poolSnapshot(database.db, poolId, NOW))!;
    expect(await adopt(machine!)).toBe(true);
    expect(await getWorker(database.db, key(machine!.workerId))).toMatchObject({ state: 'requested' });
    const after = (await poolSnapshot(database.db, poolId, NOW))!;
    expect(after.lastAdoption).toBeGreaterThan(before.lastAdoption);
    expect(after.requestedCapacity).toBe(before.requestedCapacity + 1);
  });

  test('an adoption takes no room that its pool has reserved since it was decided', async () => {
    const [machine] = await rowless('t', 1);
    await reserve(database.db, [newIntent('u', 1)]);
    expect(await adopt(machine!)).toBe(false);
    expect(await getWorker(database.db, key(machine!.workerId))).toBeNull();
    expect(await database.db.selectFrom('orphanActs').selectAll().execute()).toEqual([]);
  });

  describe('of lifecycles without a row', () => {
    const taskQueue = `strays-${engine}`;
    const scripted = new ScriptedActivities();
    let nativeConnection: NativeConnection;
    let workers: RunningWorkers;
    beforeAll(async () => {
      nativeConnection = await NativeConnection.connect({ address: temporalAddress() });
      workers = await startWorkers({ nativeConnection, namespace }, scripted, { taskQueue, providerIds: ['aws'] });
    });
    afterAll(async () => {
      await workers?.shutdown();
      await nativeConnection?.close();
    });

    async function startStray(providerId: 'aws' | 'static') {
      const worker = { workerPoolId: poolId, workerGroup: 'us-west-2', workerId: `stray-of-${providerId}` };
      const input: LifecycleInput = {
        ...{ ...worker, providerId, launchConfigId: null, launchToken: null, capacity: 1 },
        timing: { registrationMs: DAY, reregistrationMs: DAY, queueInactivityMs: DAY },
        location: { account: null, region: 'us-west-2', group: null },
        ...{ registrationDeadline: Date.now() + DAY, creationSteps: [], removalSteps: ['machine'] },
      };
      const start = { ...lifecycleStart(input, 'test'), taskQueue };
      const handle = await client.workflow.start(workflowTypes.workerLifecycle, start);
      await eventually(async () => (await openLifecycles(client, () => false)).ids.has(lifecycleId(worker)));
      return { worker, status: async () => (await handle.describe()).status.name };
    }

    test('sweepOrphans ends a lifecycle without a row when two lists miss its machine and no read by id shows it', async () => {
      const { worker, status } = await startStray('aws');
      const [machine] = machines(1);
      const hidden = { ...machine!, workerId: worker.workerId };
      const { deploymentId } = recordedContext();
      const resources = new Map([['machine', 'running'] as const]);
      cloud.add({ machine: hidden, launchToken: 't', workerPoolId: poolId, deploymentId, resources });
      cloud.hidden.add(worker.workerId);
      const held = ['lifecycles without rows'];
      expect(await sweepAt(NOW)).toMatchObject({ held });
      // The list was wrong.
      expect(await sweepAt(NOW + MINUTE)).toMatchObject({ held });
      expect(cloud.count('get')).toBe(1);
      cloud.forget(worker.workerId);
      expect(await sweepAt(NOW + MINUTE, { isDryRun: true })).toMatchObject({ held });
      expect(await status()).toBe('RUNNING');
      await sweepAt(NOW + 2 * MINUTE);
      await eventually(async () => (await status()) === 'COMPLETED');
      expect(log.of('stray-lifecycle-ended')).toMatchObject([{ workflowId: lifecycleId(worker) }]);
      await eventually(async () => (await openLifecycles(client, () => false)).ids.size === 0);
      expect(await sweepAt(NOW + 3 * MINUTE)).toMatchObject({ held: [] });
    });

    test('sweepOrphans ends a lifecycle without a row whose provider has no machines', async () => {
      const { status } = await startStray('static');
      await sweepAt(NOW);
      expect(await status()).toBe('RUNNING');
      await sweepAt(NOW + MINUTE);
      await eventually(async () => (await status()) === 'COMPLETED');
    });
  });
});
