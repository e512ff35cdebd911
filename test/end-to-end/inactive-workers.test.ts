import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import taskcluster from 'taskcluster-client';
import type { WorkerKey } from '../../domain/ids.js';
import { lifecycleId } from '../../temporal/ids.js';
import type { WorkerPollResult } from '../../activities/demand/poll-workers.js';
import { mainTaskQueue, workflowTypes } from '../../temporal/names.js';
import { awsPool, type WorkerResponse } from '../../dev/testing/api-client.js';
import { endPool, expectSettled } from '../support/pool-steps.js';
import { suiteOf } from '../support/suite.js';

/**
 * What the queue says of workers reaches their lifecycles: hung ones go, quarantined ones are known, silence removes
 * nobody.
 */

const HOURS_MS = 3 * 60 * 60_000;

const { system, newPool } = suiteOf('inactive/pool', {
  // Sweeps and polls of workers come when a test triggers one.
  config: { intervals: { sweepSeconds: 3_600 } },
});

const run = async <Result>(type: 'sweep' | 'watchWorkers'): Promise<Result> =>
  (await system().temporal.workflow.execute(workflowTypes[type], {
    workflowId: `${type}/${randomUUID()}`,
    taskQueue: mainTaskQueue('worker-manager'),
  })) as Result;
const pollWorkers = () => run<WorkerPollResult>('watchWorkers');

/** As if it had registered three hours ago: its row says so, and its next lifecycle goes on from the row. */
async function registeredLongAgo(worker: WorkerKey): Promise<void> {
  const handle = system().temporal.workflow.getHandle(lifecycleId(worker));
  const { runId } = await handle.describe();
  await handle.terminate('by a test');
  const open = `WorkflowId = '${lifecycleId(worker)}' AND ExecutionStatus = 'Running'`;
  await system().waitFor(async () => (await system().temporal.workflow.count(open)).count === 0, 'the end in the list');
  await system().query(
    'update workers set registered_at = registered_at - $1 where worker_pool_id = $2 and worker_id = $3',
    [HOURS_MS, worker.workerPoolId, worker.workerId],
  );
  await run('sweep');
  await system().waitFor(async () => {
    const now = await handle.describe();
    return now.runId !== runId && now.status.name === 'RUNNING';
  }, 'a new lifecycle');
}

const stateOf = async (pool: string, workerId: string) =>
  (await system().api.workers(pool)).find((worker) => worker.workerId === workerId)?.state;

test('a hung worker is found by the queue’s data and replaced, and one that waits for work stays', async () => {
  const pool = newPool();
  await system().api.createPool(pool, awsPool({ minCapacity: 2 }));
  await expectSettled(system(), pool, 2);
  const [hung, idle] = await system().api.workers(pool);
  await system().simulator.act(hung!.workerId, 'hang');
  for (const worker of [hung!, idle!]) await registeredLongAgo(worker);
  await system().simulator.setQueue({ taskQueueId: pool, ageMs: HOURS_MS });
  // The queue is silent about the pool: nobody goes.
  await system().simulator.setQueue({ taskQueueId: pool, silent: true });
  expect(await pollWorkers()).toMatchObject({ unanswered: 1, signalled: 0 });
  expect(await stateOf(pool, hung!.workerId)).toBe('running');
  await system().simulator.setQueue({ taskQueueId: pool, silent: false });
  expect(await pollWorkers()).toMatchObject({ unanswered: 0, signalled: 1 });
  await system().waitFor(async () => (await stateOf(pool, hung!.workerId)) === 'stopped', 'the end of the hung worker');
  await system().waitFor(async () => (await system().api.counts(pool)).running === 2, 'its replacement');
  expect(await stateOf(pool, idle!.workerId)).toBe('running');
  const [row] = await system().query('select stop_reason from workers where worker_id = $1', [hung!.workerId]);
  expect(row).toEqual({ stop_reason: 'worker inactive' });
  await endPool(system(), pool);
});

/** Tells the queue, polls it, and waits for the row. */
async function quarantine(worker: WorkerResponse, quarantineUntil: number): Promise<void> {
  const queue = new taskcluster.Queue({ rootUrl: system().simulator.url });
  const [provisionerId, workerType] = worker.workerPoolId.split('/') as [string, string];
  const payload = { quarantineUntil: new Date(quarantineUntil).toISOString() };
  await queue.quarantineWorker(provisionerId, workerType, worker.workerGroup, worker.workerId, payload);
  await pollWorkers();
  const statement = 'select quarantine_until from workers where worker_id = $1 and quarantine_until = $2';
  await system().waitFor(
    async () => (await system().query(statement, [worker.workerId, quarantineUntil])).length === 1,
    'the quarantine in the row',
  );
}

test('the quarantine of a worker, and again its end, is in the worker’s row after a poll', async () => {
  const pool = newPool();
  await system().api.createPool(pool, awsPool({ minCapacity: 1, maxCapacity: 1 }));
  await expectSettled(system(), pool, 1);
  const [worker] = await system().api.workers(pool);
  await quarantine(worker!, Date.now() + HOURS_MS);
  await quarantine(worker!, Date.now() - 1);
  expect(await stateOf(pool, worker!.workerId)).toBe('running');
  await endPool(system(), pool);
});

test('a quarantined worker is replaced by a new one, and counts towards the maximum', async () => {
  const pool = newPool();
  await system().api.createPool(pool, awsPool({ minCapacity: 1, maxCapacity: 2 }));
  await expectSettled(system(), pool, 1);
  const [first] = await system().api.workers(pool);
  await quarantine(first!, Date.now() + HOURS_MS);
  await expectSettled(system(), pool, 2);
  const second = (await system().api.workers(pool)).find(({ workerId }) => workerId !== first!.workerId);
  // No third one: both count towards the maximum of two.
  await quarantine(second!, Date.now() + HOURS_MS);
  const decision = await system().waitFor(async () => {
    const [latest] = await system().api.decisions(pool);
    return latest?.decision.inputs.quarantinedCapacity === 2 ? latest.decision : null;
  }, 'a decision that knows of both');
  expect(decision).toMatchObject({
    inputs: { runningCapacity: 0 },
    estimate: { spawnCapacity: 0, roomCapacity: 0 },
    launches: [],
  });
  await expectSettled(system(), pool, 2);
  await endPool(system(), pool);
});
