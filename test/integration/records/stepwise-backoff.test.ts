import { beforeEach, describe, expect, test } from '@jest/globals';
import { nextBackoff } from '../../../domain/backoff.js';
import { failLaunch } from '../../../records/launch-failures.js';
import { bookLaunch } from '../../../records/launches.js';
import { recordRunning, recordStopping } from '../../../records/worker-changes.js';
import { engines, machines, makePool, MINUTE, NOW, order, poolId, reserve, times } from '../../support/records.js';
import { recordsFor } from '../../support/records-suite.js';

describe.each(engines)('machines that are built one by one, on %s', (engine) => {
  const records = recordsFor(engine);
  beforeEach(() => makePool(records.db));

  const key = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });
  const rest = (nowMs: number) => ({
    failureClass: 'capacity' as const,
    backoff: (failures: number) => nextBackoff({ failureClass: 'capacity', failures }),
    nowMs,
  });
  const plan = async (token: string, count: number, nowMs: number) => {
    await reserve(records.db, [order(token, count)], poolId, nowMs);
    await bookLaunch(records.db, token, machines(count, token), { ...times, nowMs, endsBackoff: false });
  };
  const fail = (workerId: string, nowMs: number) =>
    recordStopping(records.db, key(workerId), { reason: 'creating vm failed', nowMs, rest: rest(nowMs) });
  const register = (workerId: string, nowMs: number, endsBackoff = true) =>
    recordRunning(records.db, key(workerId), {
      registeredAt: nowMs,
      terminateAfter: null,
      expires: null,
      secretGeneration: 1,
      nowMs,
      endsBackoff,
    });
  const rests = async () =>
    await records.db
      .selectFrom('launchBackoffs')
      .select(['launchConfigId', 'failures', 'until', 'failureClass'])
      .execute();
  const resting = (failures: number, until: number) => [
    { launchConfigId: 'lc-a', failures, until, failureClass: 'capacity' },
  ];

  test('let their launch config rest when they fail, all of one launch once', async () => {
    await plan('t', 3, NOW);
    await fail('t-0', NOW + 1_000);
    await fail('t-1', NOW + 2_000);
    await fail('t-0', NOW + 3_000);
    expect(await rests()).toEqual(resting(1, NOW + 11_000));
  });

  test('of a launch after the rest let it rest for longer', async () => {
    await plan('t', 1, NOW);
    await fail('t-0', NOW);
    await plan('u', 2, NOW + 10_000);
    expect(await rests()).toEqual(resting(1, NOW + 10_000));
    await fail('u-0', NOW + 12_000);
    await fail('u-1', NOW + 12_000);
    expect(await rests()).toEqual(resting(2, NOW + 32_000));
  });

  test('end the rest when the first that was launched after it registers, and no other does', async () => {
    await plan('early', 2, NOW);
    await fail('early-0', NOW);
    await plan('late', 1, NOW + 10_000);
    await register('early-1', NOW + MINUTE);
    expect(await rests()).toEqual(resting(1, NOW + 10_000));
    await register('late-0', NOW + MINUTE);
    expect(await rests()).toEqual([]);
  });

  test('do not end it by their plan, as those do that a launch has made', async () => {
    await reserve(records.db, [order('bulk', 1)]);
    await failLaunch(records.db, 'bulk', {
      ...rest(NOW),
      failure: 'full',
      error: { workerPoolId: poolId, launchConfigId: 'lc-a', kind: 'k', title: 't', description: 'd', extra: {} },
    });
    await plan('t', 1, NOW + 10_000);
    expect(await rests()).toEqual(resting(1, NOW + 10_000));
    await register('t-0', NOW + MINUTE, false);
    expect(await rests()).toHaveLength(1);
    await reserve(records.db, [order('made', 1)]);
    await bookLaunch(records.db, 'made', machines(1, 'made'), times);
    expect(await rests()).toEqual([]);
  });

  test('leave it alone when they stop for another reason', async () => {
    await plan('t', 1, NOW);
    await recordStopping(records.db, key('t-0'), { reason: 'no longer needed', nowMs: NOW });
    expect(await rests()).toEqual([]);
  });
});
