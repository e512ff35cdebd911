import { beforeEach, describe, expect, test } from '@jest/globals';
import { recordDecision } from '../../../database/decisions.js';
import { recordReadings } from '../../../database/demand-readings.js';
import { advisedWorkers, groupCapacities, poolFigures } from '../../../database/taskcluster-figures.js';
import { setShouldTerminate } from '../../../database/termination-advice.js';
import { recordQuarantine, recordRunning, recordStopping } from '../../../database/worker-changes.js';
import { estimate, noCapacity } from '../../../domain/estimator.js';
import { decisionOf } from '../../support/decisions.js';
import { engines, launched, makePool, MINUTE, NOW, poolId } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

describe.each(engines)('figures for Taskcluster’s metrics on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(async () => {
    await makePool(database.db);
  });

  const key = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });
  const run = (workerId: string) =>
    recordRunning(database.db, key(workerId), {
      ...{ registeredAt: NOW, queueInactivityMs: MINUTE, terminateAfter: NOW + MINUTE, expires: NOW + MINUTE },
      ...{ secretGeneration: 1, nowMs: NOW },
    });

  test('figures sum up live capacity by group, without workers in quarantine', async () => {
    const { db } = database;
    await launched(db, 't', 5);
    for (const workerId of ['t-0', 't-1', 't-2']) await run(workerId);
    await recordQuarantine(db, key('t-1'), NOW + MINUTE);
    await recordStopping(db, key('t-2'), { reason: 'r', nowMs: NOW });
    const [group, ...others] = await groupCapacities(db, NOW);
    expect(others).toEqual([]);
    const { existing, requested, stopping, ...labels } = group!;
    expect(labels).toEqual({ workerPoolId: poolId, providerId: 'aws', workerGroup: 'us-west-2' });
    const capacity = requested / 2;
    expect([existing, stopping]).toEqual([3 * capacity, capacity]);
    expect((await groupCapacities(db, NOW + 2 * MINUTE))[0]?.existing).toBe(4 * capacity);
  });

  test('figures have the last reading of a pool, and the terms of its last decision once there is one', async () => {
    const { db } = database;
    expect(await poolFigures(db)).toEqual([]);
    await recordReadings(db, [{ workerPoolId: poolId, pendingTasks: 7, claimedTasks: 3, wantedMachines: 0 }], NOW);
    const read = { workerPoolId: poolId, providerId: 'aws', pendingTasks: 7, claimedTasks: 3 };
    const none = { desiredCapacity: null, totalIdleCapacity: null, adjustedPendingTasks: null };
    expect(await poolFigures(db)).toEqual([{ ...read, ...none }]);
    const capacity = { ...noCapacity, runningCapacity: 5, currentCapacity: 5, stoppingCapacity: 1 };
    const input = { ...capacity, pendingTasks: 7, claimedTasks: 3, minCapacity: 0, maxCapacity: 100, scalingRatio: 1 };
    const decision = {
      ...decisionOf(),
      inputs: { ...input, providerId: 'aws' },
      estimate: estimate('corrected', input),
    };
    const basis = { wantedCapacity: 0, roomCapacity: 0, advisedCapacity: null, evaluateAgainAt: null };
    await recordDecision(db, poolId, decision, { basis, fingerprint: 'f', nowMs: NOW });
    // 2 are idle, so 5 more are wanted beside the 5 that run and the one that stops.
    expect(await poolFigures(db)).toEqual([
      { ...read, desiredCapacity: 11, totalIdleCapacity: 2, adjustedPendingTasks: 5 },
    ]);
  });

  test('figures count running workers that are advised to terminate, by reason', async () => {
    const { db } = database;
    await launched(db, 't', 3);
    for (const workerId of ['t-0', 't-1', 't-2']) await run(workerId);
    const advice = (workerId: string, terminate: boolean, reason: 'over capacity' | 'needed') => ({
      ...{ workerGroup: 'us-west-2', workerId },
      ...{ terminate, reason },
    });
    await setShouldTerminate(
      db,
      poolId,
      [advice('t-0', true, 'over capacity'), advice('t-1', true, 'over capacity'), advice('t-2', false, 'needed')],
      NOW,
    );
    await recordStopping(db, key('t-1'), { reason: 'r', nowMs: NOW });
    expect(await advisedWorkers(db)).toEqual([
      { workerPoolId: poolId, providerId: 'aws', reason: 'over capacity', workers: 1 },
    ]);
  });
});
