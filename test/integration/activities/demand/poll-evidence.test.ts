import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Db } from '../../../../database/client/schema.js';
import { demandActivities } from '../../../../activities/demand/poll-demand.js';
import { hold } from '../../../../database/holds.js';
import { updatePool } from '../../../../database/pools.js';
import type { DemandCounts } from '../../../../domain/demand.js';
import type { ProviderHealth } from '../../../../domain/provider-health.js';
import { providersOf } from '../../../../providers/configured.js';
import { activityDeps, activityEnvironment, asActivity } from '../../../support/activities.js';
import { counting, engines, launchConfig, makePool, newPool, NOW } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';
import { recordedContext } from '../../../support/provider-context.js';
import { recordedLog } from '../../../support/recorded-log.js';
import { RecordingCloud } from '../../../support/recording-cloud.js';
import { recordingProvider } from '../../../support/recording-provider.js';

let clock = NOW;

describe.each(engines)('polls on %s', (engine) => {
  const database = databaseFor(engine);
  const counts: Record<string, DemandCounts | Error> = {};
  let health: ProviderHealth;
  beforeEach(async () => {
    health = { state: 'ok', message: null, since: null };
    for (const name of ['a', 'b']) {
      await makePool(database.db, { workerPoolId: `prov/${name}` });
      counts[`prov/${name}`] = { pendingTasks: 5, claimedTasks: 1 };
    }
  });

  /** A process that polls, and what it has logged. */
  function poller(db: Db = database.db) {
    const cloud = recordingProvider(recordedContext({ providerId: 'aws' }), new RecordingCloud(), 'bulk');
    const recorded = recordedLog();
    const { log } = recorded;
    const deps = activityDeps({
      database: { db },
      providers: { ...providersOf([cloud]), state: () => health },
      log,
      demand: {
        counts: async (workerPoolId) => {
          const read = counts[workerPoolId]!;
          if (read instanceof Error) throw read;
          return read;
        },
      },
      triggers: { requestReconcile: async () => {} },
    });
    const activities = demandActivities(deps);
    const environment = () => activityEnvironment({ currentAttemptScheduledTimestampMs: (clock += 10_000) });
    return {
      poll: () => asActivity(() => activities.pollDemand(), environment()),
      logged: (event: string) => recorded.of(event),
    };
  }

  const rows = () => database.db.selectFrom('demandPolls').selectAll().orderBy('id').execute();
  const spans = (kind: 'provider' | 'outage') =>
    database.db.selectFrom('spans').selectAll().where('kind', '=', kind).orderBy('id').execute();

  test('a poll leaves what it read and decided of every pool, and each further one what has changed', async () => {
    const { poll } = poller();
    await poll();
    counts['prov/b'] = { pendingTasks: 7, claimedTasks: 1 };
    await hold(database.db, 'prov/a', { reason: 'bad image', clientId: 'ops', nowMs: NOW });
    await poll();
    await poll();
    const [first, second, third] = await rows();
    const entry = { requested: 0, running: 0, stopping: 0, quarantined: 0, inDoubt: 0, room: 100, dueMs: 10_000 };
    const triggered = { ...entry, pending: 5, claimed: 1, wanted: 5, verdict: 'triggered' };
    expect(first).toMatchObject({ fullId: null, intervalMs: 10_000, errors: [] });
    expect(first!.pools).toEqual({ 'prov/a': triggered, 'prov/b': triggered });
    expect(second).toMatchObject({ fullId: first!.id, process: first!.process });
    // It has no decision yet: it is triggered although it is held.
    expect(second!.pools).toEqual({
      'prov/a': { ...triggered, wanted: 0 },
      'prov/b': { ...triggered, pending: 7, wanted: 7 },
    });
    expect(third).toMatchObject({ fullId: first!.id, pools: {} });
    expect(first!.begun).toBeLessThanOrEqual(first!.ended);
  });

  test('a poll says of each pool that it could not read why', async () => {
    counts['prov/a'] = new Error('HTTP 403: no scope\nand much more');
    const { poll } = poller();
    await poll();
    const [row] = await rows();
    expect(row!.pools['prov/a']).toMatchObject({ pending: null, claimed: null, verdict: 'unanswered', error: 0 });
    expect(row!.errors).toEqual(['HTTP 403: no scope']);
  });

  test('a poll says of a pool that it is polled no more', async () => {
    const { poll } = poller();
    await poll();
    await database.db.deleteFrom('workerPools').where('workerPoolId', '=', 'prov/b').execute();
    await poll();
    expect((await rows()).at(-1)!.pools).toEqual({ 'prov/b': null });
  });

  test('a process that polls for the first time leaves all pools, whatever another has left', async () => {
    await poller().poll();
    await poller().poll();
    const [first, second] = await rows();
    expect([second!.fullId, Object.keys(second!.pools)]).toEqual([null, Object.keys(first!.pools)]);
  });

  test('the first poll after a time without any leaves that time as an outage', async () => {
    const { poll } = poller();
    await poll();
    await poll();
    expect(await spans('outage')).toEqual([]);
    const hour = 3_600_000;
    await database.db
      .updateTable('demandPolls')
      .set((eb) => ({ ended: eb('ended', '-', hour) }))
      .execute();
    await poll();
    const [, before, after] = await rows();
    expect(await spans('outage')).toMatchObject([{ subject: '', begins: before!.ended, ends: after!.begun }]);
  });

  test('a provider that is not well is a span, which the next poll that finds it well ends, of whatever process', async () => {
    health = { state: 'failed', message: 'no credentials', since: NOW };
    const { poll } = poller();
    await poll();
    await poll();
    health = { state: 'failed', message: 'no answer', since: NOW };
    await poll();
    health = { state: 'ok', message: null, since: null };
    await poller().poll();
    const [, , third, last] = await rows();
    expect(await spans('provider')).toMatchObject([
      {
        ...{ subject: 'aws', ends: third!.ended, endedBy: { by: 'seen' } },
        data: { state: 'failed', message: 'no credentials', process: third!.process },
      },
      { subject: 'aws', begins: third!.ended, ends: last!.ended, data: { state: 'failed', message: 'no answer' } },
    ]);
  });

  test('a provider that a pool names and no configuration has is a span', async () => {
    const submission = { clientId: 'ops', nowMs: NOW, launchConfigs: [launchConfig('lc-a')] };
    await updatePool(database.db, {
      ...submission,
      pool: newPool({ workerPoolId: 'prov/a', providerId: 'elsewhere' }),
    });
    await poller().poll();
    expect(await spans('provider')).toMatchObject([{ subject: 'elsewhere', data: { state: 'unconfigured' } }]);
  });

  test('a poll whose row cannot be written polls all the same, and the next row has all pools', async () => {
    const { poll, logged } = poller();
    await poll();
    await database.db.schema.alterTable('demand_polls').renameTo('demand_polls_gone').execute();
    try {
      expect(await poll()).toMatchObject({ pools: 2, unanswered: 0 });
      expect(await poll()).toMatchObject({ pools: 2, unanswered: 0 });
    } finally {
      await database.db.schema.alterTable('demand_polls_gone').renameTo('demand_polls').execute();
    }
    await poll();
    expect(logged('poll-not-recorded')).toHaveLength(1);
    expect((await rows()).map(({ fullId }) => fullId)).toEqual([null, null]);
  });

  test('a poll costs one statement for its evidence, however many pools there are', async () => {
    const cost = async (): Promise<number> => {
      const { db, statements } = counting(database.db);
      const { poll } = poller(db);
      await poll();
      return statements();
    };
    const few = await cost();
    for (let number = 0; number < 30; number += 1) {
      await makePool(database.db, { workerPoolId: `prov/${number}` });
      counts[`prov/${number}`] = { pendingTasks: 5, claimedTasks: 1 };
    }
    // All pools, who hears messages, the readings, and the evidence.
    expect([few, await cost()]).toEqual([4, 4]);
  });
});
