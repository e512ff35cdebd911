import { describe, expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { lifecycleId } from '../../../temporal/ids.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { poolSuite } from '../../support/pool-suite.js';
import { option } from '../../support/selection.js';
import { MINUTE_MS } from '../../support/time-skipping.js';

const { time, pool, ended, reconcileOnce } = poolSuite('in-doubt', ['cloud', 'former']);

const old = { token: 'old', providerId: 'cloud', launchConfigId: 'lc-1', count: 3 };
const attempts = () =>
  time()
    .scripted.of('launchMachines')
    .map(({ args: [{ token, mayLaunch }] }) => [token, mayLaunch]);
const dropped = () =>
  time()
    .scripted.of('dropLaunches')
    .map(({ args: [tokens] }) => tokens);
const unavailable = () => ApplicationFailure.create({ message: '503', type: 'Unavailable' });

describe('a reconciliation', () => {
  test('a reconciliation starts the lifecycles of one launch while another has no answer', async () => {
    pool().pendingTasks = 40;
    pool().options = [option('silent'), option('well')];
    pool().answer = (id) => {
      if (id === 'silent') throw new Error('hangs');
      return undefined;
    };
    const handle = await pool().reconcile();
    await eventually(async () => {
      const launch = pool().launched.find(({ launchConfigId }) => launchConfigId === 'well');
      if (!launch) return false;
      const [worker] = pool().workersOf(launch);
      const id = lifecycleId({ workerPoolId: pool().workerPoolId, ...worker! });
      const lifecycle = time().track(time().env.client.workflow.getHandle(id));
      return lifecycle.describe().then(
        ({ status }) => status.name === 'RUNNING',
        () => time().scripted.of('startLifecycles').length > 0,
      );
    });
    expect(pool().decisions).toEqual([]);
    await time().pass(MINUTE_MS);
    await ended(handle);
  });

  test('a reconciliation ends a launch that the cloud does not answer without trying again, and counts it as launched', async () => {
    pool().pendingTasks = 3;
    pool().options = [option('down'), option('other', { initialWeight: 0.000_001 })];
    pool().answer = (id) => {
      if (id === 'down') throw unavailable();
      return undefined;
    };
    await reconcileOnce();
    expect(pool().launched).toMatchObject([{ launchConfigId: 'down', count: 3 }]);
    expect(pool().decisions[0]!.launches).toMatchObject([{ outcome: 'unfinished', failure: '503' }]);
  });

  test('a reconciliation launches for new tasks while an old launch has no answer', async () => {
    pool().pendingTasks = 8;
    pool().unfinished = [old];
    pool().options = [option('lc-2')];
    pool().answer = (id) => {
      if (id === 'lc-1') throw new Error('hangs');
      return undefined;
    };
    const handle = await pool().reconcile();
    await eventually(() => pool().decisions.length > 0);
    expect(pool().decisions[0]!.launches).toMatchObject([
      { token: 'old', outcome: 'unfinished', failure: 'no answer yet' },
      { launchConfigId: 'lc-2', outcome: 'launched', launched: 8 },
    ]);
    await time().pass(MINUTE_MS);
    await ended(handle);
  });

  test('a reconciliation leaves an open launch alone until its next attempt is due', async () => {
    pool().unfinished = [{ ...old, nextAttemptAt: (await time().now()) + MINUTE_MS }];
    await reconcileOnce();
    expect(attempts()).toEqual([]);
    expect(pool().decisions[0]!.launches).toMatchObject([{ token: 'old', outcome: 'unfinished', failure: 'in doubt' }]);
    pool().unfinished = [{ ...old, nextAttemptAt: await time().now() }];
    await reconcileOnce();
    expect(attempts()).toEqual([['old', true]]);
  });

  test('a reconciliation only searches for an open launch while the pool is held', async () => {
    pool().unfinished = [old];
    pool().blockedBy = ['held'];
    await reconcileOnce();
    expect(attempts()).toEqual([['old', false]]);
  });

  test('a reconciliation reports a launch that has been in doubt for too long', async () => {
    pool().unfinished = [{ ...old, isUnreported: true, nextAttemptAt: (await time().now()) + MINUTE_MS }];
    await reconcileOnce();
    expect(
      time()
        .scripted.of('reportLaunches')
        .map(({ args: [tokens] }) => tokens),
    ).toEqual([['old']]);
  });

  test('a reconciliation gives up a launch that was never sent and whose provider is no longer configured', async () => {
    pool().unfinished = [{ ...old, providerId: 'elsewhere', neverSent: true }];
    await reconcileOnce();
    expect(dropped()).toEqual([['old']]);
  });

  test.each([
    ['its pool has moved to another provider', { providerId: 'former' }],
    ['its launch config has been archived', { isArchived: true }],
  ])(
    'a reconciliation gives up a launch that was never sent, and only searches for one in doubt, when %s',
    async (_when, change) => {
      pool().providers = ['cloud', 'former'];
      pool().unfinished = [
        { ...old, ...change, token: 'never sent', neverSent: true },
        { ...old, ...change },
      ];
      await reconcileOnce();
      expect(dropped()).toEqual([['never sent']]);
      expect(attempts()).toEqual([['old', false]]);
    },
  );

  test('a reconciliation is followed by another when a launch has its outcome later than it was waited for', async () => {
    pool().unfinished = [old];
    let attempt = 0;
    pool().answer = () => {
      attempt += 1;
      if (attempt < 5) throw new Error('hangs');
      return undefined;
    };
    const handle = await pool().reconcile();
    await eventually(() => pool().decisions.length > 0);
    await time().pass(MINUTE_MS);
    await ended(handle);
    expect(pool().decisions).toHaveLength(2);
    expect(pool().decisions[0]!.launches).toMatchObject([{ outcome: 'unfinished' }]);
    expect(attempt).toBe(5);
  });
});
