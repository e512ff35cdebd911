import { beforeEach, describe, expect, test } from '@jest/globals';
import { beginAttempt, reportInDoubt, resolveAttempt } from '../../../database/launch-attempts.js';
import { dropLaunches, failLaunch, noteShortage, recordLaunchFailure } from '../../../database/launch-failures.js';
import { poolSnapshot } from '../../../database/pool-snapshot.js';
import { recordLaunchedWorkers, getLaunch, workersOfLaunch, finishLaunches } from '../../../database/launches.js';
import type { Db } from '../../../database/client/schema.js';
import {
  counting,
  engines,
  eventsOf,
  machines,
  makePool,
  MINUTE,
  NOW,
  newIntent,
  poolId,
  refused,
  reserve,
  times,
  topicsOf,
  withoutEvents,
  finish,
} from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

describe.each(engines)('a launch on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(async () => {
    await makePool(database.db);
    await database.db.deleteFrom('events').execute();
  });

  const error = {
    workerPoolId: poolId,
    launchConfigId: 'lc-a',
    kind: 'creation-error',
    title: 'Instance Creation Error',
    description: 'no capacity',
    extra: { code: 'InsufficientInstanceCapacity' },
  };
  const backoff = { failureClass: 'capacity', durationMs: (failures: number) => failures * 1000, nowMs: NOW } as const;

  test('a launch attempt that did nothing does not hide when a later one began', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 1)]);
    const first = await beginAttempt(db, 't', { nowMs: NOW + 1, mayLaunch: true });
    await beginAttempt(db, 't', { nowMs: NOW + 2, mayLaunch: true });
    await resolveAttempt(db, first!, 'refused');
    expect(await getLaunch(db, 't')).toMatchObject({ inDoubtAttempts: 1, lastAttemptAt: NOW + 2 });
  });

  test('a launch attempt that begins after one that was scheduled later does not make the last attempt older', async () => {
    const { db } = database;
    const [late, early] = [NOW + 10 * MINUTE, NOW];
    await reserve(db, [newIntent('t', 1)]);
    await beginAttempt(db, 't', { nowMs: late, mayLaunch: true });
    const { attempts } = (await beginAttempt(db, 't', { nowMs: early, mayLaunch: true }))!;
    expect(await getLaunch(db, 't')).toMatchObject({ attempts: 2, inDoubtAttempts: 2, lastAttemptAt: late });
    const proof = { attempts, by: { listedFrom: late + 40_000 + 5 * MINUTE - 1 } };
    expect(await failLaunch(db, 't', { ...backoff, failure: 'none', errors: [error], proof })).toBe(false);
  });

  test('a launch given up unsent is closed when no attempt is in doubt, and left open otherwise', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 1), newIntent('u', 1)]);
    await beginAttempt(db, 'u', { nowMs: NOW + 1, mayLaunch: true });
    await dropLaunches(db, ['t', 'u'], NOW + 2);
    expect(await getLaunch(db, 't')).toMatchObject({ status: 'failed', machines: 0 });
    expect(await getLaunch(db, 'u')).toMatchObject({ status: 'open' });
  });

  test('a launch stores how many attempts are in doubt, since when, and when the last of them was', async () => {
    const { db } = database;
    const begin = (nowMs: number, token = 't') => beginAttempt(db, token, { nowMs, mayLaunch: true });
    await reserve(db, [newIntent('t', 1)]);
    const first = await begin(NOW + 1);
    expect(first).toMatchObject({ attempts: 1, maySend: true, launch: { attempts: 0, inDoubtAttempts: 0 } });
    const second = await begin(NOW + 2);
    expect(second).toMatchObject({ attempts: 2, launch: { attempts: 1, inDoubtAttempts: 1, lastAttemptAt: NOW + 1 } });
    await resolveAttempt(db, second!, 'refused');
    const settled = { inDoubtAttempts: 1, firstAttemptAt: NOW + 1, lastAttemptAt: NOW + 1, inDoubtSince: NOW + 1 };
    expect(await begin(NOW + 3)).toMatchObject({ attempts: 3, launch: settled });
    await resolveAttempt(db, first!, 'refused');
    await resolveAttempt(db, first!, 'refused');
    expect(await getLaunch(db, 't')).toMatchObject({ inDoubtAttempts: 0, inDoubtSince: null, lastFailure: 'refused' });
    await recordLaunchedWorkers(db, 't', machines(1), times);
    expect(await begin(NOW + 4)).toMatchObject({ maySend: false, attempts: 3, launch: { status: 'fulfilled' } });
    expect(await getLaunch(db, 't')).toMatchObject({ attempts: 3 });
    expect(await begin(NOW, 'unknown')).toBeNull();
  });

  test('a launch puts off its next attempt for 10 s, doubling to a minute, and the next search for a minute', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 1)]);
    const intervals: number[] = [];
    for (const mayLaunch of [true, true, true, true, true, false]) {
      await beginAttempt(db, 't', { nowMs: NOW, mayLaunch });
      intervals.push((await getLaunch(db, 't'))!.nextAttemptAt! - NOW);
    }
    expect(intervals).toEqual([10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
  });

  test('a launch is only searched for when it has been in doubt for two minutes, or was first sent before its token’s age', async () => {
    const { db } = database;
    const maxTokenAgesMs = { aws: 6 * 60 * MINUTE };
    const begin = (nowMs: number) => beginAttempt(db, 't', { nowMs, mayLaunch: true, maxTokenAgesMs });
    await reserve(db, [newIntent('t', 1)]);
    const first = await begin(NOW);
    expect(await begin(NOW + 2 * MINUTE - 1)).toMatchObject({ maySend: true, attempts: 2 });
    expect(await begin(NOW + 2 * MINUTE)).toMatchObject({ maySend: false, attempts: 2 });
    expect(await getLaunch(db, 't')).toMatchObject({ attempts: 2, lastAttemptAt: NOW + 2 * MINUTE - 1 });
    for (let attempt = 0; attempt < 2; attempt += 1) await resolveAttempt(db, first!, 'refused');
    expect(await begin(NOW + 6 * 60 * MINUTE)).toMatchObject({ maySend: false });
  });

  test('a launch is not closed by a refusal while another attempt is in doubt, or after another has begun', async () => {
    const { db } = database;
    const begin = () => beginAttempt(db, 't', { nowMs: NOW, mayLaunch: true });
    const fail = (attempts: number) =>
      failLaunch(db, 't', { ...backoff, failure: 'none', errors: [error], proof: { attempts, by: 'refused' } });
    await reserve(db, [newIntent('t', 1)]);
    const [first, second] = [await begin(), await begin()];
    expect([await fail(1), await fail(2)]).toEqual([false, false]);
    await resolveAttempt(db, second!, 'none');
    expect(await fail(1)).toBe(false);
    await resolveAttempt(db, first!, 'none');
    const third = await begin();
    expect(await fail(third!.attempts)).toBe(true);
  });

  test('a launch is closed by a list that began five minutes after the deadline of the last attempt, and by none before', async () => {
    const { db } = database;
    const settled = NOW + 40_000 + 5 * MINUTE;
    const proof = (listedFrom: number, attempts = 1) => ({ attempts, by: { listedFrom } });
    await reserve(db, [newIntent('t', 3)]);
    await beginAttempt(db, 't', { nowMs: NOW, mayLaunch: true });
    expect(await failLaunch(db, 't', { ...backoff, failure: 'none', errors: [error], proof: proof(settled - 1) })).toBe(
      false,
    );
    expect(await failLaunch(db, 't', { ...backoff, failure: 'none', errors: [error], proof: proof(settled, 0) })).toBe(
      false,
    );
    expect(await recordLaunchedWorkers(db, 't', machines(2), { ...times, proof: proof(settled - 1) })).toBeNull();
    expect(await getLaunch(db, 't')).toMatchObject({ status: 'open' });
    expect(await recordLaunchedWorkers(db, 't', machines(2), { ...times, proof: proof(settled) })).toHaveLength(2);
    expect(await failLaunch(db, 't', { ...backoff, failure: 'none', errors: [error], proof: proof(settled) })).toBe(
      false,
    );
  });

  test('a launch gives no machine a row when its pool has gone', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 1)]);
    await db.deleteFrom('workerPools').execute();
    expect(await recordLaunchedWorkers(db, 't', machines(1), times)).toBeNull();
    expect(await db.selectFrom('workers').selectAll().execute()).toEqual([]);
  });

  test('a launch is reported once, after two minutes in doubt', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 1)]);
    expect(await reportInDoubt(db, 't', error, NOW + 9 * MINUTE)).toBe(false);
    await beginAttempt(db, 't', { nowMs: NOW, mayLaunch: true });
    expect(await reportInDoubt(db, 't', error, NOW + 2 * MINUTE - 1)).toBe(false);
    expect(await reportInDoubt(db, 't', error, NOW + 2 * MINUTE)).toBe(true);
    expect(await reportInDoubt(db, 't', error, NOW + 3 * MINUTE)).toBe(false);
    const stored = await db.selectFrom('workerPoolErrors').selectAll().execute();
    expect(stored).toMatchObject([{ launchConfigId: 'lc-a', occurrences: 1 }]);
  });

  test('a launch is recorded with a row and an event for each machine', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 2, { capacityPerMachine: 4 })]);
    const workers = await recordLaunchedWorkers(db, 't', machines(2), times);
    expect(workers?.[1]).toEqual({
      workerPoolId: poolId,
      workerGroup: 'us-west-2',
      workerId: 'i-1',
      providerId: 'aws',
      launchConfigId: 'lc-a',
      launchConfigRevision: 1,
      launchToken: 't',
      state: 'requested',
      capacity: 4,
      created: NOW,
      lastModified: NOW,
      expires: times.expires,
      terminateAfter: times.terminateAfter,
      registeredAt: null,
      stoppedAt: null,
      stopReason: null,
      secretGeneration: 0,
      location: { account: null, region: 'us-west-2', group: null },
      identityAttributes: { instanceId: 'i-1', privateIp: null },
      resourceIds: [],
      quarantineUntil: null,
      queueInactivityMs: null,
      systemBootTime: null,
      shouldTerminate: null,
    });
    expect(await getLaunch(db, 't')).toMatchObject({ status: 'fulfilled', machines: 2, closed: NOW });
    expect((await eventsOf(db))[0]).toEqual({
      topic: 'worker-requested',
      payload: {
        workerPoolId: poolId,
        providerId: 'aws',
        workerGroup: 'us-west-2',
        workerId: 'i-0',
        capacity: 4,
        launchConfigId: 'lc-a',
        timestamp: '2030-01-01T00:00:00.000Z',
      },
    });
  });

  test.each([
    ['worker-requested', (db: Db) => recordLaunchedWorkers(db, 't', machines(2), times)],
    [
      'worker-pool-error',
      (db: Db) => failLaunch(db, 't', { ...backoff, failure: 'no', errors: [error], proof: refused }),
    ],
  ] as const)('a launch keeps nothing of a change whose event %s cannot be stored', async (topic, change) => {
    const { db } = database;
    await reserve(db, [newIntent('t', 2)]);
    const stored = async () => ({
      launch: await getLaunch(db, 't'),
      workers: await workersOfLaunch(db, 't'),
      errors: await db.selectFrom('workerPoolErrors').selectAll().execute(),
      backoffs: await db.selectFrom('launchBackoffs').selectAll().execute(),
      events: await eventsOf(db),
    });
    const before = await stored();
    await withoutEvents(db, topic, () => expect(change(db)).rejects.toThrow('refused'));
    expect(await stored()).toEqual(before);
    await change(db);
    expect(await topicsOf(db)).toContain(topic);
  });

  test('a launch that is recorded twice, or by two at once, has its machines once', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 3)]);
    const both = await Promise.all([
      recordLaunchedWorkers(db, 't', machines(3), times),
      recordLaunchedWorkers(db, 't', machines(3), times),
    ]);
    const third = await recordLaunchedWorkers(db, 't', machines(3), { ...times, nowMs: NOW + 9 });
    for (const workers of [...both, third]) expect(workers).toEqual(both[0]);
    expect(await topicsOf(db)).toEqual(['worker-requested', 'worker-requested', 'worker-requested']);
    await finish(db, ['t'], NOW + 1);
    await recordLaunchedWorkers(db, 't', machines(3), times);
    expect(await getLaunch(db, 't')).toMatchObject({ status: 'done' });
  });

  test('a launch takes a machine that becomes known late, whatever became of its intent, and wants its lifecycle started', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 3), newIntent('u', 3)]);
    await recordLaunchedWorkers(db, 't', machines(1), times);
    await finish(db, ['t'], NOW);
    expect(await recordLaunchedWorkers(db, 't', machines(3), times)).toHaveLength(3);
    expect(await getLaunch(db, 't')).toMatchObject({ status: 'fulfilled', machines: 3 });
    await failLaunch(db, 'u', { proof: refused, ...backoff, failure: 'none', errors: [error] });
    expect(await recordLaunchedWorkers(db, 'u', machines(1, 'late'), times)).toHaveLength(1);
    expect(await getLaunch(db, 'u')).toMatchObject({ status: 'fulfilled', machines: 1 });
  });

  test('a launch of 500 machines is recorded in two statements, in less time than a hundred of one machine', async () => {
    const { db, statements } = counting(database.db);
    const rounds = [1, 2, 3];
    await reserve(
      db,
      rounds.flatMap((round) => [newIntent(`one-${round}`, 1), newIntent(`many-${round}`, 500)]),
    );
    const timeOf = async (token: string, count: number) => {
      const started = performance.now();
      expect(await recordLaunchedWorkers(db, token, machines(count, token), times)).toHaveLength(count);
      return performance.now() - started;
    };
    const before = statements();
    const took: { one: number; many: number }[] = [];
    for (const round of rounds)
      took.push({ one: await timeOf(`one-${round}`, 1), many: await timeOf(`many-${round}`, 500) });
    expect(statements() - before).toBe(2 * 2 * rounds.length);
    // The best of three: the others may have had to share the machine.
    expect(Math.min(...took.map(({ many }) => many))).toBeLessThan(100 * Math.min(...took.map(({ one }) => one)));
  });

  test('a failed launch backs off its launch config and stores one error, once', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 3), newIntent('u', 1)]);
    expect(await failLaunch(db, 't', { proof: refused, ...backoff, failure: 'no capacity', errors: [error] })).toBe(
      true,
    );
    const after = { launch: await getLaunch(db, 't'), events: await eventsOf(db) };
    expect(await failLaunch(db, 't', { proof: refused, ...backoff, failure: 'no capacity', errors: [error] })).toBe(
      false,
    );
    expect({ launch: await getLaunch(db, 't'), events: await eventsOf(db) }).toEqual(after);
    expect(after.launch).toMatchObject({ status: 'failed', failure: 'no capacity', machines: 0, closed: NOW });
    expect(await topicsOf(db)).toEqual(['worker-pool-error']);
    const backoffs = await db.selectFrom('launchBackoffs').selectAll().execute();
    expect(backoffs).toMatchObject([{ launchConfigId: 'lc-a', revision: 1, failures: 1, until: NOW + 1000 }]);
    await failLaunch(db, 'u', { proof: refused, ...backoff, failure: 'no capacity', errors: [error] });
    expect(await db.selectFrom('launchBackoffs').select(['failures', 'until']).execute()).toEqual([
      { failures: 2, until: NOW + 2000 },
    ]);
    expect(await db.selectFrom('workerPoolErrors').select('occurrences').execute()).toEqual([{ occurrences: 2 }]);
  });

  test('a launch that fell short backs off its launch config, once', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 3), newIntent('u', 2)]);
    await recordLaunchedWorkers(db, 't', machines(1), times);
    expect(await noteShortage(db, 't', { ...backoff, errors: [error] })).toBe(true);
    expect(await noteShortage(db, 't', { ...backoff, errors: [error] })).toBe(false);
    expect(await db.selectFrom('launchBackoffs').select('failures').execute()).toEqual([{ failures: 1 }]);
    expect(await getLaunch(db, 't')).toMatchObject({ status: 'fulfilled', failure: 'short: 1 of 3' });
  });

  test('a launch of an edited launch config starts its failures anew', async () => {
    const { db } = database;
    const failed = { ...backoff, workerPoolId: poolId, launchConfigId: 'lc-a', error };
    await recordLaunchFailure(db, { ...failed, revision: 1 });
    await recordLaunchFailure(db, { ...failed, revision: 1 });
    await recordLaunchFailure(db, { ...failed, revision: 2 });
    expect(await db.selectFrom('launchBackoffs').select(['revision', 'failures']).execute()).toEqual([
      { revision: 2, failures: 1 },
    ]);
  });

  test('a launch is unfinished until its lifecycles are started', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 1), newIntent('u', 1)]);
    await recordLaunchedWorkers(db, 't', machines(1), times);
    expect((await poolSnapshot(db, poolId, NOW))?.unfinished.map(({ token, status }) => [token, status])).toEqual([
      ['t', 'fulfilled'],
      ['u', 'open'],
    ]);
    await finish(db, ['t', 'u'], NOW);
    expect((await poolSnapshot(db, poolId, NOW))?.unfinished.map(({ token }) => token)).toEqual(['u']);
    expect(await workersOfLaunch(db, 't')).toHaveLength(1);
  });

  test('a launch stays unfinished when it has more machines than lifecycles were started for', async () => {
    const { db } = database;
    await reserve(db, [newIntent('t', 3)]);
    await recordLaunchedWorkers(db, 't', machines(1), times);
    await recordLaunchedWorkers(db, 't', machines(3), times);
    await finishLaunches(db, [{ token: 't', launched: 1 }], NOW);
    expect(await getLaunch(db, 't')).toMatchObject({ status: 'fulfilled' });
    await finishLaunches(db, [{ token: 't', launched: 3 }], NOW);
    expect(await getLaunch(db, 't')).toMatchObject({ status: 'done' });
  });
});
