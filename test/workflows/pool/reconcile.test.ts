import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { pino } from 'pino';
import { ReconcileTriggers } from '../../../temporal/triggers.js';
import { provisionId } from '../../../temporal/ids.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { ScriptedPool } from '../../support/scripted-pool.js';
import { option } from '../../support/selection.js';
import { MINUTE_MS, TimeSkipping } from '../../support/time-skipping.js';

let time: TimeSkipping;
let pool: ScriptedPool;
let created = 0;
beforeAll(async () => {
  time = await TimeSkipping.start();
});
beforeEach(() => {
  pool = new ScriptedPool(time, `proj/asked-${(created += 1)}`);
});
afterEach(() => time.reset());
afterAll(() => time.stop());

const isRunning = async (handle: WorkflowHandle) => (await handle.describe()).status.name === 'RUNNING';
const ended = (handle: WorkflowHandle) => eventually(async () => !(await isRunning(handle)), { what: 'the end' });

/** Holds reconciliations up at their end, one at a time. */
function holdReconciliations() {
  const held: (() => void)[] = [];
  let atOnce = 0;
  let maxAtOnce = 0;
  time.scripted.on('concludeReconciliation', async (_pool, decision) => {
    atOnce += 1;
    maxAtOnce = Math.max(maxAtOnce, atOnce);
    await new Promise<void>((resolve) => held.push(resolve));
    atOnce -= 1;
    pool.decisions.push(decision);
  });
  return {
    release: async () => {
      const next = await eventually(() => held.shift());
      next();
    },
    waiting: () => held.length,
    maxAtOnce: () => maxAtOnce,
  };
}

describe('reconcile signals', () => {
  test('a reconcile signal starts a run of one reconciliation, which ends when no signal follows', async () => {
    const handle = await pool.reconcile();
    await ended(handle);
    expect(time.scripted.names()).toEqual(['assessPool', 'concludeReconciliation']);
  });

  test('five reconcile signals during a reconciliation give exactly one more', async () => {
    const reconciliations = holdReconciliations();
    const handle = await pool.reconcile();
    await eventually(() => reconciliations.waiting() === 1);
    for (let requests = 0; requests < 5; requests += 1) await pool.reconcile();
    await reconciliations.release();
    await time.pass(1_500);
    await reconciliations.release();
    await ended(handle);
    expect(pool.decisions).toHaveLength(2);
    expect(time.scripted.of('assessPool')).toHaveLength(2);
  });

  test('reconcile signals never have two reconciliations of one pool run at once', async () => {
    const reconciliations = holdReconciliations();
    const handle = await pool.reconcile();
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 10 }, () => pool.reconcile()));
      await reconciliations.release();
      await time.pass(1_500);
    }
    await reconciliations.release();
    await ended(handle);
    expect(reconciliations.maxAtOnce()).toBe(1);
    expect(pool.decisions).toHaveLength(4);
  });

  test('reconcile signals that go on for ever do not keep one run alive for longer than two minutes', async () => {
    time.scripted.on('concludeReconciliation', async (_pool, decision) => {
      pool.decisions.push(decision);
      await pool.reconcile();
    });
    const first = await pool.reconcile();
    const { runId } = await first.describe();
    await time.pass(2.5 * MINUTE_MS);
    const firstRun = time.env.client.workflow.getHandle(first.workflowId, runId);
    const { status, closeTime, startTime } = await firstRun.describe();
    expect(status.name).toBe('CONTINUED_AS_NEW');
    expect(closeTime!.getTime() - startTime.getTime()).toBeLessThan(2.1 * MINUTE_MS + time.toleranceMs());
    // A reconciliation each one to two seconds of those that the machine left to them.
    expect(pool.decisions.length).toBeGreaterThan((2 * MINUTE_MS - time.toleranceMs()) / 2_000);
    // The last one of that run came when it was about to end.
    const before = pool.decisions.length;
    await time.pass(5_000);
    await eventually(() => pool.decisions.length > before);
  });
});

describe('a trigger by the product’s own client', () => {
  test('a pool that is always triggered keeps reconciling for longer than ten minutes', async () => {
    const triggers = new ReconcileTriggers(time.env.client, time.taskQueue, pino({ enabled: false }));
    let tries = 0;
    time.scripted.on('concludeReconciliation', async () => {
      tries += 1;
      // Each reconciliation takes a little more than the two minutes of a run, and another is triggered during it.
      if (tries % 17 !== 0) throw new Error('the database does not answer');
      await triggers.requestReconcile(pool.workerPoolId, 'poll');
    });
    await triggers.requestReconcile(pool.workerPoolId, 'poll');
    const handle = time.track(time.env.client.workflow.getHandle(provisionId(pool.workerPoolId)));
    const { runId } = await handle.describe();
    await time.pass(11 * MINUTE_MS);
    expect(await isRunning(handle)).toBe(true);
    const { events } = await handle.fetchHistory();
    const started = events?.[0]?.workflowExecutionStartedEventAttributes;
    expect(started?.continuedExecutionRunId).not.toBe('');
    expect(started?.firstExecutionRunId).toBe(runId);
    // The time-skipping server counts the limit of a chain for each of its runs, a real one does not: the limit is of
    // the run.
    const seconds = (limit: { seconds?: unknown } | null | undefined) => Number(limit?.seconds ?? 0);
    expect(seconds(started?.workflowRunTimeout)).toBe(600);
    expect(seconds(started?.workflowExecutionTimeout)).not.toBe(600);
  });
});

