import { describe, expect, test } from '@jest/globals';
import { hold } from '../../../../database/holds.js';
import { beginAttempt } from '../../../../database/launch-attempts.js';
import { deletePool, updatePool } from '../../../../database/pools.js';
import type { PoolSurroundings } from '../../../support/pool-activities.js';
import { poolActivitiesSuite } from '../../../support/pool-activities-suite.js';
import { engines, launchConfig, newIntent, newPool, NOW, poolId, reserve } from '../../../support/database.js';

describe.each(engines)('assessPool on %s', (engine) => {
  const pool = poolActivitiesSuite(engine);
  const { database, assess } = pool;

  test('assessPool gives null when there is no such pool', async () => {
    expect(await pool.activities.assessPool('prov/none')).toBeNull();
  });

  test('assessPool gives counts, capacity, launch configs and unfinished launches', async () => {
    pool.around.counts = { pendingTasks: 7, claimedTasks: 3 };
    await reserve(database.db, [newIntent('sent', 2), newIntent('unsent', 1)]);
    await beginAttempt(database.db, 'sent', { nowMs: NOW, mayLaunch: true });
    expect(await assess()).toMatchObject({
      workerPoolId: poolId,
      estimator: 'corrected',
      inputs: {
        ...{ providerId: 'aws', pendingTasks: 7, claimedTasks: 3, currentCapacity: 3, requestedCapacity: 3 },
        ...{ stoppingCapacity: 0, minCapacity: 1, maxCapacity: 50, scalingRatio: 0.5 },
      },
      options: [
        { launchConfigId: 'lc-a', usedCapacity: 3 },
        { launchConfigId: 'lc-b', usedCapacity: 0 },
      ],
      unfinished: [
        { token: 'sent', providerId: 'aws', launchConfigId: 'lc-a', count: 2, neverSent: false },
        { token: 'unsent', providerId: 'aws', launchConfigId: 'lc-a', count: 1, neverSent: true },
      ],
      blockedBy: [],
      providers: ['aws'],
    });
  });

  test('assessPool says of which unfinished launches the launch config has been archived', async () => {
    await reserve(database.db, [newIntent('former', 2), newIntent('current', 1, { launchConfigId: 'lc-b' })]);
    await updatePool(database.db, {
      pool: newPool(),
      launchConfigs: [launchConfig('lc-b')],
      clientId: 't',
      nowMs: NOW,
    });
    expect((await assess()).unfinished.map(({ token, isArchived }) => [token, isArchived])).toEqual([
      ['current', false],
      ['former', true],
    ]);
  });

  test.each<[string, (surroundings: PoolSurroundings) => unknown, string]>([
    ['it is held', () => hold(database.db, poolId, { reason: 'repair', clientId: 't', nowMs: NOW }), 'held: repair'],
    [
      'everything is held',
      () => hold(database.db, '*', { reason: 'incident', clientId: 't', nowMs: NOW }),
      'held: incident',
    ],
    [
      'its cron Schedule is paused',
      (surroundings) => (surroundings.paused = true),
      'held: its cron Schedule is paused',
    ],
    [
      'Temporal does not say whether its cron Schedule is paused',
      (surroundings) => (surroundings.paused = new Error('deadline exceeded')),
      'Temporal did not say whether its cron Schedule is paused',
    ],
    ['its provider is not healthy', (surroundings) => (surroundings.health = 'failed'), 'provider aws is not healthy'],
    ['its provider is draining', (surroundings) => (surroundings.draining = true), 'provider aws is draining'],
    [
      'it has been deleted',
      () => deletePool(database.db, poolId, { clientId: 't', nowMs: NOW }),
      'the pool has been deleted',
    ],
    [
      'its provider is not configured',
      () =>
        updatePool(database.db, {
          pool: newPool({ providerId: 'unknown' }),
          launchConfigs: [],
          clientId: 't',
          nowMs: NOW,
        }),
      'provider unknown is not configured',
    ],
  ])('assessPool blocks the pool when %s', async (_, change, blockedBy) => {
    await change(pool.around);
    expect((await assess()).blockedBy).toEqual([blockedBy]);
  });

  test('assessPool gives what is unfinished, whatever Temporal says of the cron Schedule', async () => {
    pool.around.paused = new Error('deadline exceeded');
    await reserve(database.db, [newIntent('sent', 2)]);
    await beginAttempt(database.db, 'sent', { nowMs: NOW, mayLaunch: true });
    expect(await assess()).toMatchObject({ unfinished: [{ token: 'sent', neverSent: false }], blockedForPolls: false });
  });

  test('assessPool does not block a pool whose cron Schedule is not there yet', async () => {
    pool.around.paused = null;
    expect((await assess()).blockedBy).toEqual([]);
  });

  test('assessPool gives no counts when the queue does not answer', async () => {
    pool.around.counts = new Error('the queue does not answer');
    expect((await assess()).inputs).toMatchObject({ pendingTasks: null, claimedTasks: null, maxCapacity: 50 });
  });
});
