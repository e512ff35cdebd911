import { describe, expect, test } from '@jest/globals';
import proto from '@temporalio/proto';
import { lifecycleId } from '../../../temporal/ids.js';
import { lifecycleStart } from '../../../temporal/lifecycle-start-options.js';
import { workflowTypes } from '../../../temporal/names.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { poolSuite } from '../../support/pool-suite.js';
import { option } from '../../support/selection.js';
import { MINUTE_MS } from '../../support/time-skipping.js';

const { time, pool, ended, reconcileOnce } = poolSuite('pool');

const countOf = (launchConfigId: string) =>
  pool()
    .launched.filter((each) => each.launchConfigId === launchConfigId)
    .reduce((sum, { count }) => sum + count, 0);
const lifecycle = (workerId: string) =>
  time().env.client.workflow.getHandle(
    lifecycleId({ workerPoolId: pool().workerPoolId, workerGroup: 'here', workerId }),
  );

describe('launches of a reconciliation', () => {
  test('a reconciliation launches what the estimate says, spread over the launch configs, and records why', async () => {
    pool().pendingTasks = 20;
    pool().options = [option('lc-a'), option('lc-b'), option('lc-c', { initialWeight: 0 })];
    await reconcileOnce();
    expect(countOf('lc-a') + countOf('lc-b')).toBe(20);
    expect(countOf('lc-c')).toBe(0);
    const [decision] = pool().decisions;
    expect(decision).toMatchObject({ estimate: { spawnCapacity: 20, bound: 'demand' }, limitedBy: [] });
    expect(decision!.passedOver).toContainEqual({ launchConfigId: 'lc-c', reason: 'weight 0' });
    expect(decision!.launches.map(({ outcome }) => outcome)).not.toContain('failed');
  });

  test('a reconciliation tries the next launch config at once where one has no capacity', async () => {
    pool().pendingTasks = 5;
    pool().options = [option('empty', { initialWeight: 1 }), option('full', { initialWeight: 0.001 })];
    pool().answer = (id) =>
      id === 'empty' ? { launched: 0, outcome: 'failed', failure: 'InsufficientCapacity' } : undefined;
    await reconcileOnce();
    expect(pool().existingCapacity).toBe(5);
    expect(pool().decisions).toHaveLength(1);
    expect(pool().launched.filter(({ launchConfigId }) => launchConfigId === 'empty')).toHaveLength(1);
    expect(pool().decisions[0]!.launches).toContainEqual(
      expect.objectContaining({
        launchConfigId: 'empty',
        outcome: 'failed',
        launched: 0,
        failure: 'InsufficientCapacity',
      }),
    );
  });

  test('a reconciliation gets from another launch config what one is short of', async () => {
    pool().pendingTasks = 10;
    pool().options = [option('short'), option('other', { initialWeight: 0.000_001 })];
    pool().answer = (id) => (id === 'short' ? { launched: 4, outcome: 'short' } : undefined);
    await reconcileOnce();
    expect(pool().existingCapacity).toBe(10);
    expect(pool().decisions[0]!.launches.map(({ launchConfigId, launched: got }) => [launchConfigId, got])).toEqual([
      ['short', 4],
      ['other', 6],
    ]);
  });

  test('a reconciliation ends when every launch config has failed', async () => {
    pool().pendingTasks = 10;
    pool().options = ['a', 'b', 'c'].map((id) => option(id));
    pool().answer = () => ({ launched: 0, outcome: 'failed', failure: 'none left' });
    await reconcileOnce();
    expect(new Set(pool().launched.map(({ launchConfigId }) => launchConfigId))).toEqual(new Set(['a', 'b', 'c']));
    expect(pool().launched).toHaveLength(3);
    expect(pool().existingCapacity).toBe(0);
  });

  test('a reconciliation finishes what an earlier one left open, then reads the pool again before it launches more', async () => {
    pool().pendingTasks = 8;
    pool().unfinished = [{ token: 'old', providerId: 'cloud', launchConfigId: 'lc-1', count: 3 }];
    await reconcileOnce();
    expect(pool().launched.map(({ token, count }) => [token === 'old', count])).toEqual([
      [true, 3],
      [false, 8],
    ]);
    expect(time().scripted.names().slice(0, 3)).toEqual(['assessPool', 'launchMachines', 'assessPool']);
    expect(pool().decisions[0]!.launches.map(({ requested }) => requested)).toEqual([3, 8]);
  });

  test('a reconciliation leaves an old launch open whose provider is no longer configured', async () => {
    pool().unfinished = [{ token: 'old', providerId: 'elsewhere', launchConfigId: 'lc-1', count: 3 }];
    await reconcileOnce();
    expect(pool().launched).toEqual([]);
    expect(pool().decisions[0]!.launches).toMatchObject([{ token: 'old', outcome: 'unfinished', launched: 0 }]);
  });

  test('a reconciliation concludes although a launch gives no answer, and counts it as launched', async () => {
    pool().pendingTasks = 5;
    pool().options = [option('silent'), option('other', { initialWeight: 0.000_001 })];
    pool().answer = (id) => {
      if (id === 'silent') throw new Error('no answer');
      return undefined;
    };
    const handle = await pool().reconcile();
    await eventually(() => pool().launched.length > 0);
    await time().pass(110_000);
    await ended(handle);
    expect(pool().decisions[0]!.launches).toMatchObject([
      { launchConfigId: 'silent', requested: 5, launched: 0, outcome: 'unfinished', failure: 'no answer yet' },
    ]);
    expect(new Set(pool().launched.map(({ token }) => token)).size).toBe(1);
    expect(pool().existingCapacity).toBe(0);
  });

  test('a reconciliation launches 500 machines at most', async () => {
    pool().pendingTasks = 900;
    await reconcileOnce();
    expect(pool().existingCapacity).toBe(500);
    expect(
      time()
        .scripted.of('reserveLaunches')
        .map(({ args }) => args[0].maxMachines),
    ).toEqual([500]);
  });
});

