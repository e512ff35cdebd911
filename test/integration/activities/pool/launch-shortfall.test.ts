import { beforeEach, describe, expect, test } from '@jest/globals';
import { launchActivities } from '../../../../activities/pool/launch.js';
import type { LaunchResult } from '../../../../activities/pool/types.js';
import { getLaunch } from '../../../../database/launches.js';
import { listErrors } from '../../../../database/errors.js';
import { ProviderError } from '../../../../providers/errors.js';
import type { BulkLaunching, FoundMachines, LaunchedMachine, Provider } from '../../../../providers/provider.js';
import { activityDeps, activityEnvironment, asActivity } from '../../../support/activities.js';
import { refuseInserts } from '../../../support/broken-rows.js';
import { engines, launchConfig, makePool, MINUTE, newIntent, NOW, poolId, reserve } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';
import { recordedLog } from '../../../support/recorded-log.js';

const capacity = { code: 'InsufficientCapacity', cloudCode: 'STOCK_OUT', message: 'no machines left' } as const;
const quota = { code: 'QuotaExceeded', cloudCode: 'QUOTA', message: 'no more CPUs' } as const;
const machine = (index: number): LaunchedMachine => ({
  workerGroup: 'zone-a',
  workerId: `machine-${index}`,
  location: { account: 'p', region: 'r', group: 'zone-a' },
  identityAttributes: {},
});
const unavailable = () => Promise.reject(new ProviderError({ code: 'Unavailable', message: '503' }));
const nothing: FoundMachines = { machines: [], shortfall: [], isSettled: false };

describe.each(engines)('a launch of which machines are missing on %s', (engine) => {
  const database = databaseFor(engine);
  const log = recordedLog();
  let launching: Pick<BulkLaunching, 'submit' | 'find'>;
  let sent: number;
  let maxTokenAgeMs: number;
  beforeEach(async () => {
    sent = 0;
    log.lines.length = 0;
    maxTokenAgeMs = 45 * MINUTE;
    launching = { submit: unavailable, find: async () => nothing };
    await makePool(database.db, {}, [launchConfig('lc-a')]);
    await reserve(database.db, [newIntent('t', 3)]);
  });

  const attempt = (nowMs = NOW): Promise<LaunchResult | null> => {
    const bulk = {
      ...{ kind: 'bulk', maxPerLaunch: 250, maxTokenAgeMs },
      submit: async (launch) => {
        sent += 1;
        return await launching.submit(launch);
      },
      find: (launch) => launching.find(launch),
    } as BulkLaunching;
    const provider = { providerId: 'aws', launching: bulk } as unknown as Provider;
    const providers = { get: () => provider, list: () => [provider] };
    const activities = launchActivities(activityDeps({ database, providers, log: log.log }));
    const launchOnce = () => activities.launchMachines({ token: 't', nowMs, mayLaunch: true });
    return asActivity(launchOnce, activityEnvironment()).catch(() => null);
  };
  const errors = async () => {
    const { items } = await listErrors(database.db, poolId, {}, { limit: 10, after: null });
    return items
      .map(({ extra, description }) => [extra.code, description])
      .toSorted((a, b) => String(a[0]).localeCompare(String(b[0])));
  };
  const backoffs = () => database.db.selectFrom('launchBackoffs').select(['launchConfigId', 'failureClass']).execute();
  const bothReasons = [
    ['QUOTA', 'no more CPUs'],
    ['STOCK_OUT', 'no machines left'],
  ];

  test('a launch closes as failed with an error for each reason, and its launch config backs off by the worst', async () => {
    launching.submit = async () => ({ machines: [], shortfall: [capacity, quota] });
    expect(await attempt()).toMatchObject({
      launched: 0,
      outcome: 'failed',
      failure: 'no machines left; no more CPUs',
    });
    expect(await errors()).toEqual(bothReasons);
    expect(await backoffs()).toEqual([{ launchConfigId: 'lc-a', failureClass: 'quota' }]);
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'failed', inDoubtAttempts: 0 });
  });

  test('a launch logs its errors by the ids under which they are listed', async () => {
    launching.submit = async () => ({ machines: [], shortfall: [capacity, quota] });
    await attempt();
    const { items } = await listErrors(database.db, poolId, {}, { limit: 10, after: null });
    const ids = (errors: readonly Record<string, unknown>[]) =>
      errors.map(({ errorId, description }) => `${String(errorId)} ${String(description)}`).toSorted();
    expect(items).toHaveLength(2);
    expect(ids(log.of('worker-error'))).toEqual(ids(items.map((item) => ({ ...item }))));
  });

  test('a launch closes as failed although an earlier attempt is in doubt, for both are one operation', async () => {
    await attempt();
    launching.submit = async () => ({ machines: [], shortfall: [capacity] });
    expect(await attempt(NOW + 10_000)).toMatchObject({ outcome: 'failed' });
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'failed', inDoubtAttempts: 0 });
  });

  test('a launch records the machines that there are, and an error for each reason', async () => {
    launching.submit = async () => ({ machines: [machine(0)], shortfall: [capacity, quota] });
    expect(await attempt()).toMatchObject({ launched: 1, outcome: 'short' });
    expect(await attempt()).toMatchObject({ launched: 1, outcome: 'short' });
    expect(await errors()).toEqual(bothReasons);
    expect(await backoffs()).toEqual([{ launchConfigId: 'lc-a', failureClass: 'quota' }]);
  });

  test('a launch whose errors cannot be written has no rows either, and the next attempt writes both', async () => {
    launching.submit = async () => ({ machines: [machine(0)], shortfall: [quota] });
    const mend = await refuseInserts(database.db, 'worker_pool_errors');
    expect(await attempt()).toBeNull();
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'open' });
    await mend();
    expect(await attempt(NOW + 10_000)).toMatchObject({ launched: 1, outcome: 'short' });
    expect(await errors()).toEqual([['QUOTA', 'no more CPUs']]);
    expect(await backoffs()).toEqual([{ launchConfigId: 'lc-a', failureClass: 'quota' }]);
  });

  test('a launch waits for no list when the cloud says that the launch has ended', async () => {
    await attempt();
    launching.find = async () => ({ machines: [machine(0)], shortfall: [quota], isSettled: true });
    expect(await attempt(NOW + 2 * MINUTE)).toMatchObject({ launched: 1, outcome: 'short' });
    expect(sent).toBe(1);
    expect(await errors()).toEqual([['QUOTA', 'no more CPUs']]);
  });

  test('a launch closes as failed when the cloud says that the launch has ended and nothing came of it', async () => {
    await attempt();
    launching.find = async () => ({ machines: [], shortfall: [quota], isSettled: true });
    expect(await attempt(NOW + 2 * MINUTE)).toMatchObject({ launched: 0, outcome: 'failed', failure: 'no more CPUs' });
    expect(await errors()).toEqual([['QUOTA', 'no more CPUs']]);
  });

  test('a launch stays in doubt while a part of it is not settled', async () => {
    await attempt();
    launching.find = async () => ({ machines: [machine(0)], shortfall: [], isSettled: false });
    expect(await attempt(NOW + 2 * MINUTE)).toBeNull();
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'open' });
  });

  test('a launch is only searched for once its cloud may have forgotten the token', async () => {
    launching.submit = () => Promise.reject(new ProviderError({ code: 'GivenUp', message: 'not sent' }));
    maxTokenAgeMs = MINUTE;
    await attempt();
    await attempt(NOW + MINUTE - 1);
    expect(sent).toBe(2);
    await attempt(NOW + MINUTE);
    expect(sent).toBe(2);
  });
});
