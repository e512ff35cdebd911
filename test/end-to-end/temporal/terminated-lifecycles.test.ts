import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { WorkerKey } from '../../../domain/ids.js';
import { lifecycleId } from '../../../temporal/ids.js';
import type { LifecycleStatus } from '../../../temporal/messages.js';
import { mainTaskQueue, workflowTypes } from '../../../temporal/names.js';
import { awsPool } from '../../../dev/testing/api-client.js';
import { awsProviders } from '../../../dev/testing/system.js';
import { checkEvidence } from '../../support/evidence.js';
import { expectAllStopped, expectSettled, machinesOf, removeAll } from '../../support/pool-steps.js';
import { suiteOf } from '../../support/suite.js';

/** Somebody terminates lifecycles in the Temporal UI: their clean-up never runs, and their machines do. */

const { system, newPool } = suiteOf('terminated/pool', {
  // Sweeps come when a test triggers one.
  config: { intervals: { sweepSeconds: 3_600 } },
  providers: async (simulator, folder) => {
    const { aws } = await awsProviders(simulator, folder);
    return { aws, spare: aws, hand: { providerType: 'static' } };
  },
});

const lifecycle = (worker: WorkerKey) => system().temporal.workflow.getHandle(lifecycleId(worker));
const statusOf = (worker: WorkerKey) => lifecycle(worker).query<LifecycleStatus>('status');
/** Not through the Schedule, whose runs of one second have the same name. */
const sweep = () =>
  system().temporal.workflow.execute(workflowTypes.sweep, {
    workflowId: `sweep/${randomUUID()}`,
    taskQueue: mainTaskQueue('worker-manager'),
  });

async function terminate(worker: WorkerKey): Promise<string> {
  const { runId } = await lifecycle(worker).describe();
  await lifecycle(worker).terminate('by a test');
  // Lists lag behind, and a sweep reads one.
  const open = `WorkflowId = '${lifecycleId(worker)}' AND ExecutionStatus = 'Running'`;
  await system().waitFor(async () => (await system().temporal.workflow.count(open)).count === 0, 'the end in the list');
  return runId;
}

async function replaced(worker: WorkerKey, runId: string): Promise<void> {
  await system().waitFor(async () => {
    const now = await lifecycle(worker).describe();
    return now.runId !== runId && now.status.name === 'RUNNING';
  }, `a new lifecycle of ${worker.workerId}`);
}

/** A pool with so many running machines, which from now on wants none. */
async function runningPool(count: number): Promise<string> {
  const pool = newPool();
  await system().api.createPool(pool, awsPool({ minCapacity: count }));
  await expectSettled(system(), pool, count);
  await system().api.updatePool(pool, awsPool({ maxCapacity: 0 }));
  return pool;
}

test('a sweep gives running workers new lifecycles, which know what the rows know, and removals end them', async () => {
  const pool = await runningPool(2);
  const workers = await system().api.workers(pool);
  const before = await Promise.all(workers.map(statusOf));
  const runs = await Promise.all(workers.map(terminate));
  await sweep();
  for (const [number, worker] of workers.entries()) await replaced(worker, runs[number]!);
  const after = await Promise.all(workers.map(statusOf));
  expect(after.map(({ state, deadline }) => ({ state, deadline }))).toEqual(
    before.map(({ state, deadline }) => ({ state, deadline })),
  );
  expect(await machinesOf(system(), pool)).toHaveLength(2);
  await removeAll(system(), pool);
  await expectAllStopped(system(), pool);
});

test('a removal is put off once and then done when no sweep has replaced the lifecycle', async () => {
  const pool = await runningPool(1);
  const [worker] = await system().api.workers(pool);
  await terminate(worker!);
  const parts = [pool, worker!.workerGroup, worker!.workerId].map(encodeURIComponent);
  const remove = () => system().api.call('DELETE', `/workers/${parts.join('/')}`);
  const { status, headers } = await remove();
  expect(status).toBe(503);
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await remove()).status).toBe(200);
  await expectAllStopped(system(), pool);
});

test('a removal whose lifecycle is terminated half-way is taken to its end', async () => {
  const pool = await runningPool(1);
  const [worker] = await system().api.workers(pool);
  const held = await system().simulator.addFault({ operation: 'TerminateInstances', mode: 'hold-request' });
  await removeAll(system(), pool);
  await system().simulator.faultHit(held.id);
  const run = await terminate(worker!);
  await system().simulator.releaseFault(held.id, 'drop');
  await sweep();
  await replaced(worker!, run);
  await expectAllStopped(system(), pool);
});

