import { beforeEach, describe, expect, test } from '@jest/globals';
import { recordReadings } from '../../../database/demand-readings.js';
import { failLaunch } from '../../../database/launch-failures.js';
import { recordLaunchedWorkers, getLaunch } from '../../../database/launches.js';
import { recordAct } from '../../../database/orphans.js';
import { poolSnapshot } from '../../../database/pool-snapshot.js';
import { deletePool, updatePool } from '../../../database/pools.js';
import { readLimitsUsage, supersedeReservations, writeIntents } from '../../../database/reservations.js';
import { recordStopped } from '../../../database/worker-changes.js';
import {
  counting,
  engines,
  machines,
  makePool,
  MINUTE,
  newPool,
  NOW,
  newIntent,
  poolId,
  reserve,
  times,
} from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

describe.each(engines)('a reservation on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(() => makePool(database.db));

  const pool = { workerPoolId: poolId, providerId: 'aws' };
  const usage = (nowMs = NOW, tokenPrefix = 'run.0.0') => readLimitsUsage(database.db, { ...pool, tokenPrefix }, nowMs);
  const fail = async (token: string) => {
    const error = {
      ...{ workerPoolId: poolId, launchConfigId: 'lc-a', kind: 'creation-error' },
      title: 't',
      extra: {},
    };
    const backoff = { failureClass: 'capacity', durationMs: () => 1_000, nowMs: NOW } as const;
    await failLaunch(database.db, token, {
      ...{ ...backoff, failure: 'none', proof: { attempts: 0, by: 'refused' } },
      errors: [{ ...error, description: 'none' }],
    });
  };

  test('a reservation writes each intent with its request, in one statement', async () => {
    const { version } = await usage();
    const { db, statements } = counting(database.db);
    expect(await writeIntents(db, { ...pool, version }, [newIntent('t', 5), newIntent('u', 1)], NOW)).toBe(true);
    expect(statements()).toBe(1);
    expect(await getLaunch(database.db, 't')).toMatchObject({
      ...{ status: 'open', attempts: 0, created: NOW, closed: null, machines: null },
      ...{ count: 5, request: { token: 't', MaxCount: 5 }, location: { region: 'us-west-2' } },
    });
  });

  test('a reservation writes nothing when another reservation came between', async () => {
    const { version } = await usage();
    await reserve(database.db, [newIntent('other', 1)]);
    expect(await writeIntents(database.db, { ...pool, version }, [newIntent('t', 5)], NOW)).toBe(false);
    expect(await getLaunch(database.db, 't')).toBeNull();
  });

  test('a reservation writes nothing when a machine was adopted since its pool was assessed, or since its limits were read', async () => {
    const { version } = await usage();
    const act = { at: NOW, runId: 'run', providerId: 'aws', thingId: 'us-west-2/i-1', launchToken: 't' };
    await recordAct(database.db, { ...act, workerPoolId: poolId, act: 'adopted', detail: 'its row' });
    await supersedeReservations(database.db);
    expect(await writeIntents(database.db, { ...pool, version }, [newIntent('t', 5)], NOW)).toBe(false);
    const presentAfter = async (lastAdoption: number) =>
      (await readLimitsUsage(database.db, { ...pool, tokenPrefix: 'run.0.0', lastAdoption }, NOW)).present;
    const { lastAdoption } = (await poolSnapshot(database.db, poolId, NOW))!;
    expect([await presentAfter(lastAdoption - 1), await presentAfter(lastAdoption)]).toEqual([false, true]);
  });

  test('a reservation is won by one of twenty that have read the same', async () => {
    const { version } = await usage();
    const won = await Promise.all(
      Array.from({ length: 20 }, async (_, n) =>
        writeIntents(database.db, { ...pool, version }, [newIntent(`t-${n}`, 1)], NOW),
      ),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await database.db.selectFrom('launches').select('token').execute()).toHaveLength(1);
  });

  test('a reservation writes nothing for a pool that was deleted or moved to another provider meanwhile', async () => {
    const before = await usage();
    expect(before.present).toBe(true);
    await updatePool(database.db, {
      pool: newPool({ providerId: 'google' }),
      launchConfigs: [],
      clientId: 't',
      nowMs: NOW,
    });
    expect(await writeIntents(database.db, { ...pool, version: before.version }, [newIntent('t', 1)], NOW)).toBe(false);
    expect((await usage()).present).toBe(false);
    await deletePool(database.db, poolId, { clientId: 't', nowMs: NOW });
    expect((await usage()).present).toBe(false);
  });

  test('a reservation finds what an earlier attempt has written under the same prefix, and nothing else', async () => {
    await reserve(database.db, [newIntent('run.0.0.b', 2, { launchConfigId: 'lc-b' }), newIntent('run.0.0.a', 1)]);
    await reserve(database.db, [newIntent('run.0.1.a', 1), newIntent('run.0.0', 1)]);
    expect((await usage()).reserved).toEqual([
      { token: 'run.0.0.a', providerId: 'aws', launchConfigId: 'lc-a', count: 1 },
      { token: 'run.0.0.b', providerId: 'aws', launchConfigId: 'lc-b', count: 2 },
    ]);
  });

  test('a reservation counts what may exist: requested of an open launch, created of a fulfilled one, nothing of a failed one', async () => {
    await reserve(database.db, [newIntent('open', 7), newIntent('short', 5), newIntent('failed', 400)]);
    await recordLaunchedWorkers(database.db, 'short', machines(3, 'short'), times);
    await fail('failed');
    expect(await usage()).toMatchObject({
      ...{ machines: 10, launchedLastMinute: 10, ownLaunchedLastMinute: 10, windowEndsAt: NOW + MINUTE },
    });
    expect(await usage(NOW + MINUTE)).toMatchObject({ machines: 10, launchedLastMinute: 0, windowEndsAt: null });
    await recordStopped(
      database.db,
      { ...pool, workerGroup: 'us-west-2', workerId: 'short-0' },
      { nowMs: NOW, expires: NOW },
    );
    expect((await usage()).machines).toBe(9);
  });

  test('a reservation names the other pools that wanted more than they got in the last two polls', async () => {
    const { db } = database;
    for (const name of ['fed', 'hungry', 'partly', 'content', 'before']) {
      await makePool(db, { workerPoolId: `prov/${name}` });
    }
    const counts = { pendingTasks: 1, claimedTasks: 0 };
    const wants = (workerPoolId: string, wantedMachines: number) => ({ ...counts, workerPoolId, wantedMachines });
    await recordReadings(db, [wants('prov/before', 6), wants('prov/hungry', 1)], NOW - 10_000);
    await recordReadings(
      db,
      [
        ...[wants(poolId, 50), wants('prov/fed', 4), wants('prov/hungry', 3), wants('prov/partly', 9)],
        ...[wants('prov/content', 0), wants('prov/before', 0)],
      ],
      NOW,
    );
    await reserve(db, [newIntent('f', 4)], 'prov/fed', NOW + 1);
    await reserve(db, [newIntent('p', 2)], 'prov/partly', NOW + 1);
    const byWanted = (claims: readonly { wanted: number }[]) => claims.toSorted((a, b) => a.wanted - b.wanted);
    expect(byWanted((await usage(NOW + 2)).others)).toEqual([
      { wanted: 3, launchedLastMinute: 0 },
      { wanted: 6, launchedLastMinute: 0 },
      { wanted: 7, launchedLastMinute: 2 },
    ]);
    expect((await usage(NOW + MINUTE)).others).toEqual([]);
  });
});

describe.each(engines)('demand readings on %s', (engine) => {
  const database = databaseFor(engine);
  const reading = (pendingTasks: number) => ({
    workerPoolId: poolId,
    pendingTasks,
    claimedTasks: 1,
    wantedMachines: 2,
  });
  const stored = async () =>
    await database.db
      .selectFrom('demandReadings')
      .select(['readAt', 'pendingTasks', 'previousReadAt', 'previousPendingTasks'])
      .execute();

  test('demand readings keep the one before the latest', async () => {
    for (const n of [1, 2, 3]) await recordReadings(database.db, [reading(n)], NOW + n);
    expect(await stored()).toEqual([
      { readAt: NOW + 3, pendingTasks: 3, previousReadAt: NOW + 2, previousPendingTasks: 2 },
    ]);
  });

  test('demand readings are not changed by a poll that is repeated or ends late', async () => {
    for (const [n, at] of [
      [1, 1],
      [2, 2],
      [7, 2],
      [8, 0],
    ] as const)
      await recordReadings(database.db, [reading(n)], NOW + at);
    expect(await stored()).toEqual([
      { readAt: NOW + 2, pendingTasks: 2, previousReadAt: NOW + 1, previousPendingTasks: 1 },
    ]);
  });
});
