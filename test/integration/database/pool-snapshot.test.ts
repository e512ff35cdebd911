import { beforeEach, describe, expect, test } from '@jest/globals';
import { listDecisions, recordDecision } from '../../../database/decisions.js';
import { insertError, listErrors } from '../../../database/errors.js';
import { allPoolsCapacity, poolCapacity, poolSnapshot } from '../../../database/pool-snapshot.js';
import { hold, holdOf, listHolds, release } from '../../../database/holds.js';
import { beginAttempt, reportInDoubt } from '../../../database/launch-attempts.js';
import { failLaunch } from '../../../database/launch-failures.js';
import { deletePool, updatePool } from '../../../database/pools.js';
import { beginScan, clearNotes, endScan, lastChecked, lastScan, scanNotes, setNotes } from '../../../database/scans.js';
import { setShouldTerminate, terminationCandidates } from '../../../database/termination-advice.js';
import { recordRunning, recordStopping } from '../../../database/worker-changes.js';
import { getWorker } from '../../../database/workers.js';
import { decisionOf } from '../../support/decisions.js';
import {
  counting,
  DAY,
  engines,
  eventsOf,
  launchConfig,
  launched,
  makePool,
  MINUTE,
  newPool,
  NOW,
  newIntent,
  poolId,
  refused,
  reserve,
} from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