test('a lifecycle that has ended by itself is never started again', async () => {
  const pool = await runningPool(1);
  const [worker] = await system().api.workers(pool);
  await removeAll(system(), pool);
  await expectAllStopped(system(), pool);
  const { runId } = await lifecycle(worker!).describe();
  await sweep();
  const parts = [pool, worker!.workerGroup, worker!.workerId].map(encodeURIComponent);
  await system().api.call('DELETE', `/workers/${parts.join('/')}`);
  const now = await lifecycle(worker!).describe();
  expect(now).toMatchObject({ runId, status: { name: 'COMPLETED' } });
});

test('a worker that is alive again in a restored database is stopped by the sweep, because its lifecycle has ended', async () => {
  const pool = await runningPool(3);
  const workers = await system().api.workers(pool);
  await removeAll(system(), pool);
  await expectAllStopped(system(), pool);
  const runs = await Promise.all(workers.map(async (worker) => (await lifecycle(worker).describe()).runId));
  // As a backup has them that was made before their ends.
  for (const [nth, state] of ['requested', 'running', 'stopping'].entries())
    await system().query(
      `update workers set state = $2, stopped_at = null,
        stop_reason = case when $2 = 'stopping' then stop_reason end where worker_id = $1`,
      [workers[nth]!.workerId, state],
    );
  await sweep();
  for (const [nth, worker] of workers.entries()) expect((await lifecycle(worker).describe()).runId).not.toBe(runs[nth]);
  await expectAllStopped(system(), pool);
  const reasons = await system().query<{ stop_reason: string }>(
    'select stop_reason from workers where worker_pool_id = $1',
    [pool],
  );
  expect(reasons.filter(({ stop_reason: reason }) => reason === 'its lifecycle had ended already')).toHaveLength(2);
  expect(await system().query('select 1 from worker_pool_errors where worker_pool_id = $1', [pool])).toEqual([]);
  const ends = await Promise.all(workers.map(async (worker) => (await lifecycle(worker).describe()).runId));
  await sweep();
  for (const [nth, worker] of workers.entries()) expect((await lifecycle(worker).describe()).runId).toBe(ends[nth]);
  const lines = system()
    .process('worker')
    .output()
    .match(/"worker-outlives-lifecycle"/g);
  expect(lines).toHaveLength(3);
});

test('a static worker gets a new lifecycle too, and can be changed and removed', async () => {
  const pool = 'terminated/static';
  await system().api.createPool(pool, {
    ...awsPool(),
    providerId: 'hand',
    config: {},
  });
  const worker = { workerPoolId: pool, workerGroup: 'shelf', workerId: 'box-1' };
  const path = `/workers/${[pool, worker.workerGroup, worker.workerId].map(encodeURIComponent).join('/')}`;
  const staticSecret = (randomUUID() + randomUUID()).replaceAll('-', '').slice(0, 44);
  const described = (capacity: number) => ({
    expires: new Date(Date.now() + 3_600_000).toISOString(),
    capacity,
    providerInfo: { staticSecret },
  });
  expect((await system().api.call('PUT', path, described(1))).status).toBe(200);
  const run = await terminate(worker);
  await sweep();
  await replaced(worker, run);
  expect(await system().api.call('POST', path, described(3))).toMatchObject({ status: 200, body: { capacity: 3 } });
  expect((await system().api.call('DELETE', path)).status).toBe(200);
  await expectAllStopped(system(), pool);
  await system().query(`update workers set state = 'running', stopped_at = null where worker_pool_id = $1`, [pool]);
  await sweep();
  await expectAllStopped(system(), pool);
});

test('the machines of a provider that its pool has left are replaced one by one where the pool says so, and all end', async () => {
  const pool = newPool();
  await system().api.createPool(pool, awsPool({ minCapacity: 2 }));
  await expectSettled(system(), pool, 2);
  const moved = awsPool({ providerId: 'spare', minCapacity: 2 });
  await system().api.updatePool(pool, { ...moved, config: { ...moved.config, forcedRemoval: true } });
  await system().waitFor(async () => {
    const alive = (await system().api.workers(pool)).filter(({ state }) => state !== 'stopped');
    return alive.length === 2 && alive.every(({ providerId, state }) => providerId === 'spare' && state === 'running');
  }, 'two workers of the new provider and no others');
  const removed = (await system().api.workers(pool)).filter(({ state }) => state === 'stopped');
  expect(removed).toHaveLength(2);
  expect(await machinesOf(system(), pool)).toHaveLength(2);
  await system().api.deletePool(pool);
  // A deleted pool that says so drains by itself.
  await expectAllStopped(system(), pool);
  const isGone = async () =>
    (await system().api.call('GET', `/worker-pool/${encodeURIComponent(pool)}`)).status === 404;
  await system().waitFor(async () => {
    await sweep();
    return await isGone();
  }, 'the end of the pool');
  await system().api.createPool(pool, awsPool());
  expect(await system().api.workers(pool)).toEqual([]);
});

test('no launch is doubled by terminated lifecycles, and nothing is left', async () => {
  expect(await checkEvidence(system(), { ended: true })).toMatch(/^machines not gone +0$/m);
});