describe('decisions to launch nothing', () => {
  test.each(['held: by hand', 'held: its cron Schedule is paused', 'provider cloud is draining'])(
    'a pool launches nothing and its decision says why when it is %s',
    async (why) => {
      pool.pendingTasks = 10;
      pool.blockedBy = [why];
      await ended(await pool.reconcile());
      expect(pool.launched).toEqual([]);
      expect(pool.decisions).toMatchObject([{ limitedBy: [why], launches: [], estimate: { spawnCapacity: 10 } }]);
    },
  );

  test('a pool is evaluated again within a minute while its Schedule is paused, and not for any other hold', async () => {
    pool.pendingTasks = 10;
    pool.blockedBy = ['held: its cron Schedule is paused'];
    await ended(await pool.reconcile());
    pool.blockedForPolls = true;
    await ended(await pool.reconcile());
    const [paused, held] = time.scripted.of('concludeReconciliation').map(({ args }) => args[2].limitEndsAt);
    expect(Math.abs(paused! - (await time.now()) - MINUTE_MS)).toBeLessThan(time.toleranceMs());
    expect(held).toBeNull();
  });

  test('a blocked pool gives up what was never sent and finishes a launch in doubt', async () => {
    pool.pendingTasks = 10;
    pool.blockedBy = ['held: by hand'];
    const pending = { providerId: 'cloud', launchConfigId: 'lc-1', count: 2 };
    pool.unfinished = [
      { ...pending, token: 'unsent', neverSent: true },
      { ...pending, token: 'in-doubt', neverSent: false },
    ];
    time.scripted.on('dropLaunches', async (tokens) => {
      pool.unfinished = pool.unfinished.filter(({ token }) => !tokens.includes(token));
    });
    await ended(await pool.reconcile());
    expect(time.scripted.of('dropLaunches').map(({ args }) => args)).toEqual([[['unsent']]]);
    expect(pool.launched.map(({ token }) => token)).toEqual(['in-doubt']);
    expect(pool.unfinished).toEqual([]);
    expect(pool.decisions).toMatchObject([
      { limitedBy: ['held: by hand'], launches: [{ token: 'in-doubt', launched: 2 }] },
    ]);
  });

  test('a pool that is not blocked sends what was never sent', async () => {
    pool.unfinished = [{ providerId: 'cloud', launchConfigId: 'lc-1', count: 2, token: 'unsent', neverSent: true }];
    await ended(await pool.reconcile());
    expect(time.scripted.of('dropLaunches')).toEqual([]);
    expect(pool.launched.map(({ token }) => token)).toEqual(['unsent']);
  });

  test('a pool launches its minimum only, and its decision says why, when its demand cannot be read', async () => {
    pool.pendingTasks = null;
    pool.minCapacity = 3;
    pool.existingCapacity = 1;
    await ended(await pool.reconcile());
    expect(pool.launched.map(({ count }) => count)).toEqual([2]);
    expect(pool.decisions).toMatchObject([{ limitedBy: [], estimate: { wantedCapacity: 2, bound: 'minimum' } }]);
  });

  test('a pool launches nothing and its decision says why when the deployment’s limits allow nothing', async () => {
    pool.pendingTasks = 10;
    time.scripted.on('reserveLaunches', async () => ({
      ...{ launches: [], refused: [], limitedBy: ['limits.machines'], limitEndsAt: null, limit: null },
    }));
    await ended(await pool.reconcile());
    expect(pool.decisions).toMatchObject([{ limitedBy: ['limits.machines'], launches: [] }]);
  });

  test('a pool launches nothing and its decision says why when every launch config backs off', async () => {
    pool.pendingTasks = 10;
    pool.options = [option('lc-1', { backoffUntil: (await time.now()) + MINUTE_MS })];
    await ended(await pool.reconcile());
    expect(time.scripted.of('reserveLaunches')).toEqual([]);
    expect(pool.decisions).toMatchObject([{ passedOver: [{ launchConfigId: 'lc-1', reason: 'backing off' }] }]);
  });

  test('a pool that is gone launches nothing and gets no decision', async () => {
    time.scripted.on('assessPool', async () => null);
    await ended(await pool.reconcile());
    expect(time.scripted.names()).toEqual(['assessPool']);
  });
});

