import { beforeEach, describe, expect, test } from '@jest/globals';
import { workerPollActivities } from '../../../../activities/demand/poll-workers.js';
import { type DemandSource, QueueRefusedError, type QueueWorkerDetails } from '../../../../domain/demand-source.js';
import type { QueueWorker } from '../../../../domain/inactivity.js';
import { recordReadings } from '../../../../database/demand-readings.js';
import { recordLaunchedWorkers } from '../../../../database/launches.js';
import { recordQuarantine, recordRunning, recordStopping } from '../../../../database/worker-changes.js';
import { activityDeps, activityEnvironment, asActivity } from '../../../support/activities.js';
import { recordedLog } from '../../../support/recorded-log.js';
import { machines, makePool, NOW, newIntent, reserve, times, finish } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** When the polls under test take place. */
const LATER = NOW + 10 * HOUR;

const database = databaseFor('PGlite');

interface Signal {
  readonly workflowId: string;
  readonly activity: unknown;
}

type WorkerQuestions = Pick<DemandSource, 'pending' | 'workers' | 'claimants' | 'worker'>;

/** A queue that knows nobody, and activities that poll it; a test says what else the queue answers. */
function poller(answers: Partial<WorkerQuestions> = {}) {
  const signals: Signal[] = [];
  const requested: string[] = [];
  const { log, lines } = recordedLog('info');
  let refuses: ReadonlySet<string> = new Set();
  const queue: WorkerQuestions = {
    pending: async () => ({ complete: true, entries: [] }),
    workers: async () => ({ complete: true, entries: [] }),
    claimants: async () => ({ complete: true, entries: [] }),
    worker: async () => null,
    ...answers,
  };
  const answerTo = (question: string, workerPoolId: string) => void requested.push(`${question} ${workerPoolId}`);
  const activities = workerPollActivities(
    activityDeps({
      database,
      demand: {
        pending: (pool, signal) => (answerTo('pending', pool), queue.pending(pool, signal)),
        workers: (pool, signal) => (answerTo('workers', pool), queue.workers(pool, signal)),
        claimants: (pool, signal) => (answerTo('claimants', pool), queue.claimants(pool, signal)),
        worker: (pool, worker, signal) => (answerTo('worker', pool), queue.worker(pool, worker, signal)),
      },
      client: {
        workflow: {
          getHandle: (workflowId) => ({
            signal: async (name: string, activity: unknown) => {
              if (name !== 'queueActivity' || refuses.has(workflowId)) throw new Error('refused');
              signals.push({ workflowId, activity });
            },
          }),
        },
      },
      log,
    }),
  );
  return {
    signals,
    requested,
    lines,
    refuse: (...workflowIds: string[]) => (refuses = new Set(workflowIds)),
    poll: (atMs = LATER) =>
      asActivity(() => activities.pollWorkers(), activityEnvironment({ currentAttemptScheduledTimestampMs: atMs })),
  };
}

const name = (workerId: string) => ({ workerGroup: 'here', workerId });
const entry = (workerId: string, changes: Partial<QueueWorker> = {}): QueueWorkerDetails => ({
  ...name(workerId),
  firstClaimAt: NOW,
  lastActiveAt: LATER,
  quarantineUntil: null,
  ...{ expiresAt: null, recentTasks: [], quarantines: [] },
  ...changes,
});
const list =
  (...entries: QueueWorker[]) =>
  async () => ({ complete: true, entries });

/** Workers `<token>-0`, … of a pool, registered at NOW. */
async function registered(workerPoolId: string, token: string, count: number) {
  await makePool(database.db, { workerPoolId });
  await reserve(database.db, [newIntent(token, count)], workerPoolId);
  const workers = (await recordLaunchedWorkers(database.db, token, machines(count, token), times))!;
  await finish(database.db, [token], NOW);
  for (const worker of workers) {
    await recordRunning(database.db, worker, {
      ...{ registeredAt: NOW, terminateAfter: NOW, expires: NOW, secretGeneration: 1, nowMs: NOW },
      queueInactivityMs: 2 * HOUR,
    });
  }
  return workers.map(({ workerGroup, workerId }) => ({ workerPoolId, workerGroup, workerId }));
}

