import { describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import type { Db } from '../../../database/client/schema.js';
import { poolRecords } from '../../../database/explain-records.js';
import { workerEvidence } from '../../../database/explain-worker-records.js';
import { beginAttempt } from '../../../database/launch-attempts.js';
import { failLaunch } from '../../../database/launch-failures.js';
import { getLaunch } from '../../../database/launches.js';
import { insertStaticWorker, recordRunning, recordStopped, recordStopping } from '../../../database/worker-changes.js';
import { evidenceAt } from '../../../domain/explain/evidence-at.js';
import { explainWorker } from '../../../domain/explain/explain-worker.js';
import {
  engines,
  finish,
  launched,
  makePool,
  MINUTE,
  newIntent,
  NOW,
  poolId,
  reserve,
} from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

/** A past second is answered by what was known at it: neither what came later nor what is so now is in the answer. */

const recordsAt = async (db: Db, at: number) =>
  evidenceAt(await poolRecords(db, poolId, { from: at, to: at }, 'corrected'), at);
const workerAt = async (db: Db, workerId: string, at: number, workerGroup = 'us-west-2') =>
  await workerEvidence(db, { workerPoolId: poolId, workerGroup, workerId }, at);

/** Events are written in the database's clock; the test's instants are those of its rows. */
const moveEvents = (db: Db, workerId: string, event: string, at: number, from = 0) =>
  sql`update worker_events set at = ${at} where worker_id = ${workerId} and event = ${event} and at >= ${from}`.execute(
    db,
  );

async function registers(db: Db, workerId: string, registeredAt: number): Promise<void> {
  const change = { registeredAt, nowMs: registeredAt, terminateAfter: null, expires: null, secretGeneration: 1 };
  await recordRunning(db, { workerPoolId: poolId, workerGroup: 'us-west-2', workerId }, change);
  await moveEvents(db, workerId, 'registered', registeredAt);
}

describe.each(engines)('explanations of a past second on %s', (engine) => {
  const database = databaseFor(engine);

  test('machines that registered later say nothing of how long machines take', async () => {
    const { db } = database;
    await makePool(db);
    await launched(db, 't', 3);
    await registers(db, 't-0', NOW + MINUTE);
    await registers(db, 't-1', NOW + 2 * MINUTE);
    await registers(db, 't-2', NOW + 30 * MINUTE);
    const medians = async (at: number) => [
      (await recordsAt(db, at)).medianRegistrationMs,
      (await workerAt(db, 't-2', at)).medianRegistrationMs,
    ];
    expect(await medians(NOW + MINUTE - 1)).toEqual([null, null]);
    expect(await medians(NOW + MINUTE)).toEqual([MINUTE, MINUTE]);
    expect(await medians(NOW + 3 * MINUTE)).toEqual([1.5 * MINUTE, 1.5 * MINUTE]);
    expect(await medians(NOW + 30 * MINUTE)).toEqual([2 * MINUTE, 2 * MINUTE]);
    const range = { from: NOW + MINUTE, to: NOW + 30 * MINUTE };
    const records = await poolRecords(db, poolId, range, 'corrected');
    expect(evidenceAt(records, NOW + 3 * MINUTE).medianRegistrationMs).toBe(1.5 * MINUTE);
  });

  test('how long machines took to register outlives their rows', async () => {
    const { db } = database;
    await makePool(db);
    await launched(db, 't', 1);
    await registers(db, 't-0', NOW + MINUTE);
    await db.deleteFrom('workers').execute();
    expect((await recordsAt(db, NOW + 2 * MINUTE)).medianRegistrationMs).toBe(MINUTE);
  });

  test('advice that a worker got later is none of that second', async () => {
    const { db } = database;
    await makePool(db);
    await launched(db, 't', 1);
    const advice = { terminate: true, reason: 'over capacity', decidedAt: NOW + MINUTE };
    await sql`update workers set should_terminate = ${JSON.stringify(advice)}::jsonb`.execute(db);
    expect((await workerAt(db, 't-0', NOW + MINUTE - 1)).verdict).toBeNull();
    expect((await workerAt(db, 't-0', NOW + MINUTE)).verdict).toEqual(advice);
  });

  test('a static worker that was created again is explained by the life that it had', async () => {
    const { db } = database;
    await makePool(db);
    const key = { workerPoolId: poolId, workerGroup: 'here', workerId: 'w' };
    const creation = { ...key, providerId: 'hand', capacity: 1, expires: NOW, secretFingerprint: 'f' };
    await insertStaticWorker(db, { ...creation, nowMs: NOW });
    await recordStopping(db, key, { reason: 'by hand', nowMs: NOW + MINUTE, clientId: 'ops' });
    await recordStopped(db, key, { nowMs: NOW + 2 * MINUTE, expires: NOW });
    for (const [index, event] of ['registered', 'stopping', 'stopped'].entries())
      await moveEvents(db, 'w', event, NOW + index * MINUTE);
    await insertStaticWorker(db, { ...creation, nowMs: NOW + 5 * MINUTE });
    await sql`update worker_events set at = ${NOW + 5 * MINUTE} where event = 'registered' and at <> ${NOW}`.execute(
      db,
    );
    const causes = await Promise.all(
      [0, 1, 3, 5].map(async (minutes) => {
        const at = NOW + minutes * MINUTE;
        const { cause, since } = explainWorker({ ...(await workerAt(db, 'w', at, 'here')), minimum: null }, at);
        return [cause, since];
      }),
    );
    expect(causes).toEqual([
      ['running', NOW],
      ['ended', NOW + MINUTE],
      ['ended', NOW + MINUTE],
      ['running', NOW + 5 * MINUTE],
    ]);
  });

  test('a launch whose answer was lost is in doubt at that second, whatever came of it', async () => {
    const { db } = database;
    await makePool(db);
    await reserve(db, [newIntent('t', 2)]);
    await beginAttempt(db, 't', { nowMs: NOW, mayLaunch: true });
    const backoff = { failureClass: 'other', durationMs: () => MINUTE, nowMs: NOW + 3 * MINUTE } as const;
    const proof = { attempts: 1, by: 'settled' } as const;
    const about = { workerPoolId: poolId, launchConfigId: 'lc-a', kind: 'creation-error', title: 'No machines' };
    const errors = [{ ...about, description: 'nothing there', extra: {} }];
    expect(await failLaunch(db, 't', { ...backoff, failure: 'nothing there', errors, proof })).toBe(true);
    const openAt = async (at: number) => (await recordsAt(db, at)).openLaunches;
    expect(await openAt(NOW + 1_000)).toMatchObject([{ inDoubtSince: null }]);
    expect(await openAt(NOW + MINUTE)).toMatchObject([{ inDoubtSince: NOW, isOverdue: false }]);
    expect(await openAt(NOW + 2 * MINUTE)).toMatchObject([{ inDoubtSince: NOW, isOverdue: true }]);
    expect(await openAt(NOW + 3 * MINUTE)).toEqual([]);
  });

  test('a launch is open until its machines are recorded, and not until their lifecycles run', async () => {
    const { db } = database;
    await makePool(db);
    await launched(db, 't', 1);
    await finish(db, ['t'], NOW + MINUTE);
    expect(await getLaunch(db, 't')).toMatchObject({ status: 'done', closed: NOW });
    expect((await recordsAt(db, NOW + 1)).openLaunches).toEqual([]);
  });
});
