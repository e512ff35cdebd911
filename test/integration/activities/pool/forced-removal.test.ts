import { describe, expect, test } from '@jest/globals';
import { hold } from '../../../../database/holds.js';
import { deletePool, updatePool } from '../../../../database/pools.js';
import { recordQuarantine, recordStopping } from '../../../../database/worker-changes.js';
import { lifecycleId } from '../../../../temporal/ids.js';
import { poolActivitiesSuite } from '../../../support/pool-activities-suite.js';
import { DAY, engines, launchConfig, newPool, NOW, poolId } from '../../../support/database.js';

describe.each(engines)('removeByForce on %s', (engine) => {
  const pool = poolActivitiesSuite(engine);
  const { database, key, run } = pool;
  const change = (config: object, launchConfigs = [launchConfig('lc-a'), launchConfig('lc-b')], providerId = 'aws') =>
    updatePool(database.db, {
      pool: newPool({ providerId, config: { minCapacity: 0, maxCapacity: 50, forcedRemoval: true, ...config } }),
      launchConfigs,
      clientId: 'tester',
      nowMs: NOW + 1,
    });
  const remove = () => pool.activities.removeByForce(poolId);
  const removed = () => pool.around.removed.map(({ workflowId }) => workflowId).toSorted();
  const names = (...workerIds: string[]) => workerIds.map((workerId) => lifecycleId(key(workerId)));

  test('removeByForce removes idle workers above a lowered maximum, a tenth at once', async () => {
    await run('t', 20);
    await change({ maxCapacity: 15 });
    const idle = ['t-7', 't-9', 't-11'];
    pool.around.claimants = Array.from({ length: 20 }, (_, number) => key(`t-${number}`)).filter(
      ({ workerId }) => !idle.includes(workerId),
    );
    expect(await remove()).toBe(2);
    expect(removed()).toEqual(names('t-11', 't-7'));
    expect(pool.around.removed[0]!.reason).toBe('removed by force: above the maximum');
    await recordStopping(database.db, key('t-7'), { reason: 'r', nowMs: NOW });
    // One of nineteen is on its way out.
    expect(await remove()).toBe(0);
  });

  test('removeByForce removes workers of archived launch configs and of a former provider, and of a deleted pool all', async () => {
    await run('t', 3);
    await change({}, [launchConfig('lc-b')]);
    expect(await remove()).toBe(1);
    await change({}, undefined, 'other');
    expect(await remove()).toBe(1);
    await deletePool(database.db, poolId, { clientId: 'tester', nowMs: NOW + 2 });
    expect(await remove()).toBe(1);
    expect(pool.around.removed.map(({ reason }) => reason)).toEqual([
      'removed by force: its launch config was archived',
      'removed by force: its provider was replaced',
      'removed by force: its provider was replaced',
    ]);
  });

  test('removeByForce removes nobody of a pool on hold, nor of one without the option', async () => {
    await run('t', 3);
    await change({ maxCapacity: 1, forcedRemoval: false });
    expect(await remove()).toBe(0);
    await change({ maxCapacity: 1 });
    await hold(database.db, poolId, { reason: 'r', clientId: 'tester', nowMs: NOW });
    expect(await remove()).toBe(0);
    await database.db.deleteFrom('holds').execute();
    expect(await remove()).toBe(1);
  });

  test('removeByForce leaves quarantined workers, and goes on while the queue says nothing', async () => {
    await run('t', 3);
    await change({ maxCapacity: 0 });
    await recordQuarantine(database.db, key('t-0'), NOW + DAY);
    pool.around.claimants = new Error('no answer');
    expect(await remove()).toBe(1);
    expect(removed()).toEqual(names('t-1'));
  });
});
