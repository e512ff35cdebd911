import { describe, expect, test } from '@jest/globals';
import { recordReadings } from '../../../../database/demand-readings.js';
import { listErrors } from '../../../../database/errors.js';
import { getLaunch } from '../../../../database/launches.js';
import { deletePool, updatePool } from '../../../../database/pools.js';
import { activityEnvironment, asActivity } from '../../../support/activities.js';
import { invalidRequest } from '../../../support/pool-activities.js';
import { poolActivitiesSuite } from '../../../support/pool-activities-suite.js';
import { engines, launchConfig, makePool, newPool, NOW, poolId } from '../../../support/database.js';

describe.each(engines)('reserveLaunches on %s', (engine) => {
  const pool = poolActivitiesSuite(engine);
  const { database } = pool;
  const request = (choices: { launchConfigId: string; machines: number; revision?: number }[]) => ({
    workerPoolId: poolId,
    tokenPrefix: 'run.0.0',
    choices: choices.map((choice) => ({ revision: 1, ...choice })),
    maxMachines: 500,
  });

  test('reserveLaunches writes an intent for each choice with the request for just so many machines', async () => {
    const reserved = await pool.activities.reserveLaunches(
      request([
        { launchConfigId: 'lc-a', machines: 3 },
        { launchConfigId: 'lc-b', machines: 2 },
      ]),
    );
    expect(reserved).toMatchObject({
      launches: [
        { providerId: 'aws', launchConfigId: 'lc-a', count: 3 },
        { providerId: 'aws', launchConfigId: 'lc-b', count: 2 },
      ],
      refused: [],
      limitedBy: [],
    });
    for (const { token, launchConfigId, count } of reserved.launches) {
      expect(token.length).toBeLessThanOrEqual(64);
      expect(await getLaunch(database.db, token)).toMatchObject({
        ...{ workerPoolId: poolId, providerId: 'aws', launchConfigId, launchConfigRevision: 1, count },
        ...{ status: 'open', attempts: 0, request: { workerPoolId: poolId, launchConfigId } },
      });
    }
  });

  test('reserveLaunches writes several intents when a choice is larger than one launch may be', async () => {
    pool.around.maxPerLaunch = 4;
    pool.activities = pool.around.activities(database.db);
    const { launches } = await pool.activities.reserveLaunches(request([{ launchConfigId: 'lc-a', machines: 10 }]));
    expect(launches.map(({ count }) => count)).toEqual([4, 4, 2]);
    expect(new Set(launches.map(({ token }) => token)).size).toBe(3);
  });

  test('reserveLaunches reserves no more than the reconciliation has left', async () => {
    const { launches } = await pool.activities.reserveLaunches({
      ...request([
        { launchConfigId: 'lc-a', machines: 3 },
        { launchConfigId: 'lc-b', machines: 3 },
      ]),
      maxMachines: 4,
    });
    expect(launches.reduce((sum, { count }) => sum + count, 0)).toBe(4);
  });

  test('reserveLaunches gives the same launches when it is repeated', async () => {
    const twice = request([
      { launchConfigId: 'lc-a', machines: 3 },
      { launchConfigId: 'lc-b', machines: 2 },
    ]);
    const first = await pool.activities.reserveLaunches(twice);
    expect((await pool.activities.reserveLaunches(twice)).launches).toEqual(first.launches);
    expect(await database.db.selectFrom('launches').select('token').execute()).toHaveLength(2);
  });

  test('reserveLaunches gives every launch its token again when another launch config was edited between two attempts', async () => {
    const choices = [
      { launchConfigId: 'lc-a', machines: 3 },
      { launchConfigId: 'lc-b', machines: 2 },
    ];
    const first = await pool.activities.reserveLaunches(request(choices));
    await updatePool(database.db, {
      pool: newPool(),
      launchConfigs: [launchConfig('lc-a', { workerManager: { initialWeight: 0.5 } }), launchConfig('lc-b')],
      clientId: 't',
      nowMs: NOW,
    });
    expect((await pool.activities.reserveLaunches(request(choices))).launches).toEqual(first.launches);
  });

  test('reserveLaunches lets two pools of a few machines launch in the minute in which a third wants thousands', async () => {
    pool.around.limits = { launchesPerMinute: 500 };
    pool.around.maxPerLaunch = 1_000;
    pool.activities = pool.around.activities(database.db);
    const wants = new Map([
      [poolId, 2_500],
      ['prov/twenty', 20],
      ['prov/one', 1],
    ]);
    for (const id of ['prov/twenty', 'prov/one']) await makePool(database.db, { workerPoolId: id });
    await recordReadings(
      database.db,
      [...wants].map(([workerPoolId, wantedMachines]) => ({
        ...{ workerPoolId, wantedMachines, pendingTasks: wantedMachines, claimedTasks: 0 },
      })),
      NOW,
    );
    const got: Record<string, number> = {};
    for (const [workerPoolId, machines] of wants) {
      const choice = { launchConfigId: 'lc-a', revision: 1, machines };
      const { launches, limitedBy, limitEndsAt } = await pool.activities.reserveLaunches({
        ...{ workerPoolId, tokenPrefix: `${workerPoolId}.0.0`, choices: [choice], maxMachines: 2_500 },
      });
      got[workerPoolId] = launches.reduce((sum, { count }) => sum + count, 0);
      if (workerPoolId === poolId) {
        expect(limitedBy).toEqual(['limits.launchesPerMinute']);
        expect(limitEndsAt).toBeGreaterThan(NOW);
      }
    }
    expect(got).toEqual({ [poolId]: 479, 'prov/twenty': 20, 'prov/one': 1 });
  });

  test('reserveLaunches never passes a limit when thirty reservations come at once in two processes', async () => {
    pool.around.limits = { machines: 40, launchesPerMinute: 35 };
    const processes = [pool.around.activities(database.db), pool.around.activities(database.db)];
    await Promise.all(
      Array.from({ length: 30 }, async (_, n) =>
        processes[n % 2]!.reserveLaunches({
          ...request([{ launchConfigId: 'lc-a', machines: 1 + (n % 4) }]),
          tokenPrefix: `run-${n}.0.0`,
        }),
      ),
    );
    const { total } = await database.db
      .selectFrom('launches')
      .select(({ fn }) => fn.sum<number>('count').as('total'))
      .executeTakeFirstOrThrow();
    expect(Number(total)).toBe(35);
  });

  test('reserveLaunches does nothing for a reservation whose time was over before its turn came', async () => {
    const isHeld = Promise.withResolvers<void>();
    const goesOn = Promise.withResolvers<void>();
    const reads = new Set<object>();
    const db = database.db.withPlugin({
      transformQuery: ({ node, queryId }) => {
        if (JSON.stringify(node).includes('launched_last_minute')) reads.add(queryId);
        return node;
      },
      transformResult: async ({ result, queryId }) => {
        if (reads.has(queryId)) isHeld.resolve();
        if (reads.has(queryId)) await goesOn.promise;
        return result;
      },
    });
    const reserveAs = pool.around.reservations(db);
    const reserve = (tokenPrefix: string, startToCloseTimeoutMs: number) =>
      asActivity(
        () => reserveAs({ ...request([{ launchConfigId: 'lc-a', machines: 1 }]), tokenPrefix }),
        activityEnvironment({ startToCloseTimeoutMs }),
      );
    const first = reserve('run-1.0.0', 600_000);
    await isHeld.promise;
    const second = reserve('run-2.0.0', 1);
    const third = reserve('run-3.0.0', 600_000);
    goesOn.resolve();
    expect((await first).launches).toHaveLength(1);
    await expect(second).rejects.toThrow('given up');
    expect((await third).launches).toHaveLength(1);
    expect(reads.size).toBe(2);
  });

  test('reserveLaunches leaves a launch config out that was edited since it was chosen', async () => {
    const choices = [
      { launchConfigId: 'lc-a', machines: 3, revision: 7 },
      { launchConfigId: 'lc-b', machines: 2 },
    ];
    const { launches } = await pool.activities.reserveLaunches(request(choices));
    expect(launches.map(({ launchConfigId }) => launchConfigId)).toEqual(['lc-b']);
  });

  test('reserveLaunches backs off a launch config whose request can never be sent and reports it to its owner', async () => {
    pool.around.render = ({ launchConfigId }) => {
      if (launchConfigId === 'lc-a') throw invalidRequest();
    };
    const reserved = await pool.activities.reserveLaunches(
      request([
        { launchConfigId: 'lc-a', machines: 3 },
        { launchConfigId: 'lc-b', machines: 2 },
      ]),
    );
    expect(reserved).toMatchObject({
      launches: [{ launchConfigId: 'lc-b', count: 2 }],
      refused: [
        { launchConfigId: 'lc-a', requested: 3, launched: 0, outcome: 'failed', failure: 'the user data is too long' },
      ],
    });
    const { items } = await listErrors(database.db, poolId, {}, { limit: 5, after: null });
    expect(items).toMatchObject([{ launchConfigId: 'lc-a', description: 'the user data is too long' }]);
    expect(
      (await database.db.selectFrom('launchBackoffs').selectAll().execute()).map((row) => row.launchConfigId),
    ).toEqual(['lc-a']);
  });

  test('reserveLaunches backs off a launch config that breaks the rendering of its request, and launches the others', async () => {
    pool.around.render = ({ launchConfigId }) => {
      if (launchConfigId === 'lc-a') throw new TypeError('x is undefined');
    };
    const choices = ['lc-a', 'lc-b'].map((launchConfigId) => ({ launchConfigId, machines: 2 }));
    const failure = 'No launch request can be made: TypeError: x is undefined';
    expect(await pool.activities.reserveLaunches(request(choices))).toMatchObject({
      launches: [{ launchConfigId: 'lc-b', count: 2 }],
      refused: [{ launchConfigId: 'lc-a', requested: 2, launched: 0, outcome: 'failed', failure }],
    });
    const { items } = await listErrors(database.db, poolId, {}, { limit: 5, after: null });
    expect(items).toMatchObject([{ launchConfigId: 'lc-a', description: failure }]);
  });

  test('reserveLaunches reserves nothing when the pool was deleted meanwhile', async () => {
    await deletePool(database.db, poolId, { clientId: 't', nowMs: NOW });
    expect(await pool.activities.reserveLaunches(request([{ launchConfigId: 'lc-a', machines: 3 }]))).toEqual({
      launches: [],
      refused: [],
      limitedBy: ['the pool has changed'],
      limitEndsAt: null,
      limit: null,
    });
  });

  test('reserveLaunches stays within the limits of the deployment and names the one that bound it', async () => {
    pool.around.limits = { machines: 4 };
    pool.activities = pool.around.activities(database.db);
    const choices = [
      { launchConfigId: 'lc-a', machines: 3 },
      { launchConfigId: 'lc-b', machines: 2 },
    ];
    const reserved = await pool.activities.reserveLaunches(request(choices));
    expect(reserved.launches.reduce((sum, { count }) => sum + count, 0)).toBe(4);
    expect(reserved.limitedBy).toEqual(['limits.machines']);
    // Each request is for as many machines as its row.
    for (const { token, count } of reserved.launches) {
      expect(pool.around.rendered.filter((rendered) => rendered.token === token).at(-1)?.count).toBe(count);
    }
  });
});