describe('what a reconciliation reports', () => {
  const reports = () => time.scripted.of('concludeReconciliation').map(({ args }) => args[2].report);

  test('a reconciliation reports why it was requested, also by several at once', async () => {
    const reconciliations = holdReconciliations();
    const handle = await pool.reconcile('poll');
    await eventually(() => reconciliations.waiting() === 1);
    for (const cause of ['stopped', 'cron', 'stopped'] as const) await pool.reconcile(cause);
    await reconciliations.release();
    await time.pass(1_500);
    await reconciliations.release();
    await ended(handle);
    expect(reports().map(({ triggeredBy }) => triggeredBy)).toEqual([['poll'], ['stopped', 'cron']]);
    expect(new Set(reports().map(({ reconciliationId }) => reconciliationId)).size).toBe(2);
  });

  test('a reconciliation reports each round with its launch configs, and the numbers of the limit that bound it', async () => {
    pool.pendingTasks = 10;
    pool.options = [option('lc-1'), option('lc-2', { backoffUntil: (await time.now()) + MINUTE_MS })];
    const limit = {
      ...{ limit: 'machines' as const, wanted: 10, allowed: 4, machines: 4_996, maxMachines: 5_000 },
      ...{ launchedLastMinute: 0, launchesPerMinute: 500, others: 0, endsAt: null },
    };
    time.scripted.on('reserveLaunches', async (request) => ({
      ...pool.reserve({ ...request, maxMachines: 4 }),
      ...{ limitedBy: ['limits.machines'], limit },
    }));
    pool.answer = (_launchConfigId, count) => ({ launched: count - 1, outcome: 'short', failure: null });
    await ended(await pool.reconcile());
    const [{ rounds, estimator }] = reports() as [ReturnType<typeof reports>[number]];
    expect(estimator).toBe('corrected');
    expect(rounds).toMatchObject([
      {
        ...{ wantedCapacity: 10, limit },
        candidates: [
          { launchConfigId: 'lc-1', outcome: 'chosen', machines: 10 },
          { launchConfigId: 'lc-2', outcome: 'backing off', machines: 0 },
        ],
      },
      { wantedCapacity: 7, limit: null, candidates: [{ launchConfigId: 'lc-2', outcome: 'backing off' }] },
    ]);
  });
});

describe('failures of a reconciliation', () => {
  test('a reconciliation that fails leaves evidence of it, with what it knew by then', async () => {
    time.scripted.on('concludeReconciliation', async () => {
      throw ApplicationFailure.nonRetryable('the row is refused');
    });
    await ended(await pool.reconcile('cron'));
    const known = { triggeredBy: ['cron'], estimator: 'corrected', blocks: [] };
    const failed = time.scripted.of('recordFailedReconciliation').map(({ args }) => args);
    expect(failed).toMatchObject([[pool.workerPoolId, known, 'the row is refused']]);
  });

  test('a reconciliation that fails ends although its evidence cannot be left', async () => {
    time.scripted.fail('concludeReconciliation', 1, ApplicationFailure.nonRetryable('no database'));
    time.scripted.fail('recordFailedReconciliation', 1_000);
    const handle = await pool.reconcile();
    await time.pass(MINUTE_MS);
    await ended(handle);
    expect((await handle.describe()).status.name).toBe('FAILED');
  });

  test('a reconciliation waits for a database that is away for a moment', async () => {
    time.scripted.fail('assessPool', 5);
    const handle = await pool.reconcile();
    await time.pass(MINUTE_MS);
    await ended(handle);
    expect((await handle.describe()).status.name).toBe('COMPLETED');
  });

  test('a reconciliation fails without affecting other pools when the database stays away, and the next signal starts a new one', async () => {
    time.scripted.fail('assessPool', 1_000);
    const handle = await pool.reconcile();
    await time.pass(4 * MINUTE_MS);
    await ended(handle);
    expect((await handle.describe()).status.name).toBe('FAILED');
    time.scripted.reset();
    pool = new ScriptedPool(time, pool.workerPoolId);
    await ended(await pool.reconcile());
    expect(pool.decisions).toHaveLength(1);
  });

  test('a reconciliation is followed by another when it was triggered before it failed', async () => {
    let tries = 0;
    time.scripted.on('concludeReconciliation', async (_pool, decision) => {
      tries += 1;
      if (tries > 1) return void pool.decisions.push(decision);
      await pool.reconcile();
      throw ApplicationFailure.nonRetryable('the database has been away for too long');
    });
    const handle = await pool.reconcile();
    await ended(handle);
    expect((await handle.describe()).status.name).toBe('COMPLETED');
    expect(pool.decisions).toHaveLength(1);
  });

  test('a reconciliation with a mistake in its code fails instead of retrying its task for ever', async () => {
    // Facts without options are what no release of ours gives: the code stumbles with a TypeError.
    time.scripted.on('assessPool', async () => ({ unfinished: [] }) as never);
    const handle = await pool.reconcile();
    await ended(handle);
    expect((await handle.describe()).status.name).toBe('FAILED');
    const { events } = await handle.fetchHistory();
    expect((events ?? []).filter((event) => event.workflowTaskFailedEventAttributes)).toEqual([]);
  });
});