describe('lifecycles of a launch', () => {
  test('up to 25 lifecycles are children of the reconciliation that outlive it', async () => {
    pool().pendingTasks = 25;
    const reconciliation = await reconcileOnce();
    expect(time().scripted.of('startLifecycles')).toEqual([]);
    const workers = pool().workersOf(pool().launched[0]!);
    const described = await Promise.all(workers.map(({ workerId }) => time().track(lifecycle(workerId)).describe()));
    expect(described.map(({ status }) => status.name)).toEqual(Array(25).fill('RUNNING'));
    const { events } = await reconciliation.fetchHistory();
    const starts = (events ?? []).flatMap((event) => event.startChildWorkflowExecutionInitiatedEventAttributes ?? []);
    expect(starts).toHaveLength(25);
    const { PARENT_CLOSE_POLICY_ABANDON } = proto.temporal.api.enums.v1.ParentClosePolicy;
    expect(new Set(starts.map(({ parentClosePolicy }) => parentClosePolicy))).toEqual(
      new Set([PARENT_CLOSE_POLICY_ABANDON]),
    );
  });

  test('the lifecycles of a launch are started although the start of one fails, and the launch stays unfinished for it', async () => {
    pool().pendingTasks = 3;
    const named = pool().workersOf.bind(pool());
    // This can be no part of a workflow's id.
    const broken = { workerGroup: 'here', workerId: { toString: null } as unknown as string };
    pool().workersOf = (launch) => named(launch).map((worker, index) => (index === 1 ? broken : worker));
    await reconcileOnce();
    const workers = named(pool().launched[0]!);
    for (const index of [0, 2]) {
      expect((await time().track(lifecycle(workers[index]!.workerId)).describe()).status.name).toBe('RUNNING');
    }
    expect(pool().decisions).toMatchObject([{ launches: [{ outcome: 'unfinished', launched: 0 }] }]);
  });

  test('more than 25 lifecycles are started by one activity', async () => {
    pool().pendingTasks = 26;
    const reconciliation = await reconcileOnce();
    const [call, ...more] = time().scripted.of('startLifecycles');
    expect(more).toEqual([]);
    expect(call!.args).toEqual([pool().launched[0]!.token, reconciliation.workflowId]);
    const { events } = await reconciliation.fetchHistory();
    expect((events ?? []).some((event) => event.startChildWorkflowExecutionInitiatedEventAttributes)).toBe(false);
  });

  test('lifecycles that could not all be started in time are left to the next reconciliation, and the launch stays unfinished', async () => {
    pool().pendingTasks = 26;
    time().scripted.on('startLifecycles', async () => false);
    await reconcileOnce();
    expect(pool().decisions.at(-1)?.launches).toMatchObject([{ outcome: 'unfinished', launched: 0 }]);
  });

  test('an activity that never answers holds the run for four minutes, and no longer', async () => {
    pool().pendingTasks = 26;
    time().scripted.fail('startLifecycles', 1_000);
    const handle = await pool().reconcile();
    await time().pass(5 * MINUTE_MS);
    expect((await time().track(handle).describe()).status.name).toBe('COMPLETED');
    expect(pool().decisions.at(-1)?.launches).toMatchObject([{ outcome: 'unfinished', launched: 0 }]);
  });

  test('a lifecycle that exists already, because a registration was first, is no failure', async () => {
    pool().pendingTasks = 2;
    // The API starts one between the launch and the reconciliation's own starts.
    time().scripted.on('launchMachines', async ({ token }) => {
      const common = {
        workerPoolId: pool().workerPoolId,
        providerId: 'cloud',
        launchConfigId: 'lc-1',
        launchToken: token,
        capacity: 1,
        timing: { registrationMs: 60_000, reregistrationMs: 60_000, queueInactivityMs: 60_000 },
        location: { account: null, region: 'here', group: null },
        registrationDeadline: (await time().now()) + 60_000,
        creationSteps: [],
        removalSteps: ['machine'],
      };
      const workers = ['first', 'second'].map((workerId) => ({ workerGroup: 'here', workerId }));
      const input = { ...common, ...workers[0]! };
      const early = await time().env.client.workflow.start(workflowTypes.workerLifecycle, {
        ...lifecycleStart(input, 'api'),
        taskQueue: time().taskQueue,
      });
      time().track(early);
      return { launched: 2, outcome: 'launched', failure: null, group: { common, workers } };
    });
    await reconcileOnce();
    expect(pool().decisions).toHaveLength(1);
    for (const workerId of ['first', 'second']) {
      expect((await time().track(lifecycle(workerId)).describe()).status.name).toBe('RUNNING');
    }
  });
});