describe('the poll of workers', () => {
  beforeEach(async () => {
    await makePool(database.db, { workerPoolId: 'prov/empty' });
  });

  test('a worker poll reads the queue only for pools with registered workers', async () => {
    const [worker] = await registered('prov/a', 't', 1);
    const { poll, requested } = poller({ workers: list(entry(worker!.workerId, worker)) });
    expect(await poll()).toEqual({ pools: 1, unanswered: 0, signalled: 0, refused: 0 });
    expect(requested).toEqual(['workers prov/a']);
    await recordStopping(database.db, worker!, { reason: 'over', nowMs: NOW });
    expect(await poll()).toMatchObject({ pools: 0 });
  });

  test('a worker poll records how long the pending tasks of waiting pools have waited, and of no other', async () => {
    const reading = { claimedTasks: 0, wantedMachines: 0 };
    await recordReadings(
      database.db,
      [
        { workerPoolId: 'prov/empty', pendingTasks: 0, ...reading },
        { workerPoolId: 'prov/waiting', pendingTasks: 2, ...reading },
      ],
      NOW,
    );
    const insertedAt = [LATER - HOUR, LATER - 60_000];
    const { poll, requested } = poller({
      pending: async () => ({ complete: true, entries: insertedAt.map((at) => ({ insertedAt: at })) }),
    });
    await poll();
    expect(requested).toEqual(['pending prov/waiting']);
    const rows = await database.db.selectFrom('queueWaits').selectAll().orderBy('workerPoolId').execute();
    const { at } = rows[0]!;
    const waits = { at, tasks: 2, complete: true, oldestMs: HOUR, p50Ms: 60_000, p95Ms: HOUR };
    expect(rows).toEqual(['*', 'prov/waiting'].map((workerPoolId) => ({ workerPoolId, ...waits })));
  });

  test.each([
    ['refuses', new QueueRefusedError('pending', ['queue:pending-list:<pool>'], 'no scope'), ['queue-refused']],
    ['does not answer', new Error('no answer'), []],
  ])('a worker poll goes on where the queue %s about pending tasks', async (_, error, events) => {
    await registered('prov/a', 't', 1);
    const reading = { workerPoolId: 'prov/a', pendingTasks: 2, claimedTasks: 0, wantedMachines: 0 };
    await recordReadings(database.db, [reading], NOW);
    const { poll, lines, signals } = poller({ pending: () => Promise.reject(error) });
    await poll();
    await poll(LATER + 60_000);
    expect(signals.length).toBeGreaterThan(0);
    expect(lines.map(({ msg }) => msg)).toEqual(events);
    expect(await database.db.selectFrom('queueWaits').selectAll().execute()).toEqual([]);
  });

  test('a worker poll signals the lifecycle of a worker that has never claimed, and of no other', async () => {
    const [hung, busy, young] = await registered('prov/a', 't', 3);
    const { poll, signals } = poller({
      workers: list(entry(busy!.workerId, busy), entry(young!.workerId, { ...young, lastActiveAt: LATER - HOUR })),
    });
    expect(await poll()).toMatchObject({ signalled: 1 });
    expect(signals).toEqual([
      {
        workflowId: `worker/prov/a/${hung!.workerGroup}/${hung!.workerId}`,
        activity: { firstClaimAt: null, lastActiveAt: null, idle: true, quarantineUntil: null },
      },
    ]);
  });

  test('a worker poll signals no worker that the queue, asked singly, shows active', async () => {
    const [worker] = await registered('prov/a', 't', 1);
    const { poll, requested, signals } = poller({ worker: async () => entry(worker!.workerId, worker) });
    await poll();
    expect(requested).toEqual(['workers prov/a', 'claimants prov/a', 'worker prov/a']);
    expect(signals).toEqual([]);
  });

  test('a worker poll signals no worker that has a claimed task', async () => {
    const [worker] = await registered('prov/a', 't', 1);
    const old = entry(worker!.workerId, { ...worker, lastActiveAt: NOW });
    const { poll, signals } = poller({
      workers: list(old),
      claimants: async () => ({ complete: true, entries: [worker!] }),
      worker: async () => old,
    });
    await poll();
    expect(signals).toEqual([]);
  });

  test('a worker poll signals a change of quarantine once the row differs, and not again when the row says it', async () => {
    const [worker] = await registered('prov/a', 't', 1);
    const quarantineUntil = LATER + HOUR;
    const { poll, signals } = poller({ workers: list(entry(worker!.workerId, { ...worker, quarantineUntil })) });
    await poll();
    expect(signals.map(({ activity }) => activity)).toEqual([
      { firstClaimAt: null, lastActiveAt: null, idle: false, quarantineUntil },
    ]);
    await recordQuarantine(database.db, worker!, quarantineUntil);
    expect(await poll(LATER + 2 * MINUTE)).toMatchObject({ signalled: 0 });
  });

  test('a worker poll signals the other workers when one lifecycle takes no signal, and that one again ever more rarely', async () => {
    const workers = await registered('prov/a', 't', 3);
    const { poll, signals, lines, refuse } = poller();
    const stuck = `worker/prov/a/${workers[0]!.workerGroup}/${workers[0]!.workerId}`;
    refuse(stuck);
    expect(await poll()).toEqual({ pools: 1, unanswered: 0, signalled: 2, refused: 1 });
    expect(lines.map(({ msg, signals: failed }) => [msg, failed])).toEqual([['worker-poll-failed', 1]]);
    refuse();
    const pollsUntilHour = Array.from({ length: 60 }, (_, minute) => LATER + (minute + 1) * MINUTE);
    signals.length = 0;
    for (const at of pollsUntilHour) await poll(at);
    // After 1, 2, 4, 8, 16 and 32 minutes.
    expect(signals.filter(({ workflowId }) => workflowId === stuck)).toHaveLength(5);
  });

  test('a worker poll removes no worker, and goes on with the other pools, when the queue is silent about one', async () => {
    await registered('prov/a', 'ta', 1);
    await registered('prov/b', 'tb', 1);
    const { poll, signals, lines } = poller({
      workers: async (workerPoolId) => {
        if (workerPoolId === 'prov/a') throw new Error('no answer');
        return { complete: true, entries: [] };
      },
    });
    expect(await poll()).toEqual({ pools: 2, unanswered: 1, signalled: 1, refused: 0 });
    expect(signals.map(({ workflowId }) => workflowId.startsWith('worker/prov/b/'))).toEqual([true]);
    expect(lines).toMatchObject([{ msg: 'worker-poll-failed', workerPoolIds: ['prov/a'], failed: 1, leftOut: 0 }]);
  });

  test('a worker poll signals the inactive workers of a pool when the queue fails to answer about one of them', async () => {
    const workers = await registered('prov/a', 't', 3);
    const { poll, signals, lines } = poller({
      worker: async (_, { workerId }) => {
        if (workerId === workers[0]!.workerId) throw new Error('no answer');
        return null;
      },
    });
    expect(await poll()).toEqual({ pools: 1, unanswered: 1, signalled: 2, refused: 0 });
    const ids = new Set(signals.map(({ workflowId }) => workflowId.split('/').at(-1)));
    expect(ids).toEqual(new Set([workers[1]!.workerId, workers[2]!.workerId]));
    expect(lines).toMatchObject([
      { msg: 'worker-poll-failed', workerPoolIds: ['prov/a'], err: { message: 'no answer' } },
    ]);
  });

  test('a worker poll signals a change of quarantine when the queue fails to list the claimed tasks of the pool', async () => {
    const [quarantined] = await registered('prov/a', 't', 2);
    const quarantineUntil = LATER + HOUR;
    const { poll, signals } = poller({
      workers: list(entry(quarantined!.workerId, { ...quarantined, quarantineUntil })),
      claimants: () => Promise.reject(new Error('no answer')),
    });
    expect(await poll()).toEqual({ pools: 1, unanswered: 1, signalled: 1, refused: 0 });
    expect(signals.map(({ activity }) => activity)).toMatchObject([{ idle: false, quarantineUntil }]);
  });

  test('a worker poll reads other inactive workers in the next poll when there are more than it reads at once', async () => {
    const workers = await registered('prov/a', 't', 200);
    const questionsAbout: string[][] = [];
    const { poll, signals } = poller({
      worker: async (_, { workerId }) => {
        questionsAbout.at(-1)!.push(workerId);
        return null;
      },
    });
    for (const seconds of [0, 10, 20]) {
      questionsAbout.push([]);
      await poll(LATER + seconds * 1_000);
    }
    const [first, second, third] = questionsAbout.map((ids) => ids.toSorted());
    expect([...first!, ...second!].toSorted()).toEqual(workers.map(({ workerId }) => workerId).toSorted());
    expect(third).toEqual(first);
    // One that was not asked about in between is not forgotten: its signals are spaced as before.
    expect(signals).toHaveLength(200);
  });

  test.each(['workers', 'claimants', 'worker'] as const)(
    'a worker poll says once that the queue refuses the request «%s», removes no worker meanwhile, and says once that it answers again',
    async (question) => {
      const [worker] = await registered('prov/a', 't', 1);
      let isRefused = true;
      const answer = { complete: true, entries: [] };
      const { poll, signals, lines } = poller({
        [question]: async () => {
          if (isRefused) throw new QueueRefusedError(question, ['queue:some-scope'], 'insufficient scopes');
          return question === 'worker' ? null : answer;
        },
      });
      await poll();
      await poll();
      expect(signals).toEqual([]);
      isRefused = false;
      await poll();
      await poll();
      expect(lines.map(({ msg, question: about }) => [msg, about])).toEqual([
        ['queue-refused', question],
        ['queue-answers', question],
      ]);
      expect(lines[0]).toMatchObject({ scopes: ['queue:some-scope'] });
      expect(signals[0]!.workflowId).toContain(worker!.workerId);
    },
  );
});
