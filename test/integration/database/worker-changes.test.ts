import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  insertStaticWorker,
  recordCredentials,
  recordResourceIds,
  recordRunning,
  recordStopped,
  recordStopping,
  updateStaticWorker,
} from '../../../database/worker-changes.js';
import { poolCounters } from '../../../database/counts.js';
import { getWorker, listWorkers, liveWorkersByProvider, liveWorkersOfProvider } from '../../../database/workers.js';
import { registrationSnapshot } from '../../../database/registration.js';
import type { Db } from '../../../database/client/schema.js';
import { insertError } from '../../../database/errors.js';
import { recordCredentialsUsed } from '../../../database/credentials-used.js';
import {
  counting,
  DAY,
  engines,
  eventsOf,
  launched,
  launchConfig,
  makePool,
  MINUTE,
  NOW,
  newIntent,
  poolId,
  reserve,
  topicsOf,
  withoutEvents,
} from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

describe.each(engines)('a worker on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(async () => {
    await makePool(database.db, {}, [launchConfig('lc-a', { workerConfig: { shutdown: true } })]);
    await launched(database.db, 't', 2);
    await database.db.deleteFrom('events').execute();
  });

  const key = { workerPoolId: poolId, workerGroup: 'us-west-2', workerId: 't-0' };
  const registration = {
    registeredAt: NOW + MINUTE,
    terminateAfter: NOW + 4 * DAY,
    expires: NOW + 8 * DAY,
    secretGeneration: 1,
    nowMs: NOW + MINUTE,
  };
  const failure = {
    workerPoolId: poolId,
    launchConfigId: 'lc-a',
    kind: 'operation-error',
    title: 'Operation Error',
    description: 'disk full \0 \ud800',
    extra: { workerGroup: 'us-west-2', workerId: 't-0', detail: 'nul \0' },
  };

  test('a worker stops for a reason that the database cannot hold as it is, which is stored without the rest', async () => {
    const reason = 'because\0 of \ud800';
    const stored = 'because of \ufffd';
    expect(await recordStopping(database.db, key, { reason, nowMs: NOW })).toMatchObject({ stopReason: stored });
    expect(await eventsOf(database.db)).toMatchObject([{ topic: 'worker-removed', payload: { reason: stored } }]);
    const other = { ...key, workerId: 't-1' };
    expect(await recordStopped(database.db, other, { reason, nowMs: NOW, expires: NOW })).toMatchObject({
      stopReason: stored,
    });
  });

  test('a worker tracks each resource once, in whatever case it comes', async () => {
    expect((await recordResourceIds(database.db, key, ['/a/Nic', '/a/ip', '/A/IP']))?.resourceIds).toHaveLength(2);
    expect(await recordResourceIds(database.db, key, ['/a/nic', '/A/ip'])).toBeNull();
    await recordResourceIds(database.db, key, ['/a/NIC', '/a/disk']);
    const created = (await getWorker(database.db, key))?.resourceIds.map((id) => id.toLowerCase());
    expect(created).toHaveLength(3);
    expect(created).toEqual(expect.arrayContaining(['/a/nic', '/a/ip', '/a/disk']));
    expect((await getWorker(database.db, { ...key, workerId: 't-1' }))?.resourceIds).toEqual([]);
  });

  test('a worker goes from requested to running to stopping to stopped, each announced once', async () => {
    const { db, statements } = counting(database.db);
    expect(await recordRunning(db, key, registration)).not.toBeNull();
    expect(await recordStopping(db, key, { reason: 'terminateAfter time exceeded', nowMs: NOW + DAY })).not.toBeNull();
    expect(await recordStopped(db, key, { nowMs: NOW + DAY + 1, expires: NOW + 9 * DAY })).not.toBeNull();
    expect(statements()).toBe(3);
    expect(await getWorker(db, key)).toMatchObject({
      state: 'stopped',
      registeredAt: NOW + MINUTE,
      terminateAfter: NOW + 4 * DAY,
      stopReason: 'terminateAfter time exceeded',
      stoppedAt: NOW + DAY + 1,
      lastModified: NOW + DAY + 1,
      expires: NOW + 9 * DAY,
      secretGeneration: 1,
    });
    const common = { workerPoolId: poolId, providerId: 'aws', workerGroup: 'us-west-2', workerId: 't-0' };
    expect(await eventsOf(db)).toEqual([
      {
        topic: 'worker-running',
        payload: { ...common, capacity: 1, launchConfigId: 'lc-a', timestamp: '2030-01-01T00:01:00.000Z' },
      },
      {
        topic: 'worker-removed',
        payload: {
          ...common,
          capacity: 1,
          launchConfigId: 'lc-a',
          timestamp: '2030-01-02T00:00:00.000Z',
          reason: 'terminateAfter time exceeded',
        },
      },
      {
        topic: 'worker-stopped',
        payload: { ...common, capacity: 1, launchConfigId: 'lc-a', timestamp: '2030-01-02T00:00:00.001Z' },
      },
    ]);
  });

  test.each([
    ['worker-running', (db: Db) => recordRunning(db, key, registration)],
    ['worker-removed', (db: Db) => recordStopping(db, key, { reason: 'asked for', nowMs: NOW, failure })],
    ['worker-pool-error', (db: Db) => recordStopping(db, key, { reason: 'asked for', nowMs: NOW, failure })],
    ['worker-stopped', (db: Db) => recordStopped(db, key, { nowMs: NOW, expires: NOW + DAY })],
    ['worker-pool-error', (db: Db) => insertError(db, failure, NOW)],
  ] as const)('a worker keeps nothing of a change whose event %s cannot be stored', async (topic, change) => {
    const { db } = database;
    const stored = async () => ({
      worker: await getWorker(db, key),
      errors: await db.selectFrom('workerPoolErrors').selectAll().execute(),
      events: await eventsOf(db),
      counters: await poolCounters(db, [poolId]),
    });
    const before = await stored();
    await withoutEvents(db, topic, () => expect(change(db)).rejects.toThrow('refused'));
    expect(await stored()).toEqual(before);
    await change(db);
    expect(await topicsOf(db)).toContain(topic);
  });

  test('a worker is not changed by a repeat of any step', async () => {
    const { db } = database;
    const steps = [
      () => recordRunning(db, key, registration),
      () => recordCredentials(db, key, { ...registration, secretGeneration: 2, terminateAfter: NOW + 6 * DAY }),
      () => recordStopping(db, key, { reason: 'because', nowMs: NOW + DAY, failure }),
      () => recordStopped(db, key, { nowMs: NOW + 2 * DAY, expires: NOW + 9 * DAY }),
    ];
    for (const step of steps) {
      expect(await step()).toEqual(expect.objectContaining((await getWorker(db, key)) ?? {}));
      const after = { row: await getWorker(db, key), events: await eventsOf(db) };
      expect(await step()).toBeNull();
      expect({ row: await getWorker(db, key), events: await eventsOf(db) }).toEqual(after);
    }
    expect(await db.selectFrom('workerPoolErrors').select('occurrences').execute()).toEqual([{ occurrences: 1 }]);
  });

  test('a worker never leaves stopped, and takes no step back', async () => {
    const { db } = database;
    await recordStopping(db, key, { reason: 'removed', nowMs: NOW });
    expect(await recordRunning(db, key, registration)).toBeNull();
    await recordStopped(db, key, { nowMs: NOW, expires: NOW + DAY });
    const stopped = await getWorker(db, key);
    expect(await recordRunning(db, key, registration)).toBeNull();
    expect(await recordCredentials(db, key, registration)).toBeNull();
    expect(await recordStopping(db, key, { reason: 'again', nowMs: NOW + 1, failure })).toBeNull();
    expect(await recordStopped(db, key, { nowMs: NOW + 1, expires: NOW + 2 * DAY })).toBeNull();
    expect(await getWorker(db, key)).toEqual(stopped);
    expect(await db.selectFrom('workerPoolErrors').selectAll().execute()).toEqual([]);
  });

  test('a worker keeps the boot time of its first registration, and has none when the machine said none', async () => {
    const { db } = database;
    expect(await recordRunning(db, key, { ...registration, systemBootTime: NOW })).toMatchObject({
      systemBootTime: NOW,
    });
    const again = { ...registration, secretGeneration: 2, systemBootTime: NOW + 1 };
    expect(await recordRunning(db, key, again)).toMatchObject({ systemBootTime: NOW, isFirst: false });
    const silent = await recordRunning(db, { ...key, workerId: 't-1' }, registration);
    expect(silent).toMatchObject({ systemBootTime: null, isFirst: true });
  });

  test('a worker keeps its first registration time when it registers again, and a late repeat does not bring old credentials back', async () => {
    const { db } = database;
    await recordRunning(db, key, registration);
    const again = { ...registration, registeredAt: NOW + 5 * MINUTE, nowMs: NOW + 5 * MINUTE, secretGeneration: 2 };
    expect(await recordRunning(db, key, { ...again, expires: null })).toMatchObject({ isFirst: false });
    expect(await recordRunning(db, key, registration)).toBeNull();
    expect(await getWorker(db, key)).toMatchObject({
      registeredAt: NOW + MINUTE,
      secretGeneration: 2,
      expires: registration.expires,
      lastModified: NOW + MINUTE,
    });
    expect(await topicsOf(db)).toEqual(['worker-running']);
  });

  test('a worker stores the failure that stopped it, without what jsonb cannot hold, and announces both', async () => {
    const { db, statements } = counting(database.db);
    await recordStopping(db, key, { reason: 'creation failed', nowMs: NOW, failure });
    expect(statements()).toBe(1);
    const error = await db.selectFrom('workerPoolErrors').selectAll().executeTakeFirstOrThrow();
    expect(error).toMatchObject({ launchConfigId: 'lc-a', description: 'disk full  \ufffd', occurrences: 1 });
    expect(error.extra).toEqual({ workerGroup: 'us-west-2', workerId: 't-0', detail: 'nul ' });
    expect(error.errorId).toMatch(/^[A-Za-z0-9_-]{8}[Q-T][A-Za-z0-9_-][CGKOSWaeimquy26-][A-Za-z0-9_-]{10}[AQgw]$/);
    const events = await eventsOf(db);
    expect(events.map(({ topic }) => topic).toSorted()).toEqual(['worker-pool-error', 'worker-removed']);
    expect(events.find(({ topic }) => topic === 'worker-pool-error')?.payload).toEqual({
      workerPoolId: poolId,
      providerId: 'aws',
      errorId: error.errorId,
      kind: 'operation-error',
      title: 'Operation Error',
      timestamp: '2030-01-01T00:00:00.000Z',
      launchConfigId: 'lc-a',
      workerGroup: 'us-west-2',
      workerId: 't-0',
    });
  });

  test('a worker registers by one query that says everything about it and one statement that records it', async () => {
    await recordCredentialsUsed(database.db, key, NOW + 3);
    const { db, statements } = counting(database.db);
    const snapshot = await registrationSnapshot(db, key, 'aws');
    await recordRunning(db, key, registration);
    expect(statements()).toBe(2);
    expect(snapshot.pool).toMatchObject({ workerPoolId: poolId, lastModified: NOW, config: { maxCapacity: 100 } });
    expect(snapshot.worker).toEqual({ ...(await getWorker(db, key)), state: 'requested', ...unregistered });
    expect(snapshot.workerConfig).toEqual({ shutdown: true });
    expect(snapshot.credentialsUsedAt).toBe(NOW + 3);
    expect(snapshot.hasOpenLaunch).toBe(false);
  });
  const unregistered = {
    registeredAt: null,
    secretGeneration: 0,
    terminateAfter: NOW + 30 * MINUTE,
    expires: NOW + 7 * DAY,
    lastModified: NOW,
  };

  test('a worker without a row may come from an open launch of its pool and provider', async () => {
    const { db } = database;
    await reserve(db, [newIntent('open', 1)]);
    const unknown = { ...key, workerId: 'i-unknown' };
    expect(await registrationSnapshot(db, unknown, 'aws')).toMatchObject({ worker: null, hasOpenLaunch: true });
    expect(await registrationSnapshot(db, unknown, 'google')).toMatchObject({ hasOpenLaunch: false });
    expect(await registrationSnapshot(db, { ...unknown, workerPoolId: 'prov/other' }, 'aws')).toEqual({
      pool: null,
      worker: null,
      workerConfig: null,
      credentialsUsedAt: null,
      hasOpenLaunch: false,
    });
  });

  test('a worker records only the first time that its credentials are used', async () => {
    const { db } = database;
    await recordCredentialsUsed(db, key, NOW);
    await recordCredentialsUsed(db, key, NOW + 5);
    expect(await registrationSnapshot(db, key, 'aws')).toMatchObject({ credentialsUsedAt: NOW });
  });

  test('a stopped static worker gives way to a new life, of which nothing is the former’s', async () => {
    const { db } = database;
    const mac = { workerPoolId: poolId, workerGroup: 'rack', workerId: 'mac-2' };
    const lifecycle = {
      ...mac,
      providerId: 'hand',
      capacity: 2,
      expires: NOW + DAY,
      secretFingerprint: 'f1',
      nowMs: NOW,
    };
    await insertStaticWorker(db, lifecycle);
    const registered = { registeredAt: NOW, terminateAfter: null, expires: null, secretGeneration: 3, nowMs: NOW };
    await recordRunning(db, mac, registered);
    await recordCredentialsUsed(db, mac, NOW);
    const next = { ...lifecycle, capacity: 5, secretFingerprint: 'f2', nowMs: NOW + 10 };
    expect(await insertStaticWorker(db, next)).toEqual({ outcome: 'conflict' });
    await recordStopping(db, mac, { reason: 'removed', nowMs: NOW + 1 });
    expect(await insertStaticWorker(db, next)).toEqual({ outcome: 'conflict' });
    await recordStopped(db, mac, { nowMs: NOW + 2, expires: NOW + DAY });
    expect((await poolCounters(db, [poolId])).get(poolId)).toMatchObject({ stoppedCount: 1, stoppedCapacity: 2 });

    expect(await insertStaticWorker(db, next)).toEqual({ outcome: 'created' });
    expect(await insertStaticWorker(db, { ...next, nowMs: NOW + 11 })).toEqual({ outcome: 'unchanged' });
    expect(await getWorker(db, mac)).toMatchObject({
      ...{ state: 'running', capacity: 5, created: NOW + 10, secretGeneration: 0, registeredAt: null },
      ...{ stoppedAt: null, stopReason: null, identityAttributes: { secretFingerprint: 'f2' } },
    });
    expect((await registrationSnapshot(db, mac, 'hand')).credentialsUsedAt).toBeNull();
    expect((await poolCounters(db, [poolId])).get(poolId)).toMatchObject({ stoppedCount: 0, runningCapacity: 5 });
  });

  test('a stopped worker of a cloud never gives way', async () => {
    const { db } = database;
    await recordStopping(db, key, { reason: 'gone', nowMs: NOW });
    await recordStopped(db, key, { nowMs: NOW, expires: NOW + DAY });
    const announced = {
      ...key,
      providerId: 'hand',
      capacity: 1,
      expires: NOW + DAY,
      secretFingerprint: 'f',
      nowMs: NOW,
    };
    expect(await insertStaticWorker(db, announced)).toEqual({ outcome: 'conflict' });
    expect(await getWorker(db, key)).toMatchObject({ state: 'stopped', launchToken: 't' });
  });

  test('a static worker is created once, is told apart from another, and can be changed', async () => {
    const { db } = database;
    const worker = {
      workerPoolId: poolId,
      workerGroup: 'rack',
      workerId: 'mac-1',
      providerId: 'hand',
      capacity: 2,
      expires: NOW + DAY,
      secretFingerprint: 'f1',
      nowMs: NOW,
    };
    expect(await insertStaticWorker(db, worker)).toEqual({ outcome: 'created' });
    expect(await insertStaticWorker(db, { ...worker, nowMs: NOW + 5 })).toEqual({ outcome: 'unchanged' });
    expect(await insertStaticWorker(db, { ...worker, secretFingerprint: 'f2' })).toEqual({ outcome: 'conflict' });
    const change = { expires: NOW + 2 * DAY, capacity: 3, secretFingerprint: null, nowMs: NOW + 6 };
    expect(await updateStaticWorker(db, worker, change)).not.toBeNull();
    expect(await updateStaticWorker(db, worker, change)).toBeNull();
    expect(await getWorker(db, worker)).toMatchObject({
      state: 'running',
      capacity: 3,
      expires: NOW + 2 * DAY,
      identityAttributes: { secretFingerprint: 'f1' },
      location: { account: null, region: null, group: null },
    });
    expect(await recordStopped(db, worker, { nowMs: NOW + 7, expires: NOW + DAY, reason: 'removed' })).not.toBeNull();
    expect(await getWorker(db, worker)).toMatchObject({ state: 'stopped', stopReason: 'removed' });
    expect(await updateStaticWorker(db, worker, { ...change, capacity: 9 })).toBeNull();
    expect(await topicsOf(db)).toEqual([]);
  });

  test('workers are listed newest first, page by page, none twice and none left out while others come', async () => {
    const { db } = database;
    for (let n = 0; n < 7; n += 1) {
      const old = { workerPoolId: poolId, workerGroup: 'rack', workerId: `old-${n}`, providerId: 'hand', capacity: 1 };
      await insertStaticWorker(db, { ...old, expires: NOW, secretFingerprint: 'f', nowMs: NOW - 1 - (n % 2) });
    }
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof listWorkers>> = await listWorkers(
        db,
        { workerPoolId: poolId },
        { limit: 2, after },
      );
      seen.push(...page.items.map(({ workerId }) => workerId));
      after = page.after;
      await launched(db, `during-${seen.length}`, 1, {}, NOW + seen.length);
    } while (after !== null);
    expect(seen).toHaveLength(9);
    expect(new Set(seen).size).toBe(9);
    expect(seen.slice(0, 2)).toEqual(['t-1', 't-0']);
    const filter = { workerPoolId: poolId, workerGroup: 'rack', state: 'running' } as const;
    expect((await listWorkers(db, filter, { limit: 100, after: null })).items).toHaveLength(7);
  });

  test('a worker counts as live until it is stopped', async () => {
    const { db } = database;
    await recordStopping(db, key, { reason: 'removed', nowMs: NOW });
    expect(await liveWorkersByProvider(db)).toEqual([{ providerId: 'aws', workers: 2 }]);
    await recordStopped(db, key, { nowMs: NOW, expires: NOW });
    expect(await liveWorkersByProvider(db)).toEqual([{ providerId: 'aws', workers: 1 }]);
    expect(await liveWorkersOfProvider(db, 'aws')).toEqual([
      {
        workerPoolId: poolId,
        workerGroup: 'us-west-2',
        workerId: 't-1',
        state: 'requested',
        created: NOW,
        launchToken: 't',
        resourceIds: [],
        location: { account: null, region: 'us-west-2', group: null },
      },
    ]);
  });
});
