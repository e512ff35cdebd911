import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import taskcluster from 'taskcluster-client';
import { DAY_MS, MINUTE_MS } from '../../../../domain/durations.js';
import { taskclusterDemand } from '../../../../activities/demand/taskcluster-queue.js';
import type { DemandSource, QueueWorkerDetails } from '../../../../domain/demand-source.js';
import { startSimulator, type SimulatorHandle } from '../../../../dev/testing/simulator.js';
import { launchMachines, poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';

let api: TestApi;
let simulator: SimulatorHandle;
let demand: DemandSource;
let client: InstanceType<typeof taskcluster.WorkerManager>;
let queue: InstanceType<typeof taskcluster.Queue>;
let count = 0;
let type: string;

beforeAll(async () => {
  simulator = await startSimulator({ machines: 'off' });
  demand = taskclusterDemand({ rootUrl: simulator.url, demand: { type: 'taskcluster', rootUrl: null } } as never);
  api = await startTestApi();
  client = new taskcluster.WorkerManager({ rootUrl: await api.app.listen({ host: '127.0.0.1', port: 0 }), retries: 0 });
  queue = new taskcluster.Queue({ rootUrl: simulator.url, retries: 0 });
});
afterAll(async () => {
  await api?.close();
  await simulator?.stop();
});
beforeEach(async () => {
  await simulator.reset();
  api.queueKnows.worker = (...call) => demand.worker(...call);
  api.queueKnows.workersPage = (...call) => demand.workersPage(...call);
  type = `t${(count += 1)}`;
  await api.call('PUT', `/worker-pool/prov%2F${type}`, poolDefinition);
});

const pool = () => `prov/${type}`;
const refusal = (code: string, statusCode: number) => expect.objectContaining({ code, statusCode });
const list = async (query: object = {}) => (await client.listWorkers('prov', type, query)).workers;
const idsOf = (workers: readonly Record<string, unknown>[]) => workers.map(({ workerId }) => workerId);

/** Lets the queue see them, each with a task. */
async function claimed(...workerIds: string[]): Promise<string[]> {
  const taskIds: string[] = [];
  for (const workerId of workerIds) {
    taskIds.push(...(await simulator.addTasks(pool(), 1)).taskIds);
    await queue.claimWork(pool(), { tasks: 1, workerGroup: 'here', workerId });
  }
  return taskIds;
}

const quarantine = (workerId: string, forMs: number) =>
  queue.quarantineWorker('prov', type, 'here', workerId, {
    quarantineUntil: new Date(Date.now() + forMs).toISOString(),
    quarantineInfo: 'its disk is full',
  });

async function everyPage(query: object): Promise<unknown[][]> {
  const pages: unknown[][] = [];
  for (let token: string | undefined = ''; token !== undefined;) {
    const from: object = token === '' ? {} : { continuationToken: token };
    const { workers, continuationToken } = await client.listWorkers('prov', type, { ...query, ...from });
    pages.push(idsOf(workers));
    token = continuationToken;
  }
  return pages;
}

test('listWorkers gives what the queue knows of each worker, by group and id, and what its row says', async () => {
  await launchMachines(api, pool(), ['i-2', 'i-unseen']);
  const [, taskId] = await claimed('i-2', 'i-1');
  await quarantine('i-1', MINUTE_MS);
  const [standalone, launched] = await list();
  expect(standalone).toEqual({
    workerPoolId: pool(),
    workerGroup: 'here',
    workerId: 'i-1',
    firstClaim: expect.any(String),
    lastDateActive: expect.any(String),
    quarantineUntil: expect.any(String),
    latestTask: { taskId, runId: 0 },
    state: 'standalone',
    capacity: 0,
    providerId: 'none',
  });
  expect(launched).toMatchObject({ workerId: 'i-2', state: 'requested', capacity: 1, providerId: 'cloud' });
  expect(launched?.launchConfigId).toMatch(/^lc-/);
  expect(await list()).toHaveLength(2);
});

test('listWorkers gives an equal worker id of another pool or group no state', async () => {
  await launchMachines(api, pool(), ['i-1']);
  await claimed('i-1');
  const other = `${type}-other`;
  await simulator.addTasks(`prov/${other}`, 1);
  await queue.claimWork(`prov/${other}`, { tasks: 1, workerGroup: 'here', workerId: 'i-1' });
  await simulator.addTasks(pool(), 1);
  await queue.claimWork(pool(), { tasks: 1, workerGroup: 'there', workerId: 'i-1' });
  const elsewhere = await client.listWorkers('prov', other);
  expect(elsewhere.workers).toMatchObject([{ workerId: 'i-1', state: 'standalone' }]);
  expect(await list()).toMatchObject([
    { workerGroup: 'here', state: 'requested' },
    { workerGroup: 'there', state: 'standalone' },
  ]);
});

test('listWorkers gives full pages of the workers in a state or of a launch config', async () => {
  await claimed('a', 'b', 'c', 'd', 'e');
  const [first] = await launchMachines(api, pool(), ['b', 'd', 'e']);
  const { body } = await api.call('GET', `/workers/${encodeURIComponent(pool())}/here/${first!.workerId}`);
  expect(await everyPage({ limit: 2 })).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  expect(await everyPage({ limit: 2, workerState: 'requested' })).toEqual([['b', 'd'], ['e']]);
  expect(await everyPage({ launchConfigId: body.launchConfigId })).toEqual([['b', 'd', 'e']]);
  expect(await everyPage({ workerState: 'running' })).toEqual([[]]);
  expect(await everyPage({ launchConfigId: 'another' })).toEqual([[]]);
});

test('listWorkers goes on from a short page when few workers pass the filter', async () => {
  const entry = { workerGroup: 'here', firstClaimAt: 1, lastActiveAt: 1, quarantineUntil: null, latestTask: null };
  api.queueKnows.workersPage = async (_, { continuationToken }) => {
    const page = Number(continuationToken ?? 0);
    return { entries: [{ ...entry, workerId: `w-${page}` }], continuationToken: page < 24 ? String(page + 1) : null };
  };
  await launchMachines(api, pool(), ['w-0', 'w-12', 'w-24']);
  expect(await everyPage({ limit: 5, workerState: 'requested' })).toEqual([['w-0'], ['w-12'], ['w-24']]);
});

test('listWorkers gives only workers in quarantine with quarantined=true, and all of them with false', async () => {
  await claimed('a', 'b', 'c');
  await quarantine('b', MINUTE_MS);
  await quarantine('c', -1);
  expect(idsOf(await list({ quarantined: 'true' }))).toEqual(['b']);
  expect(idsOf(await list({ quarantined: 'false' }))).toEqual(['a', 'b', 'c']);
});

test.each([
  ['prov', 'never-seen'],
  ['with.dot', 'type'],
  ['prov', 'UPPER'],
  ['a/b', 'c'],
])('listWorkers of %s/%s, which no pool is called, is an empty list', async (provisionerId, workerType) => {
  expect(await client.listWorkers(provisionerId, workerType)).toEqual({ workers: [] });
});

test('getWorker gives what the queue knows of a worker and what its row says', async () => {
  await launchMachines(api, pool(), ['i-1']);
  const taskIds = await claimed('i-1', 'i-1');
  await quarantine('i-1', MINUTE_MS);
  expect(await client.getWorker('prov', type, 'here', 'i-1')).toEqual({
    provisionerId: 'prov',
    workerType: type,
    workerPoolId: pool(),
    workerGroup: 'here',
    workerId: 'i-1',
    firstClaim: expect.any(String),
    lastDateActive: expect.any(String),
    expires: expect.any(String),
    recentTasks: taskIds.map((taskId) => ({ taskId, runId: 0 })),
    quarantineUntil: expect.any(String),
    quarantineDetails: [
      {
        clientId: expect.any(String),
        quarantineUntil: expect.any(String),
        updatedAt: expect.any(String),
        quarantineInfo: 'its disk is full',
      },
    ],
    state: 'requested',
    capacity: 1,
    providerId: 'cloud',
    launchConfigId: expect.stringMatching(/^lc-/),
  });
});

test('getWorker leaves out what the queue does not say, and gives no null', async () => {
  const silent: QueueWorkerDetails = {
    ...{ workerGroup: 'here', workerId: 'i-1', firstClaimAt: null, lastActiveAt: null, quarantineUntil: null },
    ...{ expiresAt: null, recentTasks: [], quarantines: [] },
  };
  api.queueKnows.worker = async () => silent;
  api.queueKnows.workersPage = async () => ({ entries: [{ ...silent, latestTask: null }], continuationToken: null });
  const known = {
    ...{ workerPoolId: pool(), workerGroup: 'here', workerId: 'i-1' },
    ...{ state: 'standalone', capacity: 0, providerId: 'none' },
  };
  expect(await client.getWorker('prov', type, 'here', 'i-1')).toEqual({
    ...{ ...known, provisionerId: 'prov', workerType: type },
    ...{ recentTasks: [], quarantineDetails: [] },
  });
  expect(await list()).toEqual([known]);
});

test('getWorker rejects a worker that the queue does not know, also one that has a row', async () => {
  await launchMachines(api, pool(), ['i-1']);
  for (const workerId of ['i-1', 'i-2']) {
    const call = client.getWorker('prov', type, 'here', workerId);
    await expect(call).rejects.toEqual(refusal('ResourceNotFound', 404));
  }
  await expect(client.getWorker('no', 'POOL', 'here', 'i-1')).rejects.toEqual(refusal('ResourceNotFound', 404));
});

test('getWorker rejects a worker whose time in the queue is over unless it is in quarantine', async () => {
  await claimed('old', 'old-in-quarantine');
  await quarantine('old-in-quarantine', 30 * DAY_MS);
  await simulator.setQueue({ taskQueueId: pool(), ageMs: 10 * DAY_MS });
  await expect(client.getWorker('prov', type, 'here', 'old')).rejects.toEqual(refusal('ResourceNotFound', 404));
  await expect(client.getWorker('prov', type, 'here', 'old-in-quarantine')).resolves.toBeDefined();
});

test.each([
  ['fails', { code: 'InternalServerError', status: 500 }],
  ['refuses it', { code: 'InsufficientScopes', status: 403 }],
])('listWorkers and getWorker are put off while the queue %s', async (_, answer) => {
  await claimed('i-1');
  const faults = { mode: 'refuse', ...answer } as const;
  await simulator.addFault({ operation: 'listWorkers', ...faults });
  await simulator.addFault({ operation: 'getWorker', ...faults });
  await expect(list()).rejects.toEqual(refusal('TryAgain', 503));
  await expect(client.getWorker('prov', type, 'here', 'i-1')).rejects.toEqual(refusal('TryAgain', 503));
  expect(api.logged.filter((line) => line.includes('queue-not-read')).length).toBeGreaterThanOrEqual(2);
  await simulator.clearFaults();
  expect(await list()).toHaveLength(1);
});
