import { describe, expect, test } from '@jest/globals';
import type { NewLaunchConfig } from '../../../database/launch-config-changes.js';
import { launchConfigStats, poolCounters } from '../../../database/counts.js';
import { listLaunchConfigs } from '../../../database/launch-configs.js';
import {
  createPool,
  deletePool,
  getPool,
  listPoolIds,
  listPools,
  updatePool,
  type NewPool,
} from '../../../database/pools.js';
import { recordStopped } from '../../../database/worker-changes.js';
import {
  engines,
  eventsOf,
  launchConfig,
  launched,
  makePool,
  newPool,
  NOW,
  poolId,
  topicsOf,
  withoutEvents,
} from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

describe.each(engines)('a worker pool on %s', (engine) => {
  const database = databaseFor(engine);

  const create = (pool: Partial<NewPool>, launchConfigs: NewLaunchConfig[], nowMs = NOW) =>
    createPool(database.db, { pool: newPool(pool), launchConfigs, clientId: 'tester', nowMs });
  const update = (pool: Partial<NewPool>, launchConfigs: NewLaunchConfig[], nowMs = NOW + 1) =>
    updatePool(database.db, { pool: newPool(pool), launchConfigs, clientId: 'tester', nowMs });
  const activeIds = async () => (await getPool(database.db, poolId))?.launchConfigs.map((each) => each.launchConfigId);

  test('a worker pool is created with its launch configs, its audit row and its events', async () => {
    const { db } = database;
    expect(await create({}, [launchConfig('lc-b'), launchConfig('lc-a')])).toEqual({
      outcome: 'created',
      launchConfigs: { created: ['lc-b', 'lc-a'], updated: [], archived: [] },
    });
    expect(await getPool(db, poolId)).toEqual({
      pool: { ...newPool(), created: NOW, lastModified: NOW },
      launchConfigs: ['lc-a', 'lc-b'].map((launchConfigId, index) => ({
        workerPoolId: poolId,
        launchConfigId,
        revision: 1,
        isArchived: false,
        created: NOW,
        lastModified: NOW,
        configuration: launchConfig(launchConfigId).configuration,
        position: 1 - index,
      })),
    });
    expect(await eventsOf(db)).toEqual([
      { topic: 'worker-pool-created', payload: { workerPoolId: poolId, providerId: 'aws' } },
      { topic: 'launch-config-created', payload: { workerPoolId: poolId, providerId: 'aws', launchConfigId: 'lc-b' } },
      { topic: 'launch-config-created', payload: { workerPoolId: poolId, providerId: 'aws', launchConfigId: 'lc-a' } },
    ]);
    expect(await db.selectFrom('audit').select(['entityId', 'action', 'clientId']).execute()).toEqual([
      { entityId: poolId, action: 'created', clientId: 'tester' },
    ]);
  });

  test.each(['worker-pool-created', 'launch-config-created', 'worker-pool-updated', 'launch-config-archived'])(
    'a worker pool keeps nothing of a change whose event %s cannot be stored',
    async (topic) => {
      const { db } = database;
      const stored = async () => ({
        pool: await getPool(db, poolId),
        events: await eventsOf(db),
        audit: await db.selectFrom('audit').selectAll().execute(),
      });
      if (!topic.endsWith('created')) await create({}, [launchConfig('lc-a')]);
      const before = await stored();
      const change = topic.endsWith('created') ? create : update;
      await withoutEvents(db, topic, () =>
        expect(change({ description: 'new' }, [launchConfig('lc-b')])).rejects.toThrow('refused'),
      );
      expect(await stored()).toEqual(before);
    },
  );

  test('a worker pool created again just the same is unchanged, any other is rejected, and neither writes anything', async () => {
    const { db } = database;
    await create({}, [launchConfig('lc-a'), launchConfig('lc-b')]);
    const before = { pool: await getPool(db, poolId), events: await eventsOf(db) };
    expect((await create({}, [launchConfig('lc-a'), launchConfig('lc-b')], NOW + 5)).outcome).toBe('unchanged');
    expect((await create({}, [launchConfig('lc-b'), launchConfig('lc-a')])).outcome).toBe('pool-exists');
    expect((await create({ owner: 'else@example.com' }, [launchConfig('lc-a'), launchConfig('lc-b')])).outcome).toBe(
      'pool-exists',
    );
    expect((await create({}, [launchConfig('lc-a')])).outcome).toBe('pool-exists');
    expect((await create({}, [launchConfig('lc-a'), launchConfig('lc-b', { region: 'else' })])).outcome).toBe(
      'pool-exists',
    );
    expect({ pool: await getPool(db, poolId), events: await eventsOf(db) }).toEqual(before);
  });

  test('a worker pool that many clients create at once is created once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => create({}, [launchConfig('lc-a')])));
    expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual([
      'created',
      ...Array<string>(7).fill('unchanged'),
    ]);
    expect(await topicsOf(database.db)).toEqual(['worker-pool-created', 'launch-config-created']);
  });

  test('a worker pool is overwritten by an update', async () => {
    const { db } = database;
    await create({ config: { minCapacity: 1, maxCapacity: 2 } }, []);
    await update({ providerId: 'google', config: { maxCapacity: 3 } }, []);
    await update({ providerId: 'azure' }, []);
    await update({ providerId: 'aws' }, []);
    expect((await getPool(db, poolId))?.pool).toMatchObject({
      providerId: 'aws',
      created: NOW,
      lastModified: NOW + 1,
    });
    await update({ providerId: 'aws', config: { maxCapacity: 3 } }, []);
    expect((await getPool(db, poolId))?.pool).toMatchObject({
      config: { maxCapacity: 3 },
    });
    expect((await eventsOf(db)).at(-1)).toEqual({
      topic: 'worker-pool-updated',
      payload: { workerPoolId: poolId, providerId: 'aws', previousProviderId: 'aws' },
    });
    expect(await update({ workerPoolId: 'prov/none' }, [])).toEqual({ outcome: 'not-found' });
  });

  test('a worker pool archives launch configs that are not submitted again and revives those that are', async () => {
    const { db } = database;
    await create({}, [launchConfig('lc-a'), launchConfig('lc-b')]);
    expect(await update({}, [launchConfig('lc-c'), launchConfig('lc-b')])).toEqual({
      outcome: 'updated',
      launchConfigs: { created: ['lc-c'], updated: ['lc-b'], archived: ['lc-a'] },
    });
    expect(await activeIds()).toEqual(['lc-b', 'lc-c']);
    expect((await topicsOf(db)).slice(-4)).toEqual([
      'worker-pool-updated',
      'launch-config-updated',
      'launch-config-created',
      'launch-config-archived',
    ]);
    expect((await update({}, [launchConfig('lc-a')], NOW + 2)).outcome).toBe('updated');
    expect(await activeIds()).toEqual(['lc-a']);
    const all = await listLaunchConfigs(db, poolId, { includeArchived: true }, { limit: 10, after: null });
    // An archiving is no change of the launch config; a resubmission is one, even when nothing changed.
    expect(
      all.items.map(({ launchConfigId, isArchived, lastModified, revision }) => [
        launchConfigId,
        isArchived,
        lastModified,
        revision,
      ]),
    ).toEqual([
      ['lc-a', false, NOW + 2, 1],
      ['lc-b', true, NOW + 1, 1],
      ['lc-c', true, NOW + 1, 1],
    ]);
  });

  test('a worker pool gives a launch config a new revision when anything of it changes, and keeps the old one', async () => {
    const { db } = database;
    await create({}, [launchConfig('lc-a')]);
    const heavier = launchConfig('lc-a', { workerManager: { launchConfigId: 'lc-a', initialWeight: 0.5 } });
    await update({}, [heavier]);
    await update({}, [heavier], NOW + 2);
    expect((await getPool(db, poolId))?.launchConfigs).toMatchObject([
      { revision: 2, lastModified: NOW + 2, created: NOW, configuration: heavier.configuration },
    ]);
    const revisions = db.selectFrom('launchConfigRevisions').select(['revision', 'configuration']).orderBy('revision');
    expect(await revisions.execute()).toEqual([
      { revision: 1, configuration: launchConfig('lc-a').configuration },
      { revision: 2, configuration: heavier.configuration },
    ]);
  });

  test('a worker pool rejects an id that would come to mean another machine, archived or not, and changes nothing', async () => {
    const { db } = database;
    await create({}, [launchConfig('lc-a'), launchConfig('lc-b')]);
    await update({}, [launchConfig('lc-b')]);
    const before = { pool: await getPool(db, poolId), events: await eventsOf(db) };
    for (const launchConfigId of ['lc-a', 'lc-b']) {
      const other = launchConfig(launchConfigId, { region: 'eu-west-1' });
      expect(await update({ owner: 'x@example.com' }, [launchConfig('lc-c'), other])).toEqual({
        outcome: 'launch-config-conflict',
        launchConfigId,
      });
    }
    expect({ pool: await getPool(db, poolId), events: await eventsOf(db) }).toEqual(before);
  });

  test('a worker pool takes the last of several launch configs with one id, if they are of one machine', async () => {
    const { db } = database;
    const twice = [launchConfig('lc-a'), launchConfig('lc-a', { workerManager: { maxCapacity: 5 } })];
    expect(await create({}, twice)).toMatchObject({ outcome: 'created', launchConfigs: { created: ['lc-a'] } });
    expect((await getPool(db, poolId))?.launchConfigs).toMatchObject([{ configuration: twice[1]?.configuration }]);
    const different = [launchConfig('lc-z'), launchConfig('lc-z', { region: 'else' })];
    expect(await create({ workerPoolId: 'prov/other' }, different)).toEqual({
      outcome: 'launch-config-conflict',
      launchConfigId: 'lc-z',
    });
    expect(await listPoolIds(db)).toEqual([poolId]);
  });

  test('a deleted worker pool goes to the null provider and archives its launch configs, once', async () => {
    const { db } = database;
    await create({}, [launchConfig('lc-a')]);
    expect(await deletePool(db, poolId, { clientId: 'tester', nowMs: NOW + 1 })).toEqual({
      outcome: 'updated',
      launchConfigs: { created: [], updated: [], archived: ['lc-a'] },
    });
    expect((await deletePool(db, poolId, { clientId: 'tester', nowMs: NOW + 2 })).outcome).toBe('unchanged');
    expect(await deletePool(db, 'prov/none', { clientId: 'tester', nowMs: NOW })).toEqual({ outcome: 'not-found' });
    expect(await getPool(db, poolId)).toMatchObject({
      pool: {
        providerId: 'null-provider',
        owner: newPool().owner,
        lastModified: NOW + 1,
      },
      launchConfigs: [],
    });
    expect((await eventsOf(db)).slice(-2)).toEqual([
      {
        topic: 'worker-pool-updated',
        payload: { workerPoolId: poolId, providerId: 'null-provider', previousProviderId: 'aws' },
      },
      {
        topic: 'launch-config-archived',
        payload: { workerPoolId: poolId, providerId: 'null-provider', launchConfigId: 'lc-a' },
      },
    ]);
    expect(await db.selectFrom('audit').select('action').orderBy('id').execute()).toEqual([
      { action: 'created' },
      { action: 'deleted' },
    ]);
  });

  test('a worker pool is listed by id, and neither skipped nor doubled when others come and go between two pages', async () => {
    const { db } = database;
    for (const name of ['b', 'd', 'f', 'h']) await makePool(db, { workerPoolId: `prov/${name}` }, [launchConfig('lc')]);
    const first = await listPools(db, { limit: 2, after: null });
    expect(first.items.map(({ pool }) => pool.workerPoolId)).toEqual(['prov/b', 'prov/d']);
    expect(first.items[0]?.launchConfigs).toHaveLength(1);
    await db.deleteFrom('workerPools').where('workerPoolId', '=', 'prov/b').execute();
    await makePool(db, { workerPoolId: 'prov/a' });
    const second = await listPools(db, { limit: 2, after: first.after });
    expect(second.items.map(({ pool }) => pool.workerPoolId)).toEqual(['prov/f', 'prov/h']);
    expect(second.after).toBeNull();
  });

  test('a worker pool counts its own workers only, by state and by launch config', async () => {
    const { db } = database;
    await makePool(db);
    await makePool(db, { workerPoolId: 'prov/other' });
    await launched(db, 'x', 3, { capacityPerMachine: 2 });
    await recordStopped(
      db,
      { workerPoolId: poolId, workerGroup: 'us-west-2', workerId: 'x-0' },
      { nowMs: NOW, expires: NOW },
    );
    const counts = { currentCapacity: 4, requestedCount: 2, requestedCapacity: 4, stoppedCount: 1, stoppedCapacity: 2 };
    const counters = await poolCounters(db, [poolId, 'prov/other']);
    expect(counters.get(poolId)).toMatchObject({ ...counts, runningCount: 0, stoppingCapacity: 0 });
    expect(counters.get('prov/other')).toMatchObject({ currentCapacity: 0, stoppedCount: 0 });
    expect(await launchConfigStats(db, poolId)).toMatchObject([{ launchConfigId: 'lc-a', ...counts }]);
    expect(await launchConfigStats(db, 'prov/other')).toEqual([]);
  });
});
