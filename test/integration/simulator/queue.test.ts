import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import taskcluster from 'taskcluster-client';
import { eventually } from '../../support/eventually.js';
import { startSimulator, type SimulatorHandle } from '../../support/simulator.js';

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
  test('counts pending and claimed tasks of a task queue', async () => {
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

  test('counts nothing for a task queue that it never heard of', async () => {
    expect(await queue().taskQueueCounts('some/other')).toMatchObject({ pendingTasks: 0, claimedTasks: 0 });
  });

  test('gives waiting workers their task as soon as there is one', async () => {
    const claim = queue().claimWork(taskQueueId, { tasks: 1, ...worker });
    await eventually(async () => (await simulator.addTasks(taskQueueId, 1)).taskIds.length > 0);
    expect((await claim).tasks).toHaveLength(1);
  });

  test('takes a completed task from the claimed ones, once', async () => {
    await simulator.addTasks(taskQueueId, 1);
    const { tasks } = await queue().claimWork(taskQueueId, { tasks: 1, ...worker });
    const taskId = tasks[0]?.status.taskId ?? '';
    await queue().reclaimTask(taskId, 0);
    await queue().reportCompleted(taskId, 0);
    expect(await queue().taskQueueCounts(taskQueueId)).toMatchObject({ pendingTasks: 0, claimedTasks: 0 });
    await expect(queue().reportCompleted(taskId, 0)).rejects.toMatchObject({ statusCode: 409 });
  });

  test('refuses a task queue id that is none', async () => {
    await expect(queue().taskQueueCounts('one-part')).rejects.toMatchObject({ statusCode: 400 });
  });
});
