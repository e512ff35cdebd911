import { beforeEach, describe, expect, test } from '@jest/globals';
import { launchActivities } from '../../../../activities/pool/launch.js';
import type { LaunchResult } from '../../../../activities/pool/types.js';
import { getLaunch } from '../../../../database/launches.js';
import type { LaunchRow } from '../../../../database/client/schema.js';
import {
  activityDeps,
  type ActivityEnvironment,
  activityEnvironment,
  asActivity,
} from '../../../support/activities.js';
import { type CallPlan, InDoubtCloud } from '../../../support/in-doubt-cloud.js';
import { proofSize } from '../../../support/long.js';
import { engines, launchConfig, makePool, MINUTE, NOW, newIntent, reserve } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';
import { seededRandom } from '../../../support/seeded-random.js';

const RUNS = proofSize({ short: 1_000, long: 10_000 });
const WITHIN_MS = proofSize({ short: 300_000, long: 1_800_000 });
/** Runs that go on side by side. */
const LANES = 20;
const SETTLED = 7 * MINUTE;

describe.each(engines)('a launch in doubt on %s', (engine) => {
  const database = databaseFor(engine);
  let cloud: InDoubtCloud;
  beforeEach(async () => {
    cloud = new InDoubtCloud();
    await makePool(database.db, {}, [launchConfig('lc-a')]);
  });

  /** One attempt of a process of its own. Gives its result, or null when it has none. */
  const attempt = (
    token: string,
    plan: CallPlan,
    nowMs = NOW,
    environment: ActivityEnvironment = activityEnvironment(),
  ): Promise<LaunchResult | null> => {
    const provider = cloud.provider(plan);
    const providers = { get: () => provider, list: () => [provider] };
    const activities = launchActivities(activityDeps({ database, providers }));
    const launching = () => activities.launchMachines({ token, nowMs, mayLaunch: true });
    return asActivity(launching, environment).catch(() => null);
  };
  const rowsOf = async (token: string) =>
    (
      await database.db
        .selectFrom('workers')
        .select('workerId')
        .where('launchToken', '=', token)
        .orderBy('workerId')
        .execute()
    ).map(({ workerId }) => workerId);
  const expectOwned = async (token: string): Promise<LaunchRow> => {
    const launch = (await getLaunch(database.db, token))!;
    const machines = (cloud.machines.get(token) ?? []).map(({ workerId }) => workerId);
    if (launch.status !== 'open') expect(await rowsOf(token)).toEqual(machines);
    expect(cloud.creations.get(token) ?? 0).toBeLessThanOrEqual(1);
    return launch;
  };

  describe('when the second attempt ends before the first', () => {
    const refused = { acts: false } as const;
    const acts = { acts: true } as const;
    test.each([
      ['both act', acts, acts, 'nobody', 'fulfilled'],
      ['both act and the first dies', acts, acts, 'first', 'fulfilled'],
      ['both act and the second dies', acts, acts, 'second', 'fulfilled'],
      ['the first acts and the second is refused', acts, refused, 'nobody', 'fulfilled'],
      ['the first acts and dies and the second is refused', acts, refused, 'first', 'fulfilled'],
      ['the first acts and the second is refused and dies', acts, refused, 'second', 'fulfilled'],
      ['the first is refused and the second acts', refused, acts, 'nobody', 'fulfilled'],
      ['the first is refused and dies and the second acts', refused, acts, 'first', 'fulfilled'],
      ['the first is refused and the second acts and dies', refused, acts, 'second', 'fulfilled'],
      ['both are refused', refused, refused, 'nobody', 'open'],
      ['both are refused and the first dies', refused, refused, 'first', 'open'],
      ['both are refused and the second dies', refused, refused, 'second', 'open'],
    ] as const)('a launch in doubt keeps every machine owned when %s', async (_, first, second, dies, status) => {
      await reserve(database.db, [newIntent('t', 3)]);
      const hears = (who: string) => (dies === who ? 'death' : 'answer');
      const secondEnded = Promise.withResolvers<void>();
      const firstSent = Promise.withResolvers<void>();
      const pause = async (where: string) => {
        if (where === 'before') return;
        firstSent.resolve();
        await secondEnded.promise;
      };
      const one = attempt('t', { ...first, hears: hears('first'), pause });
      await firstSent.promise;
      await attempt('t', { ...second, hears: hears('second') }, NOW + 10_000);
      secondEnded.resolve();
      await one;
      expect(await expectOwned('t')).toMatchObject({ status });
      await attempt('t', { acts: false, hears: 'answer' }, NOW + SETTLED);
      const created = first.acts || second.acts;
      expect(await expectOwned('t')).toMatchObject({
        status: created ? 'fulfilled' : 'failed',
        machines: created ? 3 : 0,
      });
    });
  });

  test('a launch in doubt stays open while no list shows the machines of an attempt that got no answer', async () => {
    await reserve(database.db, [newIntent('t', 3)]);
    cloud.unlisted.add('t');
    await attempt('t', { acts: true, hears: 'death' });
    await attempt('t', { acts: false, hears: 'answer' }, NOW + 10_000);
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'open', inDoubtAttempts: 1 });
    cloud.unlisted.delete('t');
    await attempt('t', { acts: false, hears: 'answer' }, NOW + 20_000);
    expect(await expectOwned('t')).toMatchObject({ status: 'fulfilled', machines: 3 });
  });

  test('a launch in doubt is not sent any more after two minutes, and is closed when a late list shows nothing', async () => {
    await reserve(database.db, [newIntent('t', 3)]);
    const silent = { acts: false, hears: 'unavailable' } as const;
    await attempt('t', silent);
    await attempt('t', silent, NOW + 2 * MINUTE - 1);
    await attempt('t', silent, NOW + 2 * MINUTE);
    await attempt('t', silent, NOW + 6 * MINUTE);
    expect(cloud.sent.get('t')).toBe(2);
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'open' });
    await attempt('t', silent, NOW + 2 * MINUTE + SETTLED);
    expect(await expectOwned('t')).toMatchObject({ status: 'failed', failure: '503' });
    const backoffs = await database.db.selectFrom('launchBackoffs').selectAll().execute();
    expect(backoffs).toMatchObject([{ launchConfigId: 'lc-a', failureClass: 'other', failures: 1 }]);
  });

  test('a launch in doubt records a part of its machines only when a late list shows no more', async () => {
    await reserve(database.db, [newIntent('t', 3)]);
    await attempt('t', { acts: true, hears: 'death' });
    cloud.machines.get('t')!.pop();
    const refused = { acts: false, hears: 'answer' } as const;
    await attempt('t', refused, NOW + 20_000);
    expect(await rowsOf('t')).toEqual([]);
    await attempt('t', refused, NOW + SETTLED);
    expect(await expectOwned('t')).toMatchObject({ status: 'fulfilled', machines: 2, failure: 'short: 2 of 3' });
  });

  test('a launch in doubt is closed after two minutes in which the cloud took no call', async () => {
    await reserve(database.db, [newIntent('t', 3)]);
    const throttled = { acts: false, hears: 'throttled' } as const;
    await attempt('t', throttled, NOW + MINUTE);
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'open', inDoubtAttempts: 0, inDoubtSince: null });
    await attempt('t', throttled, NOW + 2 * MINUTE);
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'failed', failure: 'slow down' });
  });

  test('a launch that cannot be sent for two minutes is closed, with an error of its pool', async () => {
    await reserve(database.db, [newIntent('t', 3)]);
    const unsent = { acts: false, hears: 'unsent' } as const;
    await attempt('t', unsent, NOW + 2 * MINUTE - 1);
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'open', inDoubtAttempts: 0, inDoubtSince: null });
    await attempt('t', unsent, NOW + 2 * MINUTE);
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'failed', failure: 'no token' });
    const errors = await database.db.selectFrom('workerPoolErrors').selectAll().execute();
    expect(errors).toMatchObject([{ launchConfigId: 'lc-a', description: 'no token' }]);
  });

  test('a launch that cannot be sent stays open while another attempt of it is in doubt', async () => {
    await reserve(database.db, [newIntent('t', 3)]);
    cloud.unlisted.add('t');
    await attempt('t', { acts: true, hears: 'death' }, NOW + 2 * MINUTE - 1);
    await attempt('t', { acts: false, hears: 'unsent' }, NOW + 2 * MINUTE);
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'open', inDoubtAttempts: 1 });
  });

  test('a launch in doubt is not sent by an attempt that was cancelled', async () => {
    await reserve(database.db, [newIntent('t', 3)]);
    const environment = activityEnvironment();
    environment.cancel();
    await attempt('t', { acts: true, hears: 'answer' }, NOW, environment);
    expect(cloud.sent.get('t')).toBeUndefined();
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'open', inDoubtAttempts: 0 });
  });

  test('a launch in doubt gets rows for machines that an attempt learns of after the launch was closed', async () => {
    await reserve(database.db, [newIntent('t', 3)]);
    const resumed = Promise.withResolvers<void>();
    const sending = Promise.withResolvers<void>();
    const pause = async (where: string) => {
      sending.resolve();
      if (where === 'before') await resumed.promise;
    };
    const paused = attempt('t', { acts: true, hears: 'answer', pause });
    await sending.promise;
    await attempt('t', { acts: false, hears: 'answer' }, NOW + SETTLED);
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'failed' });
    resumed.resolve();
    await paused;
    expect(await expectOwned('t')).toMatchObject({ status: 'fulfilled', machines: 3 });
  });

  test(
    `a launch in doubt keeps every machine owned in ${RUNS} random orders of attempts that are refused, cancelled, killed or paused`,
    async () => {
      const tokens = Array.from({ length: RUNS }, (_, run) => `run-${run}`);
      for (let first = 0; first < RUNS; first += 500) {
        await reserve(
          database.db,
          tokens.slice(first, first + 500).map((token) => newIntent(token, 1 + (token.length % 3))),
        );
      }
      const rest = tokens.values();
      const lane = async () => {
        for (const token of rest) await randomRun(token);
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      const { rows } = await unowned();
      expect(rows).toEqual([]);
    },
    WITHIN_MS,
  );

  /** Two or three attempts in random order, then whatever it takes to close the launch. */
  async function randomRun(token: string): Promise<void> {
    const random = seededRandom(Number(token.slice('run-'.length)) + 1);
    const isOneOf = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
    if (random() < 0.3) cloud.unlisted.add(token);
    const doors: (() => void)[] = [];
    const inFlight: Promise<unknown>[] = [];
    /** Attempts that neither pause nor have ended. */
    let busy = 0;
    let arrival = Promise.withResolvers<void>();
    const arrive = () => {
      busy -= 1;
      arrival.resolve();
      arrival = Promise.withResolvers();
    };
    for (let number = 0; number < (random() < 0.5 ? 2 : 3); number += 1) {
      const environment = activityEnvironment();
      const plan = {
        acts: random() < 0.5,
        hears: isOneOf(['answer', 'answer', 'answer', 'unavailable', 'throttled', 'death'] as const),
        pause: async () => {
          const { promise, resolve } = Promise.withResolvers<void>();
          doors.push(resolve);
          arrive();
          await promise;
        },
      };
      busy += 1;
      inFlight.push(attempt(token, plan, NOW + number * 10_000, environment).then(arrive));
      if (random() < 0.2) environment.cancel();
      // Let some of them go on before the next begins.
      while (random() < 0.6) await openOne();
    }
    while (busy + doors.length > 0) await openOne();
    await Promise.all(inFlight);
    await expectOwned(token);
    cloud.unlisted.delete(token);
    const later: CallPlan = { acts: random() < 0.5, hears: 'answer' };
    await attempt(token, later, NOW + 2 * MINUTE + 1);
    await expectOwned(token);
    await attempt(token, later, NOW + 2 * MINUTE + SETTLED);

    /** Lets a random one of those that pause go on, and waits until one of those that are busy pauses or has ended. */
    async function openOne(): Promise<void> {
      const [door] = doors.splice(Math.floor(random() * doors.length), 1);
      if (door) {
        busy += 1;
        door();
      }
      if (busy > 0) await arrival.promise;
    }
  }

  /** Launches that are still open, and machines whose rows differ from them. */
  async function unowned(): Promise<{ rows: unknown[] }> {
    const launches = await database.db.selectFrom('launches').select(['token', 'status']).execute();
    const workers = await database.db.selectFrom('workers').select(['launchToken', 'workerId']).execute();
    const rowsByToken = Map.groupBy(workers, ({ launchToken }) => launchToken);
    const rows = launches.filter(({ token, status }) => {
      const created = cloud.machines.get(token) ?? [];
      const known = rowsByToken.get(token) ?? [];
      return status === 'open' || created.length !== known.length || (cloud.creations.get(token) ?? 0) > 1;
    });
    return { rows };
  }
});