describe.each(engines)('the snapshot of a pool, on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(async () => {
    await makePool(database.db, { config: { minCapacity: 1, maxCapacity: 100, scalingRatio: 0.5 } }, [
      launchConfig('lc-a', { workerManager: { initialWeight: 0.5, maxCapacity: 20, capacityPerInstance: 2 } }),
      launchConfig('lc-b'),
    ]);
    await database.db.deleteFrom('events').execute();
  });

  const now = { nowMs: NOW, providerIds: ['aws'] };
  const key = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });
  const running = (workerId: string) =>
    recordRunning(database.db, key(workerId), {
      registeredAt: NOW,
      terminateAfter: NOW + DAY,
      expires: NOW + DAY,
      secretGeneration: 1,
      nowMs: NOW,
    });
  const error = (launchConfigId: string | null, description = 'x') => ({
    workerPoolId: poolId,
    launchConfigId,
    kind: 'creation-error',
    title: 'Instance Creation Error',
    description,
    extra: {},
  });
  /** Two of lc-a run, one is stopping, one requested; five of lc-b are being launched. */
  async function someWorkers() {
    await launched(database.db, 't', 4, { capacityPerMachine: 2 });
    await running('t-0');
    await running('t-1');
    await recordStopping(database.db, key('t-2'), { reason: 'removed', nowMs: NOW });
    await reserve(database.db, [newIntent('open', 5, { launchConfigId: 'lc-b' })]);
  }

  test('a pool snapshot takes one statement', async () => {
    const { db, statements } = counting(database.db);
    expect(await poolSnapshot(db, poolId, NOW)).not.toBeNull();
    expect(statements()).toBe(1);
    expect(await poolSnapshot(db, 'prov/none', NOW)).toBeNull();
  });

  test('a pool snapshot counts an open launch as requested capacity, of its pool and of its launch config', async () => {
    await someWorkers();
    const snapshot = await poolSnapshot(database.db, poolId, NOW);
    expect(snapshot).toMatchObject({
      requestedCapacity: 7,
      runningCapacity: 4,
      stoppingCapacity: 2,
      currentCapacity: 11,
      hold: null,
    });
    expect(snapshot?.unfinished.map(({ token, status }) => [token, status])).toEqual([
      ['open', 'open'],
      ['t', 'fulfilled'],
    ]);
    expect(snapshot?.options).toEqual([
      {
        launchConfigId: 'lc-a',
        revision: 1,
        initialWeight: 0.5,
        maxCapacity: 20,
        capacityPerInstance: 2,
        usedCapacity: 8,
        recentErrors: 0,
        backoffUntil: null,
        openLaunches: 0,
        unregisteredRoom: null,
      },
      {
        launchConfigId: 'lc-b',
        revision: 1,
        initialWeight: null,
        maxCapacity: null,
        capacityPerInstance: 1,
        usedCapacity: 5,
        recentErrors: 0,
        backoffUntil: null,
        openLaunches: 1,
        unregisteredRoom: null,
      },
    ]);
  });

  test('a pool snapshot holds the backoffs and the errors of the last hour of each launch config', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 1)]);
    await failLaunch(db, 't', {
      proof: refused,
      failureClass: 'quota',
      durationMs: () => MINUTE,
      nowMs: NOW,
      failure: 'quota',
      errors: [error('lc-a', 'quota')],
    });
    // Twice within the last hour, and 24 times evenly over a day.
    await insertError(db, error('lc-b', 'often'), NOW - DAY);
    for (let n = 1; n < 24; n += 1) await insertError(db, error('lc-b', 'often'), NOW - DAY + n);
    await insertError(db, error('lc-b', 'often'), NOW);
    await insertError(db, error('lc-a', 'quota'), NOW);
    await insertError(db, error('lc-b', 'long ago'), NOW - 61 * MINUTE);
    await insertError(db, error(null), NOW);
    const { options } = (await poolSnapshot(db, poolId, NOW))!;
    expect(options.map(({ recentErrors, backoffUntil }) => ({ recentErrors, backoffUntil }))).toEqual([
      { recentErrors: 2, backoffUntil: NOW + MINUTE },
      { recentErrors: 2, backoffUntil: null },
    ]);
  });

  test('a pool snapshot forgets a backoff when the launch config is edited', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 1)]);
    const backoff = { failureClass: 'invalid', durationMs: () => DAY, nowMs: NOW } as const;
    await failLaunch(db, 't', { proof: refused, ...backoff, failure: 'bad', errors: [error('lc-a')] });
    const heavier = launchConfig('lc-a', { workerManager: { initialWeight: 1 } });
    const change = { pool: newPool(), launchConfigs: [heavier], clientId: 'tester', nowMs: NOW };
    expect((await allPoolsCapacity(db, now))[0]?.launchable).toBe(true);
    await updatePool(db, {
      ...change,
      launchConfigs: [
        launchConfig('lc-a', { workerManager: { initialWeight: 0.5, maxCapacity: 20, capacityPerInstance: 2 } }),
      ],
    });
    expect((await allPoolsCapacity(db, now))[0]?.launchable).toBe(false);
    await updatePool(db, change);
    expect((await poolSnapshot(db, poolId, NOW))?.options).toMatchObject([{ revision: 2, backoffUntil: null }]);
    expect((await allPoolsCapacity(db, now))[0]?.launchable).toBe(true);
  });

  test('one query gives the snapshots of all pools', async () => {
    await someWorkers();
    const { db, statements } = counting(database.db);
    await makePool(database.db, { workerPoolId: 'prov/deleted' });
    await deletePool(database.db, 'prov/deleted', { clientId: 'tester', nowMs: NOW });
    await makePool(database.db, { workerPoolId: 'prov/static', providerId: 'hand', config: {} }, []);
    await hold(database.db, 'prov/static', { reason: 'repair', clientId: 'tester', nowMs: NOW });
    const before = statements();
    const pools = await allPoolsCapacity(db, now);
    expect(statements() - before).toBe(1);
    for (const pool of pools) expect(await poolCapacity(db, pool.workerPoolId, now)).toEqual(pool);
    expect(await poolCapacity(db, 'prov/deleted', now)).toBeNull();
    expect(pools).toEqual([
      {
        workerPoolId: poolId,
        providerId: 'aws',
        currentCapacity: 11,
        quarantinedCapacity: 0,
        inDoubtCapacity: 0,
        requestedCapacity: 7,
        runningCapacity: 4,
        stoppingCapacity: 2,
        minCapacity: 1,
        maxCapacity: 100,
        scalingRatio: 0.5,
        held: false,
        launchable: true,
        groups: [{ archived: false, capacity: 2, machines: 2 }],
        machineCapacity: 1,
        readings: null,
        reading: null,
        created: NOW,
        basis: null,
        launchDueAt: NOW + 10_000,
      },
      {
        workerPoolId: 'prov/static',
        providerId: 'hand',
        currentCapacity: 0,
        quarantinedCapacity: 0,
        inDoubtCapacity: 0,
        requestedCapacity: 0,
        runningCapacity: 0,
        stoppingCapacity: 0,
        minCapacity: 0,
        maxCapacity: 0,
        scalingRatio: 1,
        held: true,
        launchable: false,
        groups: [],
        machineCapacity: null,
        readings: null,
        reading: null,
        created: NOW,
        basis: null,
        launchDueAt: null,
      },
    ]);
  });

  test('a launch of a provider that is not configured is due only to drop it unsent, or to report it once', async () => {
    const { db } = database;
    const dueAt = async (providerIds: string[]) =>
      (await allPoolsCapacity(db, { nowMs: NOW, providerIds }))[0]?.launchDueAt;
    await reserve(db, [newIntent('open', 1)]);
    expect(await dueAt([])).toBe(NOW + 10_000);
    await beginAttempt(db, 'open', { nowMs: NOW, mayLaunch: true });
    expect(await dueAt(['other'])).toBe(NOW + 2 * MINUTE);
    expect(await dueAt(['other', 'aws'])).toBe(NOW + 10_000);
    await reportInDoubt(db, 'open', error(null), NOW + 2 * MINUTE);
    expect(await dueAt(['other'])).toBeNull();
    expect(await dueAt(['aws'])).toBe(NOW + 10_000);
  });

  test('a pool snapshot includes the hold on the pool, or the one on all', async () => {
    const { db } = database;
    const by = { clientId: 'tester', nowMs: NOW };
    await hold(db, '*', { ...by, reason: 'incident' });
    expect((await poolSnapshot(db, poolId, NOW))?.hold).toMatchObject({ scope: '*', reason: 'incident' });
    await hold(db, poolId, { ...by, reason: 'repair' });
    await hold(db, poolId, { ...by, reason: 'long repair' });
    expect(await holdOf(db, poolId)).toEqual({ scope: poolId, reason: 'long repair', clientId: 'tester', at: NOW });
    expect(await holdOf(db, 'prov/other')).toMatchObject({ scope: '*' });
    expect(await release(db, '*', { clientId: 'ops', nowMs: NOW })).toBe(true);
    expect(await release(db, '*', { clientId: 'ops', nowMs: NOW })).toBe(false);
    expect(await holdOf(db, 'prov/other')).toBeNull();
    expect(await listHolds(db)).toHaveLength(1);
  });

  test('a pool snapshot names the running workers that a termination is decided by, and whether they are archived', async () => {
    const { db } = database;
    await someWorkers();
    await deletePool(db, poolId, { clientId: 'tester', nowMs: NOW });
    const workers = await terminationCandidates(db, poolId, NOW);
    expect(workers.map(({ workerId }) => workerId).toSorted()).toEqual(['t-0', 't-1']);
    expect(workers[0]).toMatchObject({ capacity: 2, created: NOW, archived: true, busy: null });
  });

  test('a verdict is written only where it changed, in one statement', async () => {
    await someWorkers();
    const { db, statements } = counting(database.db);
    const keep = { ...key('t-0'), terminate: false, reason: 'needed' } as const;
    const drop = { ...key('t-1'), terminate: true, reason: 'over capacity' } as const;
    expect(await setShouldTerminate(db, poolId, [keep, drop], NOW)).toBe(2);
    expect(await setShouldTerminate(db, poolId, [keep, { ...drop, reason: 'launch config archived' }], NOW + 5)).toBe(
      1,
    );
    expect(statements()).toBe(2);
    expect((await getWorker(db, key('t-0')))?.shouldTerminate).toEqual({
      terminate: false,
      reason: 'needed',
      decidedAt: NOW,
    });
    expect((await getWorker(db, key('t-1')))?.shouldTerminate).toEqual({
      terminate: true,
      reason: 'launch config archived',
      decidedAt: NOW + 5,
    });
  });

  test('equal decisions in a row are kept as one', async () => {
    const { db } = database;
    const basis = { wantedCapacity: 0, roomCapacity: 9, advisedCapacity: 0, evaluateAgainAt: null };
    const record = (n: number, nowMs: number) =>
      recordDecision(db, poolId, decisionOf({ terminations: n }), { basis, fingerprint: `f${n}`, nowMs });
    await record(1, NOW);
    await record(1, NOW + 1);
    await record(2, NOW + 2);
    await record(1, NOW + 3);
    await makePool(db, { workerPoolId: 'prov/other' });
    await recordDecision(db, 'prov/other', decisionOf({ terminations: 1 }), { basis, fingerprint: 'f1', nowMs: NOW });
    const first = await listDecisions(db, poolId, { limit: 2, after: null });
    const second = await listDecisions(db, poolId, { limit: 2, after: first.after });
    expect(
      [...first.items, ...second.items].map(({ firstAt, lastAt, occurrences }) => [firstAt, lastAt, occurrences]),
    ).toEqual([
      [NOW + 3, NOW + 3, 1],
      [NOW + 2, NOW + 2, 1],
      [NOW, NOW + 1, 2],
    ]);
    expect(second.after).toBeNull();
  });

  test('equal errors are listed as one, newest first, by launch config and by id', async () => {
    const { db } = database;
    const first = await insertError(db, error('lc-a', 'a'), NOW);
    await insertError(db, error('lc-b', 'a'), NOW + 1);
    const again = await insertError(db, { ...error('lc-a', 'a'), extra: { code: 'Full' } }, NOW + 2);
    expect(again).toEqual({ ...first, extra: { code: 'Full' }, reported: NOW + 2, occurrences: 2 });
    const page = await listErrors(db, poolId, {}, { limit: 1, after: null });
    expect(page.items).toEqual([again]);
    const backoff = await listErrors(db, poolId, {}, { limit: 5, after: page.after });
    expect(backoff.items).toMatchObject([{ launchConfigId: 'lc-b', reported: NOW + 1 }]);
    const all = { limit: 5, after: null };
    expect((await listErrors(db, poolId, { launchConfigId: 'lc-b' }, all)).items).toHaveLength(1);
    expect((await listErrors(db, poolId, { errorId: first.errorId }, all)).items).toEqual([again]);
    expect(await eventsOf(db)).toHaveLength(3);
  });

  test('errors of two workers are never taken for one', async () => {
    const { db } = database;
    const of = (workerId: string) => ({ ...error('lc-a', 'a'), extra: { workerGroup: 'group', workerId } });
    await insertError(db, error('lc-a', 'a'), NOW);
    for (const workerId of ['i-8', 'i-9', 'i-9']) await insertError(db, of(workerId), NOW + 1);
    const { items } = await listErrors(db, poolId, {}, { limit: 5, after: null });
    expect(items.map(({ extra, occurrences }) => `${String(extra.workerId)}: ${occurrences}`).toSorted()).toEqual([
      'i-8: 1',
      'i-9: 2',
      'undefined: 1',
    ]);
    expect((await eventsOf(db)).map(({ payload }) => payload['workerId'])).toEqual([undefined, 'i-8', 'i-9', 'i-9']);
  });

  test('an error of a pool that has gone is stored, and not announced', async () => {
    const { db } = database;
    await insertError(db, { ...error(null), workerPoolId: 'prov/gone' }, NOW);
    expect(await eventsOf(db)).toEqual([]);
    expect((await listErrors(db, 'prov/gone', {}, { limit: 5, after: null })).items).toHaveLength(1);
  });

  test('the last complete scan is stored, and what scans noted of workers', async () => {
    const { db } = database;
    const counts = { machines: 3, signalled: 1, unowned: 0 };
    const complete = await beginScan(db, 'aws', NOW);
    await endScan(db, complete, { ...counts, ended: NOW + 5, complete: true });
    await endScan(db, await beginScan(db, 'aws', NOW + 10), { ...counts, ended: NOW + 15, complete: false });
    await beginScan(db, 'aws', NOW + 20);
    expect(await lastScan(db, 'aws')).toEqual({ ...counts, begun: NOW, ended: NOW + 5, complete: true });
    expect(await lastScan(db, 'google')).toBeNull();
    expect([...(await lastChecked(db, ['aws', 'google', 'aws']))]).toEqual([['aws', NOW + 5]]);
    const notes = [
      { ...key('t-0'), noted: 'missing', since: NOW, signalledAt: null, nextSignalAt: null, signalFailures: 0 },
      { ...key('t-1'), noted: 'failed', since: NOW, signalledAt: NOW + 1, nextSignalAt: NOW + 2, signalFailures: 3 },
    ] as const;
    await setNotes(db, 'aws', notes);
    await setNotes(db, 'aws', [{ ...notes[0], signalledAt: NOW + 9 }]);
    await clearNotes(db, [key('t-1'), key('unknown')]);
    expect(await scanNotes(db, 'aws')).toEqual([{ ...notes[0], signalledAt: NOW + 9 }]);
    expect(await scanNotes(db, 'google')).toEqual([]);
  });
});
