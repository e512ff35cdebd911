import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import taskcluster from 'taskcluster-client';
import { eventually } from '../../../dev/testing/eventually.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';

const taskQueueId = 'proj-example/linux';
const worker = { workerGroup: 'here', workerId: 'by-hand' };
let simulator: SimulatorHandle;

beforeAll(async () => {
  simulator = await startSimulator({ machines: 'off', claimTimeoutMs: 300 });
});
afterAll(() => simulator.stop());
beforeEach(() => simulator.reset());

const queue = () => new taskcluster.Queue({ rootUrl: simulator.url, retries: 0 });

describe('the queue', () => {
  test('the queue counts pending and claimed tasks of a task queue', async () => {
    await simulator.addTasks(taskQueueId, 5);
    await queue().claimWork(taskQueueId, { tasks: 2, ...worker });
    expect(await queue().taskQueueCounts(taskQueueId)).toEqual({
      taskQueueId,
      provisionerId: 'proj-example',
      workerType: 'linux',
      pendingTasks: 3,
      claimedTasks: 2,
    });
  });

  test('the queue counts nothing for an unknown task queue', async () => {
    expect(await queue().taskQueueCounts('some/other')).toMatchObject({ pendingTasks: 0, claimedTasks: 0 });
  });

  test('the queue gives waiting workers their task as soon as there is one', async () => {
    const claim = queue().claimWork(taskQueueId, { tasks: 1, ...worker });
    await eventually(async () => (await simulator.addTasks(taskQueueId, 1)).taskIds.length > 0);
    expect((await claim).tasks).toHaveLength(1);
  });

  test('the queue takes a completed task from the claimed ones, once', async () => {
    await simulator.addTasks(taskQueueId, 1);
    const { tasks } = await queue().claimWork(taskQueueId, { tasks: 1, ...worker });
    const taskId = tasks[0]?.status.taskId ?? '';
    await queue().reclaimTask(taskId, 0);
    await queue().reportCompleted(taskId, 0);
    expect(await queue().taskQueueCounts(taskQueueId)).toMatchObject({ pendingTasks: 0, claimedTasks: 0 });
    await expect(queue().reportCompleted(taskId, 0)).rejects.toMatchObject({ statusCode: 409 });
  });

  test('the queue lists workers that have called for work, with first claim and last activity, in pages', async () => {
    const beforeMs = Date.now();
    for (const workerId of ['b', 'c', 'a']) {
      await simulator.addTasks(taskQueueId, 1);
      await queue().claimWork(taskQueueId, { tasks: 1, workerGroup: 'here', workerId });
    }
    const first = await queue().listWorkers('proj-example', 'linux', { limit: '2' });
    expect(first.workers.map(({ workerId }) => workerId)).toEqual(['a', 'b']);
    const { continuationToken = '' } = first;
    const second = await queue().listWorkers('proj-example', 'linux', { limit: '2', continuationToken });
    expect(second).toEqual({
      workers: [
        {
          workerGroup: 'here',
          workerId: 'c',
          firstClaim: expect.any(String),
          lastDateActive: expect.any(String),
          latestTask: { taskId: expect.any(String), runId: 0 },
        },
      ],
    });
    expect(Date.parse(second.workers[0]?.firstClaim ?? '')).toBeGreaterThanOrEqual(beforeMs);
    expect(await queue().listWorkers('proj-example', 'other')).toEqual({ workers: [] });
  });

  test('the queue lists pending tasks with their times, in pages', async () => {
    const before = Date.now();
    await simulator.addTasks(taskQueueId, 3);
    const first = await queue().listPendingTasks(taskQueueId, { limit: '2' });
    const { continuationToken = '' } = first;
    const second = await queue().listPendingTasks(taskQueueId, { limit: '2', continuationToken });
    const inserted = [...first.tasks, ...second.tasks].map((task) => Date.parse(task.inserted));
    expect(inserted).toHaveLength(3);
    expect(inserted.every((at) => at >= before && at <= Date.now())).toBe(true);
    expect(second.continuationToken).toBeUndefined();
  });

  test('the queue lists claimed tasks with their workers, in pages', async () => {
    await simulator.addTasks(taskQueueId, 3);
    await queue().claimWork(taskQueueId, { tasks: 3, ...worker });
    const first = await queue().listClaimedTasks(taskQueueId, { limit: '2' });
    const { continuationToken = '' } = first;
    const second = await queue().listClaimedTasks(taskQueueId, { limit: '2', continuationToken });
    expect([...first.tasks, ...second.tasks]).toMatchObject([worker, worker, worker]);
    expect(second.continuationToken).toBeUndefined();
  });

  test('the queue knows one worker by its name, and answers 404 for one that has never called', async () => {
    await simulator.addTasks(taskQueueId, 1);
    await queue().claimWork(taskQueueId, { tasks: 1, ...worker });
    expect(await queue().getWorker('proj-example', 'linux', 'here', 'by-hand')).toMatchObject(worker);
    await expect(queue().getWorker('proj-example', 'linux', 'here', 'other')).rejects.toMatchObject({
      statusCode: 404,
      code: 'ResourceNotFound',
    });
  });

  test('the queue gives a worker in quarantine no task, and says until when', async () => {
    const quarantineUntil = new Date(Date.now() + 3_600_000).toISOString();
    await queue().quarantineWorker('proj-example', 'linux', 'here', 'by-hand', { quarantineUntil });
    await simulator.addTasks(taskQueueId, 1);
    const refused = queue().claimWork(taskQueueId, { tasks: 1, ...worker });
    expect(
      (await queue().claimWork(taskQueueId, { tasks: 1, workerGroup: 'here', workerId: 'other' })).tasks,
    ).toHaveLength(1);
    expect((await queue().listWorkers('proj-example', 'linux')).workers[0]).toMatchObject({
      ...worker,
      quarantineUntil,
    });
    const lifted = { quarantineUntil: new Date().toISOString() };
    await queue().quarantineWorker('proj-example', 'linux', 'here', 'by-hand', lifted);
    await simulator.addTasks(taskQueueId, 1);
    expect((await refused).tasks).toHaveLength(1);
  });

  test('the queue tells a worker’s latest tasks, its expiry, and who put it into quarantine until when and why', async () => {
    const taskIds: string[] = [];
    for (let n = 0; n < 22; n += 1) {
      taskIds.push(...(await simulator.addTasks(taskQueueId, 1)).taskIds);
      await queue().claimWork(taskQueueId, { tasks: 1, ...worker });
    }
    const quarantineUntil = new Date(Date.now() + 3_600_000).toISOString();
    const credentials = { clientId: 'an-operator', accessToken: 'nobody-checks-it' };
    const asOperator = new taskcluster.Queue({ rootUrl: simulator.url, retries: 0, credentials });
    const order = { quarantineUntil, quarantineInfo: 'its disk is full' };
    await asOperator.quarantineWorker('proj-example', 'linux', 'here', 'by-hand', order);
    expect(await queue().getWorker('proj-example', 'linux', 'here', 'by-hand')).toMatchObject({
      expires: expect.any(String),
      recentTasks: taskIds.slice(2).map((taskId) => ({ taskId, runId: 0 })),
      quarantineDetails: [{ clientId: 'an-operator', ...order, updatedAt: expect.any(String) }],
    });
  });

  test('the queue says the counts that a control sets, and the true ones again afterwards', async () => {
    await simulator.setQueue({ taskQueueId, counts: { pendingTasks: 7, claimedTasks: 9 } });
    expect(await queue().taskQueueCounts(taskQueueId)).toMatchObject({ pendingTasks: 7, claimedTasks: 9 });
    await simulator.setQueue({ taskQueueId, counts: null });
    expect(await queue().taskQueueCounts(taskQueueId)).toMatchObject({ pendingTasks: 0, claimedTasks: 0 });
  });

  test('the queue answers nothing about a task queue that a control silences, and goes on about others', async () => {
    await simulator.setQueue({ taskQueueId, silent: true });
    const impatient = new taskcluster.Queue({ rootUrl: simulator.url, retries: 0, timeout: 200 });
    await expect(impatient.taskQueueCounts(taskQueueId)).rejects.toMatchObject({ code: 'ECONNABORTED' });
    await expect(impatient.listWorkers('proj-example', 'linux')).rejects.toMatchObject({ code: 'ECONNABORTED' });
    expect(await queue().taskQueueCounts('some/other')).toMatchObject({ pendingTasks: 0 });
    await simulator.setQueue({ taskQueueId, silent: false });
    expect(await queue().taskQueueCounts(taskQueueId)).toMatchObject({ pendingTasks: 0 });
  });

  test('the queue says older instants of its workers when a control ages them', async () => {
    await simulator.addTasks(taskQueueId, 1);
    await queue().claimWork(taskQueueId, { tasks: 1, ...worker });
    await simulator.setQueue({ taskQueueId, ageMs: 7_200_000 });
    const { lastDateActive } = await queue().getWorker('proj-example', 'linux', 'here', 'by-hand');
    expect(Date.now() - Date.parse(lastDateActive ?? '')).toBeGreaterThanOrEqual(7_200_000);
  });

  test('the queue refuses a malformed task queue id', async () => {
    await expect(queue().taskQueueCounts('one-part')).rejects.toMatchObject({ statusCode: 400 });
  });
});
