import { beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { persistActivities } from '../../../../activities/worker/persist.js';
import { lifecycleId } from '../../../../temporal/ids.js';
import { isRefusedForGood } from '../../../../database/client/failures.js';
import { jsonb } from '../../../../database/client/sql.js';
import { recordedMetrics } from '../../../../database/metric-facts.js';
import { poolSnapshot } from '../../../../database/pool-snapshot.js';
import type { Worker } from '../../../../domain/worker.js';
import { activityDeps } from '../../../support/activities.js';
import { recordedContext } from '../../../support/provider-context.js';
import { RecordingCloud } from '../../../support/recording-cloud.js';
import { recordingProvider } from '../../../support/recording-provider.js';
import { recordedLog } from '../../../support/recorded-log.js';
import { DAY, engines, launched, makePool, NOW, poolId } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';

describe.each(engines)('a registration on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(async () => {
    await makePool(database.db);
    await launched(database.db, 't', 2);
  });

  const register = async (workerId: string): Promise<string[]> => {
    const triggered: string[] = [];
    const triggers = { requestReconcileSoon: (pool: string) => void triggered.push(pool) };
    await persistActivities(activityDeps({ database, triggers })).recordRunning({
      ...{ workerPoolId: poolId, workerGroup: 'us-west-2', workerId, registeredAt: NOW, terminateAfter: NOW + DAY },
      ...{ secretGeneration: 1, nowMs: NOW, queueInactivityMs: DAY },
    });
    return triggered;
  };

  test.each([
    ['whose backoff began before its launch', NOW - 1],
    ['whose backoff began after its launch', NOW + 1],
  ])('a registration triggers its pool once when its launch config waited for one, %s', async (_, until) => {
    const backoff = { workerPoolId: poolId, launchConfigId: 'lc-a', revision: 1, failureClass: 'other' } as const;
    await database.db
      .insertInto('launchBackoffs')
      .values({ ...backoff, failures: 2, until, unregistered: true })
      .execute();
    expect(await register('t-0')).toEqual([poolId]);
    expect(await register('t-1')).toEqual([]);
  });

  test('a registration triggers nothing when its launch config waited for none', async () => {
    expect(await register('t-0')).toEqual([]);
  });

  test('a registration gives metrics the boot time of the machine, once', async () => {
    const booted: (number | null)[] = [];
    const { metrics } = activityDeps({ database });
    const onBooted = ({ systemBootTime }: Worker) => void booted.push(systemBootTime);
    const activities = persistActivities(activityDeps({ database, metrics: { ...metrics, onBooted } }));
    const change = {
      ...{ workerPoolId: poolId, workerGroup: 'us-west-2', workerId: 't-0', registeredAt: NOW },
      ...{ terminateAfter: NOW + DAY, secretGeneration: 1, nowMs: NOW, queueInactivityMs: DAY },
    };
    await activities.recordRunning({ ...change, systemBootTime: NOW - 1_000 });
    await activities.recordRunning({ ...change, systemBootTime: NOW - 1_000 });
    await activities.recordRunning({ ...change, secretGeneration: 2, systemBootTime: NOW });
    expect(booted).toEqual([NOW - 1_000]);
  });
});

describe.each(engines)('the end of a worker on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(async () => {
    await makePool(database.db);
    await launched(database.db, 't', 1);
  });

  test('a preempted worker triggers its pool when it has stopped, and makes no error and no backoff', async () => {
    const triggered: string[] = [];
    const triggers = {
      requestReconcileSoon: (pool: string) => void triggered.push(pool),
      requestFastScan: () => {},
    };
    const providers = { get: () => undefined };
    const activities = persistActivities(activityDeps({ database, providers, triggers }));
    const key = { workerPoolId: poolId, workerGroup: 'us-west-2', workerId: 't-0' };
    const stopping = { ...key, providerId: 'aws', launchConfigId: 'lc-a' };
    // As its lifecycle records it: a preemption is nobody's failure.
    await activities.recordStopping(stopping, { reason: 'preempted', failure: null }, NOW);
    expect(triggered).toEqual([]);
    await activities.recordStopped(key, NOW);
    expect(triggered).toEqual([poolId]);
    expect(await database.db.selectFrom('workerPoolErrors').selectAll().execute()).toEqual([]);
    expect(await database.db.selectFrom('launchBackoffs').selectAll().execute()).toEqual([]);
  });
});

