import { describe, expect, test } from '@jest/globals';
import { listAllAudit, recordAudit } from '../../../database/audit.js';
import { recordDecision } from '../../../database/decisions.js';
import { recordReadings } from '../../../database/demand-readings.js';
import { insertError } from '../../../database/errors.js';
import { backedOffPools, errorsOfLastHour, poolOverviews } from '../../../database/overview.js';
import { listWorkers } from '../../../database/workers.js';
import { HOUR_MS } from '../../../domain/durations.js';
import { engines, launched, makePool, NOW, poolId } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';
import { decisionOf } from '../../support/decisions.js';

const basis = { wantedCapacity: 0, roomCapacity: 9, advisedCapacity: 0, evaluateAgainAt: null };

describe.each(engines)('the overview on %s', (engine) => {
  const database = databaseFor(engine);

  test('poolOverviews gives each pool by id with its last poll and its last decision', async () => {
    const { db } = database;
    await makePool(db);
    await makePool(db, { workerPoolId: 'prov/another', config: {} });
    await recordReadings(
      db,
      [{ workerPoolId: poolId, pendingTasks: 41, claimedTasks: 12, wantedMachines: 3 }],
      NOW + 5,
    );
    for (const limitedBy of [['older'], ['no capacity']]) {
      await recordDecision(db, poolId, decisionOf({ limitedBy }), { basis, fingerprint: limitedBy[0]!, nowMs: NOW });
    }
    const [another, pool] = await poolOverviews(db, 10, null);
    expect(another).toMatchObject({
      workerPoolId: 'prov/another',
      maxCapacity: null,
      pendingTasks: null,
      decidedAt: null,
    });
    expect(pool).toMatchObject({
      ...{ workerPoolId: poolId, providerId: 'aws', maxCapacity: 100, pendingTasks: 41, claimedTasks: 12 },
      ...{ polledAt: NOW + 5, decidedAt: NOW, wantedCapacity: null, limitedBy: ['no capacity'] },
    });
    expect((await poolOverviews(db, 1, null)).map(({ workerPoolId }) => workerPoolId)).toEqual(['prov/another']);
    expect(await poolOverviews(db, 1, poolId)).toEqual([pool]);
    expect(await poolOverviews(db, 1, 'prov/none')).toEqual([]);
  });

  test('backedOffPools gives pools of which every launch config backs off, with the backoff that ends first', async () => {
    const { db } = database;
    await makePool(db);
    const launchConfigs = await db.selectFrom('launchConfigs').selectAll().where('isArchived', '=', false).execute();
    expect(launchConfigs.length).toBeGreaterThan(0);
    const addBackoff = async (nth: number, until: number, revision = launchConfigs[nth]!.revision) => {
      const { launchConfigId } = launchConfigs[nth]!;
      const row = {
        workerPoolId: poolId,
        launchConfigId,
        revision,
        failures: 1,
        failureClass: 'quota' as const,
        until,
      };
      await db
        .insertInto('launchBackoffs')
        .values(row)
        .onConflict((conflict) => conflict.columns(['workerPoolId', 'launchConfigId']).doUpdateSet({ until, revision }))
        .execute();
    };
    for (const nth of launchConfigs.keys()) await addBackoff(nth, NOW + 1000 * (nth + 1));
    expect(await backedOffPools(db, NOW)).toEqual(new Map([[poolId, { failureClass: 'quota', until: NOW + 1000 }]]));
    expect(await backedOffPools(db, NOW + 1000)).toEqual(new Map());
    await addBackoff(0, NOW + 1000, 99);
    expect(await backedOffPools(db, NOW)).toEqual(new Map());
  });

  test('errorsOfLastHour counts this hour, and of the hour before what is left of it', async () => {
    const { db } = database;
    await makePool(db);
    const error = { workerPoolId: poolId, launchConfigId: null, kind: 'k', description: '', extra: {} };
    const at = async (nowMs: number, times: number) => {
      for (let n = 0; n < times; n += 1) await insertError(db, { ...error, title: `${n}` }, nowMs);
    };
    await at(NOW - 2 * HOUR_MS, 3);
    await at(NOW - HOUR_MS, 4);
    await at(NOW, 5);
    expect(await errorsOfLastHour(db, NOW)).toEqual(new Map([[poolId, 9]]));
    expect(await errorsOfLastHour(db, NOW + HOUR_MS / 2)).toEqual(new Map([[poolId, 7]]));
    expect(await errorsOfLastHour(db, NOW + 2 * HOUR_MS)).toEqual(new Map());
  });

  test('listAllAudit gives who did what to whatever, newest first, in pages', async () => {
    const { db } = database;
    for (const action of ['first', 'second', 'third']) {
      await recordAudit(db, { clientId: 'ops', entityType: 'session', entityId: 'ops', action }, NOW);
    }
    const page = await listAllAudit(db, { limit: 2, after: null });
    expect(page.items.map(({ action }) => action)).toEqual(['third', 'second']);
    const next = await listAllAudit(db, { limit: 2, after: page.after });
    expect(next).toMatchObject({ items: [{ action: 'first', at: NOW }], after: null });
  });

  test('listWorkers leaves out stopped workers where only live ones are wanted', async () => {
    const { db } = database;
    await makePool(db);
    await launched(db, 'a', 2);
    await db.updateTable('workers').set({ state: 'stopped', stoppedAt: NOW }).where('workerId', '=', 'a-0').execute();
    const { items } = await listWorkers(db, { workerPoolId: poolId, isLive: true }, { limit: 5, after: null });
    expect(items.map(({ workerId }) => workerId)).toEqual(['a-1']);
  });
});
