import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import taskcluster from 'taskcluster-client';
import type { DemandSource } from '../../../../domain/demand-source.js';
import { taskclusterDemand } from '../../../../activities/demand/taskcluster-queue.js';
import { startSimulator, type SimulatorHandle } from '../../../../dev/testing/simulator.js';
import { scriptedServer } from '../../../support/scripted-server.js';

const pool = 'proj-example/linux';
const signal = new AbortController().signal;
const named = (workerId: string) => ({ workerGroup: 'here', workerId });
let simulator: SimulatorHandle;
let demand: DemandSource;
let answers: [string, boolean][] = [];

beforeAll(async () => {
  simulator = await startSimulator({ machines: 'off' });
  const config = { rootUrl: simulator.url, demand: { type: 'taskcluster', rootUrl: null } } as never;
  demand = taskclusterDemand(config, (...answer) => answers.push(answer));
});
afterAll(() => simulator.stop());
beforeEach(async () => {
  await simulator.reset();
  answers = [];
});

const queue = () => new taskcluster.Queue({ rootUrl: simulator.url, retries: 0 });
async function claimed(workerId: string, tasks = 1): Promise<void> {
  await simulator.addTasks(pool, tasks);
  await queue().claimWork(pool, { tasks, ...named(workerId) });
}

test('the queue’s workers and claims come in pages and are complete', async () => {
  await claimed('busy', 1_200);
  const claims = await demand.claimants(pool, signal);
  expect({ complete: claims.complete, entries: claims.entries.length }).toEqual({ complete: true, entries: 1_200 });
  expect(claims.entries[0]).toEqual(named('busy'));
  const quarantineUntil = Date.now() + 60_000;
  const payload = { quarantineUntil: new Date(quarantineUntil).toISOString() };
  await queue().quarantineWorker('proj-example', 'linux', 'here', 'busy', payload);
  expect(await demand.workers(pool, signal)).toEqual({
    complete: true,
    entries: [
      { ...named('busy'), firstClaimAt: expect.any(Number), lastActiveAt: expect.any(Number), quarantineUntil },
    ],
  });
});

test('the queue’s pending tasks come oldest first with the time since which they wait, as many as say enough', async () => {
  const before = Date.now();
  await simulator.addTasks(pool, 2_100);
  const { complete, entries } = await demand.pending(pool, signal);
  expect({ complete, entries: entries.length }).toEqual({ complete: false, entries: 2_000 });
  expect(entries[0]!.insertedAt).toBeGreaterThanOrEqual(before);
  expect(await demand.pending('proj-example/other', signal)).toEqual({ complete: true, entries: [] });
});

test('a worker that the queue does not know is null, and no refusal', async () => {
  await claimed('busy');
  expect(await demand.worker(pool, named('busy'), signal)).toMatchObject(named('busy'));
  expect(await demand.worker(pool, named('other'), signal)).toBeNull();
  expect(answers).toEqual([
    ['worker', true],
    ['worker', true],
  ]);
});

test.each([
  ['pending', 'listPendingTasks', 'queue:pending-list:<pool>'],
  ['workers', 'listWorkers', 'queue:list-workers:<pool>'],
  ['claimants', 'listClaimedTasks', 'queue:claimed-list:<pool>'],
] as const)('a refusal of the request «%s» names its scope', async (question, operation, scope) => {
  await simulator.addFault({ operation, mode: 'refuse', code: 'InsufficientScopes', status: 403 });
  await expect(demand[question](pool, signal)).rejects.toMatchObject({
    name: 'QueueRefusedError',
    question,
    scopes: [scope],
  });
  expect(answers).toEqual([[question, false]]);
});

test('an error of the queue is no refusal', async () => {
  await simulator.addFault({ operation: 'listWorkers', mode: 'refuse', code: 'InternalServerError', status: 500 });
  await expect(demand.workers(pool, signal)).rejects.toMatchObject({ statusCode: 500 });
});

test('an aborted request to the queue ends at once', async () => {
  await simulator.setQueue({ taskQueueId: pool, silent: true });
  const abort = new AbortController();
  const requested = demand.workers(pool, abort.signal);
  abort.abort(new Error('given up'));
  await expect(requested).rejects.toThrow('given up');
});

test.each(['1.5', '1e300', '-1', 'null', '"3"'])(
  'the queue client rejects the count %s, which the database could not hold',
  async (count) => {
    const server = await scriptedServer((_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(`{"pendingTasks": ${count}, "claimedTasks": 0}`);
    });
    try {
      const requested = taskclusterDemand({
        rootUrl: server.url,
        demand: { type: 'taskcluster', rootUrl: null },
      } as never);
      await expect(requested.counts(pool)).rejects.toThrow('no whole numbers');
    } finally {
      await server.close();
    }
  },
);
