import { beforeEach, describe, expect, test } from '@jest/globals';
import type { PassOutcome, PoolActivities } from '../../../activities/pool.js';
import type { Decision } from '../../../domain/decision.js';
import { recordReadings } from '../../../records/demand-readings.js';
import { listDecisions } from '../../../records/decisions.js';
import { listErrors } from '../../../records/errors.js';
import { allPoolsCapacity } from '../../../records/facts.js';
import { hold } from '../../../records/holds.js';
import { beginAttempt } from '../../../records/launch-attempts.js';
import { bookLaunch, getLaunch } from '../../../records/launches.js';
import { deletePool, updatePool } from '../../../records/pools.js';
import { recordRunning } from '../../../records/worker-changes.js';
import { getWorker } from '../../../records/workers.js';
import { activityEnvironment, asActivity } from '../../support/activities.js';
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
    around.clock = NOW;
    activities = around.activities(records.db);
    await makePool(records.db, { config: { minCapacity: 1, maxCapacity: 50, scalingRatio: 0.5 } });
  });

  const key = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });
  const assess = async () => (await activities.assessPool(poolId))!;

  async function run(token: string, count: number): Promise<void> {
    await reserve(records.db, [order(token, count)]);
    await bookLaunch(records.db, token, machines(count, token), times);
    for (let number = 0; number < count; number += 1) await register(`${token}-${number}`);
  }

  const register = async (workerId: string): Promise<void> => {
    const deadlines = { terminateAfter: NOW + DAY, expires: NOW + DAY };
    await recordRunning(records.db, key(workerId), {
      ...{ registeredAt: NOW, secretGeneration: 1, nowMs: NOW },
      ...deadlines,
    });
  };

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
      expect((await activities.reserveLaunches(twice)).launches).toEqual(first.launches);
      expect(await records.db.selectFrom('launches').select('token').execute()).toHaveLength(2);
    });

    test('gives every launch its token again when another launch config was edited between two attempts', async () => {
      const choices = [
        { launchConfigId: 'lc-a', machines: 3 },
        { launchConfigId: 'lc-b', machines: 2 },
      ];
      const first = await activities.reserveLaunches(request(choices));
      await updatePool(records.db, {
        pool: newPool(),
        launchConfigs: [launchConfig('lc-a', { workerManager: { initialWeight: 0.5 } }), launchConfig('lc-b')],
        clientId: 't',
        nowMs: NOW,
      });
      expect((await activities.reserveLaunches(request(choices))).launches).toEqual(first.launches);
    });

    test('lets two pools of a few machines launch in the minute in which a third wants thousands', async () => {
      around.limits = { launchesPerMinute: 500 };
      around.maxPerLaunch = 1_000;
      activities = around.activities(records.db);
      const wants = new Map([
        [poolId, 2_500],
        ['prov/twenty', 20],
        ['prov/one', 1],
      ]);
      for (const id of ['prov/twenty', 'prov/one']) await makePool(records.db, { workerPoolId: id });
      await recordReadings(
        records.db,
        [...wants].map(([workerPoolId, wantedMachines]) => ({
          ...{ workerPoolId, wantedMachines, pendingTasks: wantedMachines, claimedTasks: 0 },
        })),
        NOW,
      );
      const got: Record<string, number> = {};
      for (const [workerPoolId, machines] of wants) {
        const choice = { launchConfigId: 'lc-a', revision: 1, machines };
        const { launches, limitedBy, limitEndsAt } = await activities.reserveLaunches({
          ...{ workerPoolId, tokenPrefix: `${workerPoolId}.0.0`, choices: [choice], mostMachines: 2_500 },
        });
        got[workerPoolId] = launches.reduce((sum, { count }) => sum + count, 0);
        if (workerPoolId === poolId) {
          expect(limitedBy).toEqual(['limits.launchesPerMinute']);
          expect(limitEndsAt).toBeGreaterThan(NOW);
        }
      }
      expect(got).toEqual({ [poolId]: 479, 'prov/twenty': 20, 'prov/one': 1 });
    });

    test('never passes a limit when thirty reservations come at once in two processes', async () => {
      around.limits = { machines: 40, launchesPerMinute: 35 };
      const processes = [around.activities(records.db), around.activities(records.db)];
      await Promise.all(
        Array.from({ length: 30 }, async (_, n) =>
          processes[n % 2]!.reserveLaunches({
            ...request([{ launchConfigId: 'lc-a', machines: 1 + (n % 4) }]),
            tokenPrefix: `run-${n}.0.0`,
          }),
        ),
      );
      const { total } = await records.db
        .selectFrom('launches')
        .select(({ fn }) => fn.sum<number>('count').as('total'))
        .executeTakeFirstOrThrow();
      expect(Number(total)).toBe(35);
    });

    test('does nothing for a reservation whose time was over before its turn came', async () => {
      const isHeld = Promise.withResolvers<void>();
      const goesOn = Promise.withResolvers<void>();
      const reads = new Set<object>();
      const db = records.db.withPlugin({
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
      const reserveAs = around.reservations(db);
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

    test('backs off a launch config that breaks the rendering of its request, and launches the others', async () => {
      around.render = ({ launchConfigId }) => {
        if (launchConfigId === 'lc-a') throw new TypeError('x is undefined');
      };
      const choices = ['lc-a', 'lc-b'].map((launchConfigId) => ({ launchConfigId, machines: 2 }));
      const failure = 'No launch request can be made: TypeError: x is undefined';
      expect(await activities.reserveLaunches(request(choices))).toMatchObject({
        launches: [{ launchConfigId: 'lc-b', count: 2 }],
        refused: [{ launchConfigId: 'lc-a', asked: 2, made: 0, outcome: 'failed', failure }],
      });
      const { items } = await listErrors(records.db, poolId, {}, { limit: 5, after: null });
      expect(items).toMatchObject([{ launchConfigId: 'lc-a', description: failure }]);
    });

    test('reserves nothing when the pool was deleted meanwhile', async () => {
      await deletePool(records.db, poolId, { clientId: 't', nowMs: NOW });
      expect(await activities.reserveLaunches(request([{ launchConfigId: 'lc-a', machines: 3 }]))).toEqual({
        launches: [],
        refused: [],
        limitedBy: ['the pool has changed'],
        limitEndsAt: null,
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
    const conclude = async (
      change: Partial<Decision> = {},
      inputs: Partial<Decision['inputs']> = {},
      outcome: Partial<PassOutcome> = {},
    ) => {
      const assessed = await assess();
      const decision = {
        inputs: { ...assessed.inputs, ...inputs },
        estimate: null,
        limitedBy: [],
        launches: [],
        passedOver: [],
        ...change,
      };
      const nothing = { launchedCapacity: 0, limitEndsAt: null, blockedForPolls: assessed.blockedForPolls };
      await activities.concludePass(poolId, decision, { ...nothing, ...outcome });
    };
    let polled = NOW - 1_000;
    /** Polls that read this, one after the other. */
    const polls = async (...readings: { pendingTasks: number; claimedTasks: number }[]) => {
      for (const reading of readings) {
        await recordReadings(records.db, [{ workerPoolId: poolId, wantedMachines: 0, ...reading }], (polled += 1));
      }
    };
    const nobody = { pendingTasks: 0, claimedTasks: 0 };
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
      await polls(nobody, nobody);
      await conclude({}, { pendingTasks: null, claimedTasks: null });
      expect(await verdicts('t', 3)).toEqual([null, null, null]);
    });

    test('advises no worker to end that is needed', async () => {
      await run('t', 3);
      await polls(nobody, nobody);
      await conclude({}, { pendingTasks: 6, claimedTasks: 0 });
      expect(await verdicts('t', 3)).toEqual([false, false, false]);
    });

    test('keeps every worker that was busy at one of the last two polls', async () => {
      await run('t', 3);
      await polls({ pendingTasks: 0, claimedTasks: 3 }, nobody);
      await conclude();
      expect(await verdicts('t', 3)).toEqual([false, false, false]);
      await polls(nobody);
      await conclude();
      expect((await verdicts('t', 3)).filter(Boolean)).toHaveLength(2);
    });

    test('advises nobody to end after a single poll', async () => {
      await run('t', 3);
      await polls(nobody);
      await conclude();
      expect(await verdicts('t', 3)).toEqual([false, false, false]);
    });

    test('advises workers of an archived launch config to end first', async () => {
      await run('t', 2);
      await reserve(records.db, [order('new', 1, { launchConfigId: 'lc-b' })]);
      await bookLaunch(records.db, 'new', machines(1, 'new'), times);
      await register('new-0');
      await updatePool(records.db, {
        pool: newPool({ config: { minCapacity: 1, maxCapacity: 50 } }),
        launchConfigs: [launchConfig('lc-b')],
        clientId: 't',
        nowMs: NOW,
      });
      await polls(nobody, nobody);
      await conclude();
      expect([await verdicts('t', 2), await verdicts('new', 1)]).toEqual([[true, true], [false]]);
    });

    test('advises no quarantined worker, and none to end in its place', async () => {
      await run('t', 3);
      await records.db
        .updateTable('workers')
        .set({ quarantineUntil: NOW + DAY })
        .where('workerId', 'in', ['t-0', 't-1'])
        .execute();
      await polls(nobody, nobody);
      await conclude();
      expect(await verdicts('t', 3)).toEqual([null, null, false]);
      expect((await assess()).inputs).toMatchObject({ runningCapacity: 1, quarantinedCapacity: 2, currentCapacity: 1 });
    });

    test('advises every worker of a deleted pool to end', async () => {
      await run('t', 2);
      await polls(nobody, nobody);
      await deletePool(records.db, poolId, { clientId: 't', nowMs: NOW });
      await conclude();
      expect(await verdicts('t', 2)).toEqual([true, true]);
    });

    const basis = async () =>
      (await records.db.selectFrom('decisions').select('basis').orderBy('id', 'desc').executeTakeFirst())?.basis;

    test('stores what the pool still wants after its launches, and the end of the first backoff', async () => {
      await conclude({}, { pendingTasks: 20, claimedTasks: 0 }, { launchedCapacity: 4 });
      expect(await basis()).toMatchObject({ wantedCapacity: 6, roomCapacity: 46 });
      for (const launchConfigId of ['lc-a', 'lc-b']) {
        const until = NOW + (launchConfigId === 'lc-a' ? 9_000 : 5_000);
        const backoff = {
          workerPoolId: poolId,
          launchConfigId,
          revision: 1,
          failureClass: 'quota',
          failures: 1,
        } as const;
        await records.db
          .insertInto('launchBackoffs')
          .values({ ...backoff, until, unregistered: false })
          .execute();
      }
      await conclude({}, { pendingTasks: 20, claimedTasks: 0 });
      expect((await basis())?.evaluateAgainAt).toBe(NOW + 5_000);
      await conclude();
      expect(await basis()).toMatchObject({ wantedCapacity: 1, evaluateAgainAt: NOW + 5_000 });
    });

    test('stores no instant for a launch in doubt, whose next attempt reconciles its pool', async () => {
      await reserve(records.db, [order('open', 1)]);
      await beginAttempt(records.db, 'open', { nowMs: NOW, mayLaunch: true });
      await conclude({}, { pendingTasks: 20, claimedTasks: 0 });
      expect(await basis()).toMatchObject({ wantedCapacity: 9, evaluateAgainAt: null });
      const [due] = await allPoolsCapacity(records.db, { nowMs: NOW, providerIds: ['aws'] });
      expect(due).toMatchObject({ launchDueAt: NOW + 10_000 });
    });

    test('stores no instant for a launch config whose machines do not register', async () => {
      for (const launchConfigId of ['lc-a', 'lc-b']) {
        const backoff = {
          workerPoolId: poolId,
          launchConfigId,
          revision: 1,
          failureClass: 'other',
          failures: 3,
        } as const;
        await records.db
          .insertInto('launchBackoffs')
          .values({ ...backoff, until: NOW - 1, unregistered: true })
          .execute();
      }
      await conclude({}, { pendingTasks: 20, claimedTasks: 0 });
      expect(await basis()).toMatchObject({ wantedCapacity: 10, evaluateAgainAt: null });
    });

    test('wants nothing while the pool is blocked for a reason that polls know', async () => {
      await hold(records.db, poolId, { reason: 'repair', clientId: 't', nowMs: NOW });
      await conclude({}, { pendingTasks: 20, claimedTasks: 0 });
      expect(await basis()).toMatchObject({ wantedCapacity: 0, evaluateAgainAt: null });
    });

    test('reports a pool with far more capacity than its maximum, once for each time that it comes to it', async () => {
      const estimated = (overProvisioned: boolean) =>
        ({ existingCapacity: 40, overProvisioned }) as NonNullable<Decision['estimate']>;
      const occurrences = async () =>
        (await records.db.selectFrom('workerPoolErrors').select(['kind', 'occurrences']).execute()).map(
          (row) => `${row.kind} ${row.occurrences}`,
        );
      await conclude({ estimate: estimated(true) });
      await conclude({ estimate: estimated(true) });
      expect(await occurrences()).toEqual(['over-provisioned 1']);
      await conclude({ estimate: estimated(false) });
      await conclude({ estimate: estimated(true) });
      expect(await occurrences()).toEqual(['over-provisioned 2']);
    });
  });
});
