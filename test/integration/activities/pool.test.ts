import { beforeEach, describe, expect, test } from '@jest/globals';
import type { PoolActivities } from '../../../activities/pool.js';
import type { Decision } from '../../../domain/decision.js';
import { listDecisions } from '../../../records/decisions.js';
import { listErrors } from '../../../records/errors.js';
import { hold } from '../../../records/holds.js';
import { beginAttempt } from '../../../records/launch-attempts.js';
import { bookLaunch, getLaunch } from '../../../records/launches.js';
import { deletePool, updatePool } from '../../../records/pools.js';
import { recordRunning } from '../../../records/worker-changes.js';
import { getWorker } from '../../../records/workers.js';
import { invalidRequest, PoolSurroundings } from '../../support/pool-activities.js';
import {
  DAY,
  engines,
  launchConfig,
  machines,
  makePool,
  newPool,
  NOW,
  order,
  poolId,
  reserve,
  times,
} from '../../support/records.js';
import { recordsFor } from '../../support/records-suite.js';

describe.each(engines)('on %s,', (engine) => {
  const records = recordsFor(engine);
  let around: PoolSurroundings;
  let activities: PoolActivities;
  beforeEach(async () => {
    around = new PoolSurroundings();
    activities = around.activities(records.db);
    await makePool(records.db, { config: { minCapacity: 1, maxCapacity: 50, scalingRatio: 0.5 } });
  });

  const key = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });
  const assess = async () => (await activities.assessPool(poolId))!;

  async function run(token: string, count: number): Promise<void> {
    await reserve(records.db, [order(token, count)]);
    await bookLaunch(records.db, token, machines(count, token), times);
    for (let number = 0; number < count; number += 1) {
      await recordRunning(records.db, key(`${token}-${number}`), {
        registeredAt: NOW,
        terminateAfter: NOW + DAY,
        expires: NOW + DAY,
        secretGeneration: 1,
        nowMs: NOW,
      });
    }
  }

  describe('assessPool', () => {
    test('gives null when there is no such pool', async () => {
      expect(await activities.assessPool('prov/none')).toBeNull();
    });

    test('gives counts, capacity, launch configs and unfinished launches', async () => {
      around.counts = { pendingTasks: 7, claimedTasks: 3 };
      await reserve(records.db, [order('sent', 2), order('unsent', 1)]);
      await beginAttempt(records.db, 'sent', { nowMs: NOW, mayLaunch: true });
      expect(await assess()).toMatchObject({
        workerPoolId: poolId,
        estimator: 'corrected',
        inputs: {
          ...{ providerId: 'aws', pendingTasks: 7, claimedTasks: 3, existingCapacity: 3, requestedCapacity: 3 },
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

    test.each<[string, (surroundings: PoolSurroundings) => unknown, string]>([
      ['it is held', () => hold(records.db, poolId, { reason: 'repair', clientId: 't', nowMs: NOW }), 'held: repair'],
      [
        'everything is held',
        () => hold(records.db, '*', { reason: 'incident', clientId: 't', nowMs: NOW }),
        'held: incident',
      ],
      [
        'its cron Schedule is paused',
        (surroundings) => (surroundings.paused = true),
        'held: its cron Schedule is paused',
      ],
      [
        'its provider is not healthy',
        (surroundings) => (surroundings.health = 'failed'),
        'provider aws is not healthy',
      ],
      ['its provider is draining', (surroundings) => (surroundings.draining = true), 'provider aws is draining'],
      [
        'it has been deleted',
        () => deletePool(records.db, poolId, { clientId: 't', nowMs: NOW }),
        'the pool has been deleted',
      ],
      [
        'its provider is not configured',
        () =>
          updatePool(records.db, {
            pool: newPool({ providerId: 'unknown' }),
            launchConfigs: [],
            clientId: 't',
            nowMs: NOW,
          }),
        'provider unknown is not configured',
      ],
    ])('blocks the pool when %s', async (_, change, blockedBy) => {
      await change(around);
      expect((await assess()).blockedBy).toEqual([blockedBy]);
    });

    test('does not block a pool whose cron Schedule is not there yet', async () => {
      around.paused = null;
      expect((await assess()).blockedBy).toEqual([]);
    });

    test('gives no counts when the queue does not answer', async () => {
      around.counts = new Error('the queue does not answer');
      expect((await assess()).inputs).toMatchObject({ pendingTasks: null, claimedTasks: null, maxCapacity: 50 });
    });
  });

  describe('reserveLaunches', () => {
    const request = (choices: { launchConfigId: string; machines: number; revision?: number }[]) => ({
      workerPoolId: poolId,
      tokenPrefix: 'run.0.0',
      choices: choices.map((choice) => ({ revision: 1, ...choice })),
      mostMachines: 500,
    });

    test('writes an intent for each choice with the request for just so many machines', async () => {
      const reserved = await activities.reserveLaunches(
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
        expect(await getLaunch(records.db, token)).toMatchObject({
          ...{ workerPoolId: poolId, providerId: 'aws', launchConfigId, launchConfigRevision: 1, count },
          ...{ status: 'open', attempts: 0, request: { workerPoolId: poolId, launchConfigId } },
        });
      }
    });

    test('writes several intents when a choice is larger than one launch may be', async () => {
      around.maxPerLaunch = 4;
      activities = around.activities(records.db);
      const { launches } = await activities.reserveLaunches(request([{ launchConfigId: 'lc-a', machines: 10 }]));
      expect(launches.map(({ count }) => count)).toEqual([4, 4, 2]);
      expect(new Set(launches.map(({ token }) => token)).size).toBe(3);
    });

    test('reserves no more than the pass has left', async () => {
      const { launches } = await activities.reserveLaunches({
        ...request([
          { launchConfigId: 'lc-a', machines: 3 },
          { launchConfigId: 'lc-b', machines: 3 },
        ]),
        mostMachines: 4,
      });
      expect(launches.reduce((sum, { count }) => sum + count, 0)).toBe(4);
    });

    test('gives the same launches when it is repeated', async () => {
      const twice = request([
        { launchConfigId: 'lc-a', machines: 3 },
        { launchConfigId: 'lc-b', machines: 2 },
      ]);
      const first = await activities.reserveLaunches(twice);
      expect(await activities.reserveLaunches(twice)).toEqual(first);
      expect(await records.db.selectFrom('launches').select('token').execute()).toHaveLength(2);
    });

    test('leaves a launch config out that was edited since it was chosen', async () => {
      const choices = [
        { launchConfigId: 'lc-a', machines: 3, revision: 7 },
        { launchConfigId: 'lc-b', machines: 2 },
      ];
      const { launches } = await activities.reserveLaunches(request(choices));
      expect(launches.map(({ launchConfigId }) => launchConfigId)).toEqual(['lc-b']);
    });

    test('backs off a launch config whose request can never be sent and tells its owner', async () => {
      around.render = ({ launchConfigId }) => {
        if (launchConfigId === 'lc-a') throw invalidRequest();
      };
      const reserved = await activities.reserveLaunches(
        request([
          { launchConfigId: 'lc-a', machines: 3 },
          { launchConfigId: 'lc-b', machines: 2 },
        ]),
      );
      expect(reserved).toMatchObject({
        launches: [{ launchConfigId: 'lc-b', count: 2 }],
        refused: [
          { launchConfigId: 'lc-a', asked: 3, made: 0, outcome: 'failed', failure: 'the user data is too long' },
        ],
      });
      const { items } = await listErrors(records.db, poolId, {}, { limit: 5, after: null });
      expect(items).toMatchObject([{ launchConfigId: 'lc-a', description: 'the user data is too long' }]);
      expect(
        (await records.db.selectFrom('launchBackoffs').selectAll().execute()).map((row) => row.launchConfigId),
      ).toEqual(['lc-a']);
    });

    test('reserves nothing when the pool was deleted meanwhile', async () => {
      await deletePool(records.db, poolId, { clientId: 't', nowMs: NOW });
      expect(await activities.reserveLaunches(request([{ launchConfigId: 'lc-a', machines: 3 }]))).toEqual({
        launches: [],
        refused: [],
        limitedBy: ['the pool has changed'],
      });
    });

    test('stays within the limits of the deployment and names the one that bound it', async () => {
      around.limits = { machines: 4 };
      activities = around.activities(records.db);
      const choices = [
        { launchConfigId: 'lc-a', machines: 3 },
        { launchConfigId: 'lc-b', machines: 2 },
      ];
      const reserved = await activities.reserveLaunches(request(choices));
      expect(reserved.launches.reduce((sum, { count }) => sum + count, 0)).toBe(4);
      expect(reserved.limitedBy).toEqual(['limits.machines']);
      // Each request is for as many machines as its row.
      for (const { token, count } of reserved.launches) {
        expect(around.rendered.filter((rendered) => rendered.token === token).at(-1)?.count).toBe(count);
      }
    });
  });

  describe('concludePass', () => {
    const conclude = async (change: Partial<Decision> = {}, inputs: Partial<Decision['inputs']> = {}) => {
      const assessed = await assess();
      await activities.concludePass(poolId, {
        inputs: { ...assessed.inputs, ...inputs },
        estimate: null,
        limitedBy: [],
        launches: [],
        passedOver: [],
        ...change,
      });
    };
    const verdicts = async (token: string, count: number) =>
      await Promise.all(
        Array.from({ length: count }, async (_, number) => {
          const worker = await getWorker(records.db, key(`${token}-${number}`));
          return worker?.shouldTerminate?.terminate ?? null;
        }),
      );

    test('closes the launches that were carried out', async () => {
      await run('t', 1);
      const outcome = {
        token: 't',
        launchConfigId: 'lc-a',
        asked: 1,
        made: 1,
        outcome: 'launched',
        failure: null,
      } as const;
      await conclude({ launches: [outcome] });
      expect(await getLaunch(records.db, 't')).toMatchObject({ status: 'done' });
    });

    test('records the decision, and an equal one as another occurrence of it', async () => {
      await conclude();
      await conclude();
      const { items } = await listDecisions(records.db, poolId, { limit: 5, after: null });
      expect(items).toMatchObject([{ occurrences: 2, decision: { terminations: 0, inputs: { maxCapacity: 50 } } }]);
    });

    test('gives no advice when the counts are unknown', async () => {
      await run('t', 3);
      await conclude({}, { pendingTasks: null, claimedTasks: null });
      expect(await verdicts('t', 3)).toEqual([null, null, null]);
    });

    test('advises no worker to end that is needed', async () => {
      await run('t', 3);
      await conclude({}, { pendingTasks: 6, claimedTasks: 0 });
      expect(await verdicts('t', 3)).toEqual([false, false, false]);
    });

    test('advises workers of an archived launch config to end when nothing waits', async () => {
      await run('t', 2);
      await updatePool(records.db, {
        pool: newPool(),
        launchConfigs: [launchConfig('lc-b')],
        clientId: 't',
        nowMs: NOW,
      });
      await conclude();
      expect(await verdicts('t', 2)).toEqual([true, true]);
    });
  });
});
