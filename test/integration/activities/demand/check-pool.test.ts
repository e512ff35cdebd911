import { beforeEach, expect, test } from '@jest/globals';
import { checkPool } from '../../../../activities/demand/check-pool.js';
import { recordDecision } from '../../../../database/decisions.js';
import { recordReadings } from '../../../../database/demand-readings.js';
import type { DemandCounts } from '../../../../domain/demand.js';
import { providersOf } from '../../../../providers/configured.js';
import { activityDeps } from '../../../support/activities.js';
import { decisionOf } from '../../../support/decisions.js';
import { recordedContext } from '../../../support/provider-context.js';
import { makePool, newIntent, NOW, poolId, reserve } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';
import { RecordingCloud } from '../../../support/recording-cloud.js';
import { recordingProvider } from '../../../support/recording-provider.js';

const database = databaseFor('PGlite');
const basis = { wantedCapacity: 0, roomCapacity: 0, advisedCapacity: 0, evaluateAgainAt: null };
const waiting = { pendingTasks: 5, claimedTasks: 0 };

/** Of which the last decision left nothing to do, and whose queue is to be read again in a minute. */
beforeEach(async () => {
  await makePool(database.db, { config: { minCapacity: 0, maxCapacity: 1 } });
  await recordDecision(database.db, poolId, decisionOf(), { basis, fingerprint: 'f', nowMs: NOW });
  const quiet = { workerPoolId: poolId, pendingTasks: 0, claimedTasks: 0, wantedMachines: 0, dueAt: NOW + 60_000 };
  await recordReadings(database.db, [quiet], NOW);
});

async function check(counts: () => Promise<DemandCounts>, workerPoolId = poolId): Promise<string[]> {
  const triggered: string[] = [];
  const requestReconcile = async (id: string) => void triggered.push(id);
  const cloud = recordingProvider(recordedContext({ providerId: 'aws' }), new RecordingCloud(), 'bulk');
  const deps = activityDeps({
    database: { db: database.db },
    providers: providersOf([cloud]),
    demand: { counts },
    triggers: { requestReconcile },
  });
  await checkPool(deps, workerPoolId);
  return triggered;
}

const reading = () => database.db.selectFrom('demandReadings').selectAll().executeTakeFirst();

test('a check triggers a pool that wants machines now, and has its queue read at the next poll', async () => {
  expect(await check(async () => waiting)).toEqual([poolId]);
  expect(await reading()).toMatchObject({ readAt: NOW, pendingTasks: 0, dueAt: 0 });
});

test('a check triggers no pool that has no room for another machine', async () => {
  await reserve(database.db, [newIntent('t', 1)], poolId, Date.now());
  expect(await check(async () => waiting)).toEqual([]);
  expect(await reading()).toMatchObject({ dueAt: 0 });
});

test('a check leaves a pool to the next poll when the queue does not answer', async () => {
  const failing = async () => {
    throw new Error('the queue does not answer');
  };
  expect(await check(failing)).toEqual([]);
  expect(await reading()).toMatchObject({ dueAt: 0 });
});

test('a check of a pool that has gone does nothing', async () => {
  expect(await check(async () => waiting, 'prov/gone')).toEqual([]);
});