describe.each(engines)('a preemption on %s', (engine) => {
  const database = databaseFor(engine);

  test('recordStopping of a preempted worker triggers its pool at once, and counts it by launch config', async () => {
    const config = { minCapacity: 0, maxCapacity: 100 };
    await makePool(database.db, { config: { ...config, preferLongLived: true } });
    await launched(database.db, 't', 4);
    const triggered: string[] = [];
    const triggers = { requestReconcileSoon: (pool: string) => void triggered.push(pool), requestFastScan: () => {} };
    const provider = recordingProvider(recordedContext({ providerId: 'aws' }), new RecordingCloud(), 'bulk');
    const deps = activityDeps({ database, triggers, providers: { get: () => provider } });
    const activities = persistActivities(deps);
    const key = (workerId: string) => ({
      ...{ workerPoolId: poolId, workerGroup: 'us-west-2', workerId, providerId: 'aws', launchConfigId: 'lc-a' },
    });
    const stop = { reason: 'preempted: taken back', failure: null, preempted: true } as const;
    await activities.recordStopping(key('t-0'), stop, NOW + 1_000);
    await activities.recordStopping(key('t-0'), stop, NOW + 2_000);
    await activities.recordStopping(key('t-1'), { reason: 'removed', failure: null }, NOW);
    expect(triggered).toEqual([poolId, poolId]);
    expect(await database.db.selectFrom('preemptions').select(['workerId', 'at', 'livedMs']).execute()).toEqual([
      { workerId: 't-0', at: NOW + 1_000, livedMs: 1_000 },
    ]);
    const partOfA = async (nowMs: number) =>
      (await poolSnapshot(database.db, poolId, nowMs))!.options.map(({ preemptedPart }) => preemptedPart);
    // One was taken back, and two stay.
    expect(await partOfA(NOW + 2_000)).toEqual([1 / 3, undefined]);
    expect(await partOfA(NOW + 1_000 + DAY)).toEqual([undefined, undefined]);
    expect((await recordedMetrics(database.db, NOW + 2_000)).preempted).toEqual([
      { workerPoolId: poolId, launchConfigId: 'lc-a', machines: 1 },
    ]);
    await database.db
      .updateTable('workerPools')
      .set({ config: jsonb(config) })
      .execute();
    expect(await partOfA(NOW + 2_000)).toEqual([undefined, undefined]);
  });
});

describe.each(engines)('a removal whose deletion is sent at once on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(async () => {
    await makePool(database.db);
    await launched(database.db, 't', 2);
  });

  test('recordStopping sends the deletion when the row says stopping, and none where that is refused', async () => {
    const { db } = database;
    const cloud = new RecordingCloud();
    const rows: Promise<string[]>[] = [];
    const stateOf = async (workerId: string) =>
      (await db.selectFrom('workers').select('state').where('workerId', '=', workerId).execute()).map(
        ({ state }) => state,
      );
    const { machines, ...provider } = recordingProvider(recordedContext({ providerId: 'aws' }), cloud, 'bulk');
    const deleteResource: NonNullable<typeof machines>['deleteResource'] = async ({ workerId }, step) => {
      rows.push(stateOf(`${workerId}`));
      expect(step).toBe('machine');
    };
    const deps = activityDeps({
      ...{ database, triggers: { requestReconcileSoon: () => {}, requestFastScan: () => {} } },
      providers: { get: () => ({ ...provider, machines: { ...machines!, deleteResource } }) },
    });
    const activities = persistActivities(deps);
    const location = { account: null, region: 'us-west-2', group: null };
    const stop = (workerId: string, deletion?: { step: string; location: typeof location }) =>
      activities.recordStopping(
        {
          ...{ workerPoolId: poolId, workerGroup: 'us-west-2', workerId, providerId: 'aws', launchConfigId: 'lc-a' },
          ...(deletion && { deletion }),
        },
        { reason: 'over', failure: null },
        NOW,
      );
    expect(await stop('t-0', { step: 'machine', location })).toBe(true);
    expect(await Promise.all(rows)).toEqual([['stopping']]);
    await sql`alter table workers add constraint refuses check (worker_id = 't-0' or state = 'requested')`.execute(db);
    await expect(stop('t-1', { step: 'machine', location })).rejects.toThrow('refuses');
    await sql`alter table workers drop constraint refuses`.execute(db);
    expect(await stop('t-1')).toBe(false);
    expect(rows).toHaveLength(1);
  });
});

describe.each(engines)('a worker whose row %s refuses for good', (engine) => {
  const database = databaseFor(engine);
  beforeEach(async () => {
    await makePool(database.db);
    await launched(database.db, 't', 1);
  });

  test('a worker whose row the database rejects for good is logged with the state that it could not be given', async () => {
    const { db } = database;
    const log = recordedLog();
    const activities = persistActivities(activityDeps({ database, log: log.log }));
    const key = { workerPoolId: poolId, workerGroup: 'us-west-2', workerId: 't-0' };
    await sql`alter table workers add constraint refuses check (state = 'requested')`.execute(db);
    const stopping = { ...key, providerId: 'aws', launchConfigId: 'lc-a' };
    const refusals = await Promise.allSettled([
      activities.recordStopping(stopping, { reason: 'over', failure: null }, NOW),
      activities.recordStopped(key, NOW),
    ]);
    await sql`alter table workers drop constraint refuses`.execute(db);
    for (const refusal of refusals)
      expect(refusal.status === 'rejected' && isRefusedForGood(refusal.reason)).toBe(true);
    const lines = log.of('worker-row-refused');
    expect(new Set(lines.map((line) => line['state']))).toEqual(new Set(['stopping', 'stopped']));
    for (const line of lines) expect(line).toMatchObject({ workflowId: lifecycleId(key) });
  });
});
