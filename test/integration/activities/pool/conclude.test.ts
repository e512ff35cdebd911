import { describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { ReconciliationOutcome } from '../../../../activities/pool/types.js';
import type { Decision } from '../../../../domain/decision-record.js';
import { recordReadings } from '../../../../database/demand-readings.js';
import { listDecisions } from '../../../../database/decisions.js';
import { allPoolsCapacity } from '../../../../database/pool-snapshot.js';
import { hold } from '../../../../database/holds.js';
import { beginAttempt } from '../../../../database/launch-attempts.js';
import { recordLaunchedWorkers, getLaunch } from '../../../../database/launches.js';
import { deletePool, updatePool } from '../../../../database/pools.js';
import { getWorker } from '../../../../database/workers.js';
import { reportOf } from '../../../support/decisions.js';
import { poolActivitiesSuite } from '../../../support/pool-activities-suite.js';
import {
  DAY,
  engines,
  launchConfig,
  machines,
  newPool,
  NOW,
  newIntent,
  poolId,
  reserve,
  times,
} from '../../../support/database.js';

describe.each(engines)('concludeReconciliation on %s', (engine) => {
  const pool = poolActivitiesSuite(engine);
  const { database, key, assess, run, register } = pool;
  const conclude = async (
    change: Partial<Decision> = {},
    inputs: Partial<Decision['inputs']> = {},
    outcome: Partial<ReconciliationOutcome> = {},
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
    const { blockedForPolls, blocks, demandError } = assessed;
    const report = reportOf({ blocks, demandError });
    const nothing = { launchedCapacity: 0, limitEndsAt: null, blockedForPolls, report };
    await pool.activities.concludeReconciliation(poolId, decision, { ...nothing, ...outcome });
  };
  let polled = NOW - 1_000;
  /** Polls that read this, one after the other. */
  const polls = async (...readings: { pendingTasks: number; claimedTasks: number }[]) => {
    for (const reading of readings) {
      await recordReadings(database.db, [{ workerPoolId: poolId, wantedMachines: 0, ...reading }], (polled += 1));
    }
  };
  const nobody = { pendingTasks: 0, claimedTasks: 0 };
  const verdicts = async (token: string, count: number) =>
    await Promise.all(
      Array.from({ length: count }, async (_, number) => {
        const worker = await getWorker(database.db, key(`${token}-${number}`));
        return worker?.shouldTerminate?.terminate ?? null;
      }),
    );

  test('a conclusion closes the launches that were carried out', async () => {
    await run('t', 1);
    const outcome = {
      token: 't',
      launchConfigId: 'lc-a',
      requested: 1,
      launched: 1,
      outcome: 'launched',
      failure: null,
    } as const;
    await conclude({ launches: [outcome] });
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'done' });
  });

  test('a conclusion closes a launch whose workers stopped so long ago that their rows are gone', async () => {
    await run('t', 1);
    await database.db.deleteFrom('workers').execute();
    const outcome = {
      token: 't',
      launchConfigId: 'lc-a',
      requested: 1,
      launched: 0,
      outcome: 'short',
      failure: null,
    } as const;
    await conclude({ launches: [outcome] });
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'done' });
  });

  test('a conclusion records the decision, and an equal one as another occurrence of it', async () => {
    await conclude();
    await conclude();
    const { items } = await listDecisions(database.db, poolId, { limit: 5, after: null });
    expect(items).toMatchObject([{ occurrences: 2, decision: { terminations: 0, inputs: { maxCapacity: 50 } } }]);
  });

  test('a conclusion gives no advice when the counts are unknown', async () => {
    await run('t', 3);
    await polls(nobody, nobody);
    await conclude({}, { pendingTasks: null, claimedTasks: null });
    expect(await verdicts('t', 3)).toEqual([null, null, null]);
  });

  test('a conclusion advises no worker to end that is needed', async () => {
    await run('t', 3);
    await polls(nobody, nobody);
    await conclude({}, { pendingTasks: 6, claimedTasks: 0 });
    expect(await verdicts('t', 3)).toEqual([false, false, false]);
  });

  test('a conclusion keeps every worker that was busy at one of the last two polls', async () => {
    await run('t', 3);
    await polls({ pendingTasks: 0, claimedTasks: 3 }, nobody);
    await conclude();
    expect(await verdicts('t', 3)).toEqual([false, false, false]);
    await polls(nobody);
    await conclude();
    expect((await verdicts('t', 3)).filter(Boolean)).toHaveLength(2);
  });

  test('a conclusion advises no worker to end after a single poll', async () => {
    await run('t', 3);
    await polls(nobody);
    await conclude();
    expect(await verdicts('t', 3)).toEqual([false, false, false]);
  });

  test('a conclusion advises workers of an archived launch config to end first', async () => {
    await run('t', 2);
    await reserve(database.db, [newIntent('new', 1, { launchConfigId: 'lc-b' })]);
    await recordLaunchedWorkers(database.db, 'new', machines(1, 'new'), times);
    await register('new-0');
    await updatePool(database.db, {
      pool: newPool({ config: { minCapacity: 1, maxCapacity: 50 } }),
      launchConfigs: [launchConfig('lc-b')],
      clientId: 't',
      nowMs: NOW,
    });
    await polls(nobody, nobody);
    await conclude();
    expect([await verdicts('t', 2), await verdicts('new', 1)]).toEqual([[true, true], [false]]);
  });

  test('a conclusion advises no quarantined worker to end, and none in its place', async () => {
    await run('t', 3);
    await database.db
      .updateTable('workers')
      .set({ quarantineUntil: NOW + DAY })
      .where('workerId', 'in', ['t-0', 't-1'])
      .execute();
    await polls(nobody, nobody);
    await conclude();
    expect(await verdicts('t', 3)).toEqual([null, null, false]);
    expect((await assess()).inputs).toMatchObject({ runningCapacity: 1, quarantinedCapacity: 2, currentCapacity: 1 });
  });

  test('a conclusion advises every worker of a deleted pool to end', async () => {
    await run('t', 2);
    await polls(nobody, nobody);
    await deletePool(database.db, poolId, { clientId: 't', nowMs: NOW });
    await conclude();
    expect(await verdicts('t', 2)).toEqual([true, true]);
  });

  const basis = async () =>
    (await database.db.selectFrom('decisions').select('basis').orderBy('id', 'desc').executeTakeFirst())?.basis;

  test('a conclusion stores what the pool still wants after its launches, and the end of the first backoff', async () => {
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
      await database.db
        .insertInto('launchBackoffs')
        .values({ ...backoff, until, unregistered: false })
        .execute();
    }
    await conclude({}, { pendingTasks: 20, claimedTasks: 0 });
    expect((await basis())?.evaluateAgainAt).toBe(NOW + 5_000);
    await conclude();
    expect(await basis()).toMatchObject({ wantedCapacity: 1, evaluateAgainAt: NOW + 5_000 });
  });

  test('a conclusion stores no instant for a launch in doubt, whose next attempt reconciles its pool', async () => {
    await reserve(database.db, [newIntent('open', 1)]);
    await beginAttempt(database.db, 'open', { nowMs: NOW, mayLaunch: true });
    await conclude({}, { pendingTasks: 20, claimedTasks: 0 });
    expect(await basis()).toMatchObject({ wantedCapacity: 9, evaluateAgainAt: null });
    const [due] = await allPoolsCapacity(database.db, { nowMs: NOW, providerIds: ['aws'] });
    expect(due).toMatchObject({ launchDueAt: NOW + 10_000 });
  });

  test('a conclusion stores no instant for a launch config whose machines do not register', async () => {
    for (const launchConfigId of ['lc-a', 'lc-b']) {
      const backoff = {
        workerPoolId: poolId,
        launchConfigId,
        revision: 1,
        failureClass: 'other',
        failures: 3,
      } as const;
      await database.db
        .insertInto('launchBackoffs')
        .values({ ...backoff, until: NOW - 1, unregistered: true })
        .execute();
    }
    await conclude({}, { pendingTasks: 20, claimedTasks: 0 });
    expect(await basis()).toMatchObject({ wantedCapacity: 10, evaluateAgainAt: null });
  });

  test('a conclusion wants nothing while the pool is blocked for a reason that polls know', async () => {
    await hold(database.db, poolId, { reason: 'repair', clientId: 't', nowMs: NOW });
    await conclude({}, { pendingTasks: 20, claimedTasks: 0 });
    expect(await basis()).toMatchObject({ wantedCapacity: 0, evaluateAgainAt: null });
  });

  test('a conclusion reports a pool with far more capacity than its maximum, once for each time that it comes to it', async () => {
    const estimated = (overProvisioned: boolean) =>
      ({ existingCapacity: 40, overProvisioned }) as NonNullable<Decision['estimate']>;
    const occurrences = async () =>
      (await database.db.selectFrom('workerPoolErrors').select(['kind', 'occurrences']).execute()).map(
        (row) => `${row.kind} ${row.occurrences}`,
      );
    await conclude({ estimate: estimated(true) });
    await conclude({ estimate: estimated(true) });
    expect(await occurrences()).toEqual(['over-provisioned 1']);
    await conclude({ estimate: estimated(false) });
    await conclude({ estimate: estimated(true) });
    expect(await occurrences()).toEqual(['over-provisioned 2']);
    const line = { level: pino.levels.values['error'], existingCapacity: 40, maxCapacity: 50 };
    expect(pool.around.log.of('worker-pool-over-provisioned')).toMatchObject([line, line]);
  });
});
