import { beforeEach, describe, expect, test } from '@jest/globals';
import { nextBackoff } from '../../../domain/backoff.js';
import { poolSnapshot } from '../../../database/pool-snapshot.js';
import { failLaunch } from '../../../database/launch-failures.js';
import { recordLaunchedWorkers } from '../../../database/launches.js';
import { recordRunning, recordStopping } from '../../../database/worker-changes.js';
import {
  engines,
  machines,
  makePool,
  MINUTE,
  NOW,
  newIntent,
  poolId,
  refused,
  reserve,
  times,
} from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

describe.each(engines)('backoff of a launch config by its machines, on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(() => makePool(database.db));

  const key = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });
  const backoff = (nowMs: number) => ({
    failureClass: 'capacity' as const,
    durationMs: (failures: number) => nextBackoff({ failureClass: 'capacity', failures }),
    nowMs,
  });
  const plan = async (token: string, count: number, nowMs: number) => {
    await reserve(database.db, [newIntent(token, count)], poolId, nowMs);
    await recordLaunchedWorkers(database.db, token, machines(count, token), { ...times, nowMs });
  };
  const fail = (workerId: string, nowMs: number) =>
    recordStopping(database.db, key(workerId), { reason: 'creating vm failed', nowMs, backoff: backoff(nowMs) });
  const endUnregistered = (workerId: string, nowMs: number) =>
    recordStopping(database.db, key(workerId), {
      reason: 'Client.InternalError',
      nowMs,
      backoff: { ...backoff(nowMs), unregistered: true },
    });
  const room = async () =>
    (await poolSnapshot(database.db, poolId, NOW))!.options.map((option) => option.unregisteredRoom);
  const register = (workerId: string, nowMs: number) =>
    recordRunning(database.db, key(workerId), {
      registeredAt: nowMs,
      terminateAfter: null,
      expires: null,
      secretGeneration: 1,
      nowMs,
    });
  const backoffs = async () =>
    await database.db
      .selectFrom('launchBackoffs')
      .select(['launchConfigId', 'failures', 'until', 'failureClass'])
      .execute();
  const backedOff = (failures: number, until: number) => [
    { launchConfigId: 'lc-a', failures, until, failureClass: 'capacity' },
  ];

  test('failed machines back off their launch config, all of one launch once', async () => {
    await plan('t', 3, NOW);
    await fail('t-0', NOW + 1_000);
    await fail('t-1', NOW + 2_000);
    await fail('t-0', NOW + 3_000);
    expect(await backoffs()).toEqual(backedOff(1, NOW + 11_000));
  });

  test('a failed machine launched after the backoff backs off its launch config for longer', async () => {
    await plan('t', 1, NOW);
    await fail('t-0', NOW);
    await plan('u', 2, NOW + 10_000);
    expect(await backoffs()).toEqual(backedOff(1, NOW + 10_000));
    await fail('u-0', NOW + 12_000);
    await fail('u-1', NOW + 12_000);
    expect(await backoffs()).toEqual(backedOff(2, NOW + 32_000));
  });

  test('the first machine launched after the backoff ends it when it registers, and no other does', async () => {
    await plan('early', 2, NOW);
    await fail('early-0', NOW);
    await plan('late', 1, NOW + 10_000);
    await register('early-1', NOW + MINUTE);
    expect(await backoffs()).toEqual(backedOff(1, NOW + 10_000));
    await register('late-0', NOW + MINUTE);
    expect(await backoffs()).toEqual([]);
  });

  test('a launch that the cloud accepts keeps the backoff: only a registration is a proof', async () => {
    await reserve(database.db, [newIntent('bulk', 1)]);
    await failLaunch(database.db, 'bulk', {
      proof: refused,
      ...backoff(NOW),
      failure: 'full',
      errors: [{ workerPoolId: poolId, launchConfigId: 'lc-a', kind: 'k', title: 't', description: 'd', extra: {} }],
    });
    await plan('t', 1, NOW + 10_000);
    expect(await backoffs()).toEqual(backedOff(1, NOW + 10_000));
    await register('t-0', NOW + MINUTE);
    expect(await backoffs()).toEqual([]);
  });

  test('the backoff doubles each time that a machine ends unregistered, whatever the cloud accepted', async () => {
    let now = NOW;
    const pauses: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      await plan(`t${round}`, 1, now);
      await endUnregistered(`t${round}-0`, now + 1);
      const [backoff] = await backoffs();
      pauses.push((backoff!.until - now - 1) / 1000);
      now = backoff!.until;
    }
    expect(pauses).toEqual([10, 20, 40, 80, 160, 320, 600, 600]);
  });

  test('a launch config has at most 3 unregistered machines at once while its last outcome is one that ended unregistered', async () => {
    await plan('t', 1, NOW);
    await plan('u', 1, NOW);
    expect(await room()).toEqual([null, null]);
    await endUnregistered('t-0', NOW + 1_000);
    expect(await room()).toEqual([2, null]);
    await reserve(database.db, [newIntent('open', 4)], poolId, NOW + 20_000);
    expect(await room()).toEqual([0, null]);
    await register('u-0', NOW + MINUTE);
    expect(await room()).toEqual([null, null]);
    expect(await backoffs()).toEqual(backedOff(1, NOW + 11_000));
  });

  test('unregistered machines count against the limit also when they were launched before the backoff', async () => {
    await plan('t', 2, NOW);
    await fail('t-0', NOW + 1_000);
    expect(await room()).toEqual([null, null]);
    await endUnregistered('t-1', NOW + 2_000);
    expect(await room()).toEqual([3, null]);
    expect(await backoffs()).toEqual(backedOff(1, NOW + 11_000));
  });

  test('a machine that stops for another reason leaves the backoff alone', async () => {
    await plan('t', 1, NOW);
    await recordStopping(database.db, key('t-0'), { reason: 'no longer needed', nowMs: NOW });
    expect(await backoffs()).toEqual([]);
  });
});
