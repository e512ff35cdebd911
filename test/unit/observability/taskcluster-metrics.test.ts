import { expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { TaskclusterMetrics } from '../../../observability/taskcluster-metrics.js';
import { workerOf } from '../../support/workers.js';

const registry = new Registry();
const metrics = new TaskclusterMetrics(registry);
const lines = async (name: string) =>
  (await registry.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name}_`));
const pool = { workerPoolId: 'prov/pool', providerId: 'azure' };
const location = { account: null, region: 'eastus', group: null };
const labels = 'workerPoolId="prov/pool",providerId="azure"';

test('metrics under Taskcluster’s names show a pool’s capacity by group, its demand and its advice, and nothing of what has gone', async () => {
  metrics.set({
    groups: [{ ...pool, workerGroup: 'eastus', existing: 5, requested: 2, stopping: 1 }],
    pools: [
      { ...pool, pendingTasks: 7, claimedTasks: 3, desiredCapacity: 12, totalIdleCapacity: 2, adjustedPendingTasks: 5 },
      {
        ...{ workerPoolId: 'prov/new', providerId: 'aws', pendingTasks: 1, claimedTasks: 0 },
        ...{ desiredCapacity: null, totalIdleCapacity: null, adjustedPendingTasks: null },
      },
    ],
    advised: [{ ...pool, reason: 'over capacity', workers: 4 }],
  });
  expect(await lines('worker_manager_existing_capacity')).toEqual([
    `worker_manager_existing_capacity{${labels},workerGroup="eastus"} 5`,
  ]);
  expect(await lines('worker_manager_desired_capacity')).toEqual([`worker_manager_desired_capacity{${labels}} 12`]);
  expect(await lines('worker_manager_pending_tasks')).toHaveLength(2);
  expect(await lines('worker_manager_workers_to_terminate')).toEqual([
    `worker_manager_workers_to_terminate{${labels},reason="over_capacity"} 4`,
  ]);
  metrics.set({ groups: [], pools: [], advised: [] });
  for (const name of ['existing_capacity', 'pending_tasks', 'workers_to_terminate']) {
    expect(await lines(`worker_manager_${name}`)).toEqual([]);
  }
});

test('metrics under Taskcluster’s names time a worker from its request to its registration, and from that to its end', async () => {
  const worker = {
    ...workerOf({ workerGroup: 'eastus', workerId: 'vm-1', location, identityAttributes: {} }),
    ...pool,
    created: 1_000,
    registeredAt: null,
    launchToken: 'token',
  };
  metrics.onRegistered(worker, 101_000);
  metrics.onStopping({ ...worker, registeredAt: 101_000 });
  metrics.onStopped({ ...worker, registeredAt: 101_000 }, 401_000);
  const sums = [
    await lines('worker_manager_worker_registration_seconds_sum'),
    await lines('worker_manager_worker_lifetime_seconds_sum'),
  ];
  expect(sums.flat()).toEqual([
    `worker_manager_worker_registration_seconds_sum{${labels}} 100`,
    `worker_manager_worker_lifetime_seconds_sum{${labels}} 300`,
  ]);
  expect(await lines('worker_manager_worker_registration_failures_total')).toEqual([]);
  metrics.onStopping(worker);
  metrics.onStopped(worker, 401_000);
  expect(await lines('worker_manager_worker_registration_failures_total')).toEqual([
    `worker_manager_worker_registration_failures_total{${labels}} 1`,
  ]);
});

test('metrics under Taskcluster’s names count what Azure throttles and what it has left, and answers of the API', async () => {
  const call = { providerId: 'azure', operation: 'PUT', callClass: 'create', region: null } as const;
  metrics.onAzureCall(call, { durationMs: 1, result: 'ok', remaining: new Map([['writes', 11], ['other', 1]]) }); // prettier-ignore
  metrics.onAzureCall(call, { durationMs: 1, result: 'Throttled' });
  metrics.onAnswer({ operation: 'ping', method: 'GET', status: 200, seconds: 0.003 });
  expect([
    await lines('worker_manager_azure_ratelimit_remaining'),
    await lines('worker_manager_azure_throttle_total'),
    await lines('http_requests_total'),
  ]).toEqual([
    ['worker_manager_azure_ratelimit_remaining{providerId="azure",limitType="writes"} 11'],
    ['worker_manager_azure_throttle_total{providerId="azure",operationType="writes"} 1'],
    ['http_requests_total{operation="ping",method="GET",status="200"} 1'],
  ]);
});

test('metrics under Taskcluster’s names time a boot as the machine says it, and nothing that would be less than nothing', async () => {
  const worker = {
    ...workerOf({ workerGroup: 'eastus', workerId: 'vm-1', location, identityAttributes: {} }),
    ...pool,
  };
  const group = `${labels},workerGroup="eastus"`;
  metrics.onBooted({ ...worker, created: 1_000, systemBootTime: 31_000, registeredAt: 41_000 });
  metrics.onBooted({ ...worker, created: 50_000, systemBootTime: 31_000, registeredAt: 20_000 });
  expect([
    await lines('worker_manager_worker_provision_seconds_sum'),
    await lines('worker_manager_worker_provision_seconds_count'),
    await lines('worker_manager_worker_startup_seconds_sum'),
    await lines('worker_manager_worker_startup_seconds_count'),
  ]).toEqual([
    [`worker_manager_worker_provision_seconds_sum{${group}} 30`],
    [`worker_manager_worker_provision_seconds_count{${group}} 1`],
    [`worker_manager_worker_startup_seconds_sum{${group}} 10`],
    [`worker_manager_worker_startup_seconds_count{${group}} 1`],
  ]);
});
