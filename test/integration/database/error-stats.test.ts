import { beforeEach, describe, expect, test } from '@jest/globals';
import { errorStats } from '../../../database/error-stats.js';
import { insertError } from '../../../database/errors.js';
import { deletePool } from '../../../database/pools.js';
import { expireRows, removeDeletedPools } from '../../../database/retention.js';
import { DAY, engines, makePool, MINUTE, NOW, poolId } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

const HOUR = 60 * MINUTE;
const retention = { stoppedWorkersDays: 7, errorsDays: 7, decisionsDays: 30, evidenceDays: 8 };

describe.each(engines)('statistics of errors on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(async () => {
    await makePool(database.db);
  });

  const report = (nowMs: number, change: object = {}) =>
    insertError(
      database.db,
      {
        ...{ workerPoolId: poolId, launchConfigId: null, kind: 'k', title: 'Too bad', description: 'd', extra: {} },
        ...change,
      },
      nowMs,
    );
  // In the middle of an hour.
  const now = NOW + 20.5 * HOUR;

  test('statistics of errors count each occurrence in its hour and day, also of equal errors', async () => {
    for (const ago of [0, 0, 1 * HOUR, 3 * DAY, 6 * DAY, 8 * DAY]) await report(now - ago);
    const { total, daily, hourly } = await errorStats(database.db, poolId, now);
    expect(daily.map(({ since }) => since)).toEqual([6, 5, 4, 3, 2, 1, 0].map((days) => NOW - days * DAY));
    expect([total, ...daily.map(({ errors }) => errors)]).toEqual([5, 1, 0, 0, 1, 0, 0, 3]);
    expect(hourly.map(({ since }) => since)).toEqual(
      Array.from({ length: 24 }, (_, n) => NOW + 20 * HOUR - (23 - n) * HOUR),
    );
    expect(hourly.slice(-3).map(({ errors }) => errors)).toEqual([0, 1, 2]);
  });

  test('statistics of errors count all that are kept by title, code, launch config and pool', async () => {
    await makePool(database.db, { workerPoolId: 'prov/other' });
    await report(now - 8 * DAY, { extra: { code: 'Full' }, launchConfigId: 'lc-a' });
    await report(now, { extra: { code: 'Full' }, launchConfigId: 'lc-b', title: 'Worse' });
    await report(now, { extra: { code: 7 }, title: '__proto__' });
    await report(now, { workerPoolId: 'prov/other' });
    await report(now, { workerPoolId: 'prov/other' });
    const one = await errorStats(database.db, poolId, now);
    expect(one.title).toEqual(Object.fromEntries([['Too bad', 1], ['Worse', 1], ['__proto__', 1]])); // prettier-ignore
    expect(one.code).toEqual({ Full: 2, 7: 1 });
    expect(one.launchConfig).toEqual({ 'lc-a': 1, 'lc-b': 1, unknown: 1 });
    expect(one.workerPool).toEqual({ [poolId]: 3 });
    const all = await errorStats(database.db, null, now);
    expect([all.total, all.workerPool, all.code, all.launchConfig]).toEqual([
      4,
      { [poolId]: 3, 'prov/other': 2 },
      { Full: 2, 7: 1, other: 2 },
      {},
    ]);
  });

  test('statistics of errors of a pool that has none, or that nobody knows, are zeros', async () => {
    for (const workerPoolId of [poolId, 'not/known', null]) {
      const { total, daily, hourly, ...named } = await errorStats(database.db, workerPoolId, now);
      expect([total, daily.length, hourly.length]).toEqual([0, 7, 24]);
      expect(named).toEqual({ title: {}, code: {}, workerPool: {}, launchConfig: {} });
    }
  });

  test('statistics of errors name the thousand most frequent titles', async () => {
    for (let n = 0; n < 1_001; n += 1) await report(now, { title: `T ${n}` });
    await report(now, { title: 'T 1000' });
    const { title } = await errorStats(database.db, poolId, now);
    expect([Object.keys(title).length, title['T 1000'], title['T 999']]).toEqual([1_000, 2, undefined]);
  });

  test('statistics of errors count equal errors that are stored at once, and all of them under one id', async () => {
    const stored = await Promise.all(Array.from({ length: 12 }, () => report(now)));
    expect(new Set(stored.map(({ errorId }) => errorId)).size).toBe(1);
    expect(stored[0]!.errorId).toMatch(/^[A-Za-z0-9_-]{8}[Q-T][A-Za-z0-9_-][CGKOSWaeimquy26-][A-Za-z0-9_-]{10}[AQgw]$/);
    expect((await errorStats(database.db, poolId, now)).total).toBe(12);
  });

  test('statistics of errors forget hours that are over, and those of a pool that is removed', async () => {
    const { db } = database;
    const hours = async () => (await db.selectFrom('workerPoolErrorHours').selectAll().execute()).length;
    await report(now - 8 * DAY);
    await report(now);
    await expireRows(db, retention, now);
    expect(await hours()).toBe(1);
    await deletePool(db, poolId, { clientId: 'tester', nowMs: now });
    expect((await removeDeletedPools(db)).removed).toEqual([poolId]);
    expect(await hours()).toBe(0);
  });
});
