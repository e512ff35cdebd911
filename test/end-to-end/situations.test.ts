import { expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { awsPool, type WorkerResponse } from '../../dev/testing/api-client.js';
import type { FaultRequest, LogLine } from '../../dev/testing/simulator.js';
import { awsProviders } from '../../dev/testing/system.js';
import { DAY_MS, MINUTE_MS } from '../../domain/durations.js';
import { cronScheduleId } from '../../temporal/ids.js';
import { mainTaskQueue, workflowTypes } from '../../temporal/names.js';
import { longTest } from '../support/long.js';
import { settled } from '../support/pool-steps.js';
import { ageBy, clockOf, differences, type LogEntry, polled, poolPath, workerPath } from '../support/situations.js';
import { suiteOf } from '../support/suite.js';

/**
 * Situations in which somebody asks why there is, or is not, a machine: each is played against the running system by
 * faults of the clouds and the queue and by calls of operators, and the script writes down what it did. Then it asks
 * from outside about that second: at once, when all processes have been killed, and when all of it is a week old.
 */

const POLL_SECONDS = 3;
const MACHINES = 40;
const WEEK_MS = 7 * DAY_MS;
/** Each region of a fault is one situation's. */
const REGIONS = ['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2', 'eu-west-1', 'eu-west-2'];

const { system, newPool } = suiteOf('why/pool', {
  simulator: { regions: REGIONS.join(','), taskMs: 60 * MINUTE_MS },
  providers: async (simulator, folder) => {
    const { aws } = await awsProviders(simulator, folder);
    return { aws: { ...(aws as object), regions: REGIONS } };
  },
  config: {
    intervals: { demandSeconds: POLL_SECONDS, provisionSeconds: 30, sweepSeconds: 3_600 },
    limits: { machines: MACHINES, launchesPerMinute: 10_000 },
  },
});

/** What was played, in the script's words; later tests ask about it again. */
const log: LogEntry[] = [];

async function record(...entries: readonly LogEntry[]): Promise<void> {
  log.push(...entries);
  for (const entry of entries) expect(await differences(system(), entry)).toEqual([]);
}

type Said = Pick<LogEntry, 'cause' | 'says'> & Partial<LogEntry>;

/** The pool's situation as it is now, once polls have seen it. */
async function recordNow(pool: string, said: Said): Promise<LogEntry> {
  await polled(system(), pool);
  const entry = { name: said.cause, path: poolPath(pool), at: Date.now(), ...said };
  await record(entry);
  return entry;
}

const { addTasks, addFault } = {
  addTasks: (pool: string, count: number) => system().simulator.addTasks(pool, count),
  addFault: (fault: FaultRequest) => system().simulator.addFault({ times: 100_000, ...fault }),
};

async function createPool(shape: Parameters<typeof awsPool>[0] = {}): Promise<string> {
  const pool = newPool();
  await system().api.createPool(pool, awsPool(shape));
  return pool;
}

/** A pool that polls know. */
async function polledPool(shape: Parameters<typeof createPool>[0] = {}): Promise<string> {
  const pool = await createPool(shape);
  await polled(system(), pool);
  return pool;
}

/** A pool whose machines all work, and more tasks wait for as many as there may be. */
async function busyPool(maxCapacity: number, waiting: number): Promise<{ pool: string; workers: WorkerResponse[] }> {
  const pool = await createPool({ maxCapacity });
  await addTasks(pool, maxCapacity + waiting);
  await settled(system(), pool, maxCapacity);
  await system().waitFor(
    async () => (await system().simulator.state()).pools[pool]?.claimedTasks === maxCapacity,
    `${maxCapacity} claims of ${pool}`,
  );
  return { pool, workers: await system().api.workers(pool, 'running') };
}

/** One of the seconds in which something that took from `from` to `to` may have been. */
const secondOf = (from: number, to: number): RegExp => {
  const seconds = Math.floor(to / 1000) - Math.floor(from / 1000) + 1;
  return new RegExp(Array.from({ length: seconds }, (_, index) => clockOf(from + index * 1000)).join('|'));
};

async function timed(work: () => Promise<unknown>): Promise<RegExp> {
  const from = Date.now();
  await work();
  return secondOf(from, Date.now());
}

/** What the cloud itself wrote down of launches in the region that it answered so. */
const launchesIn = (region: string, outcome: string): LogLine[] =>
  system()
    .simulator.log()
    .filter((line) => line.operation === 'RunInstances' && line.region === region && line.outcome === outcome);

const launchIn = async (region: string, outcome: string): Promise<LogLine> =>
  await system().waitFor(() => launchesIn(region, outcome)[0], `${outcome} of a launch in ${region}`);

/** What becomes of an answer is on record by then, and a first backoff is not over. */
const soonAfter = ({ time }: LogLine): number => Date.parse(time) + 2_000;

async function recordRefusal(region: string, code: string, cause: string, words: readonly string[]): Promise<void> {
  const pool = await polledPool({ regions: [region] });
  await addTasks(pool, 3);
  const line = await launchIn(region, code);
  await polled(system(), pool);
  const says = [code, `request ${String(line['requestId'])}`, 'next try', '3 more were wanted', ...words];
  await record({ name: cause, path: poolPath(pool), at: soonAfter(line), cause, says });
}

const runWorkflow = (type: 'watchWorkers' | 'sweep') =>
  system().temporal.workflow.execute(workflowTypes[type], {
    workflowId: `${type}/${randomUUID()}`,
    taskQueue: mainTaskQueue('worker-manager'),
  });

const play = {
  held: async () => {
    const pool = await polledPool();
    const idle = { cause: 'nothing-wanted', says: ['0 tasks waited'], name: 'before a hold' };
    await record({ ...idle, path: poolPath(pool), at: Date.now() });
    const since = await timed(() => system().api.holdPool(pool, 'bad image'));
    await addTasks(pool, 3);
    await recordNow(pool, { cause: 'held', says: [since, '("bad image")', '3 more were wanted'], certainty: 'exact' });
    await system().api.call('DELETE', `${poolPath(pool)}/hold`);
    await record({ name: 'after a hold', path: poolPath(pool), at: Date.now(), cause: 'launching', says: [/^3 /] });
  },

  deleted: async () => {
    const pool = await createPool();
    await system().api.holdPool(pool, 'to be deleted');
    await addTasks(pool, 2);
    await recordNow(pool, {
      name: 'a pool deleted since',
      cause: 'held',
      says: ['("to be deleted")', '2 more were wanted'],
    });
    const since = await timed(() => system().api.deletePool(pool));
    const says = [`No pool serves the queue ${pool}, deleted by `, since];
    await record({ name: 'no-such-pool', path: poolPath(pool), at: Date.now(), cause: 'no-such-pool', says });
  },

  'at-maximum': async () => {
    const { pool } = await busyPool(1, 4);
    const full = { cause: 'at-maximum', says: ['1 of at most 1 existed; 4 more were wanted.'] };
    await recordNow(pool, full);
    for (const _ of [1, 2]) await system().api.call('POST', `${poolPath(pool)}/reconcile`);
    await recordNow(pool, { ...full, name: 'equal decisions folded' });
    await system().api.holdPool(pool, 'one more reason');
    const says = ['("one more reason")', '4 more were wanted'];
    await recordNow(pool, { name: 'two causes at once', cause: 'held', says, also: ['at-maximum'] });
  },

  'backed-off-no-capacity': async () => {
    await system().simulator.setCapacity('us-west-2', 0);
    const words = ['1 of 1 launch config was backed off'];
    await recordRefusal('us-west-2', 'InsufficientInstanceCapacity', 'backed-off-no-capacity', words);
  },
};

const longPlays = {
  'nothing-wanted': async () => {
    const pool = await createPool({ minCapacity: 1 });
    await settled(system(), pool, 1);
    const says = ['0 tasks waited, and 1 existed where the minimum is 1.'];
    await recordNow(pool, { cause: 'nothing-wanted', says });
  },

  'still-booting, never-registered': async () => {
    const pool = newPool();
    await addFault({
      operation: 'registerWorker',
      mode: 'refuse',
      code: 'InternalError',
      status: 503,
      workerPoolId: pool,
    });
    await system().api.createPool(pool, awsPool({ minCapacity: 2, maxCapacity: 2 }));
    await system().waitFor(async () => (await system().api.counts(pool)).requested === 2, '2 requested workers');
    const ofPool = system()
      .simulator.log()
      .find(({ operation, tags }) => operation === 'RunInstances' && tags?.['WorkerPoolId'] === pool);
    const requested = Date.parse(ofPool!.time);
    const since = secondOf(requested - 1_000, requested + 2_000);
    await recordNow(pool, { cause: 'still-booting', says: ['2 machines requested at ', since, 'had not registered'] });
    const [worker] = (await system().api.workers(pool)) as [WorkerResponse];
    const proof = { workerIdentityProof: { document: 'forged', signature: 'forged' } };
    const { workerPoolId, workerGroup, workerId } = worker;
    const refused = await system().api.register({ workerPoolId, providerId: 'aws', workerGroup, workerId, ...proof });
    expect(refused.status).toBe(400);
    await system().api.removeWorker(worker);
    const says = [workerId, 'without registering', 'API call', 'its proof was refused 1 time'];
    await record({
      name: 'never-registered',
      path: workerPath(worker),
      at: Date.now(),
      cause: 'never-registered',
      says,
    });
  },

  ended: async () => {
    const pool = await createPool({ minCapacity: 1 });
    await settled(system(), pool, 1);
    await polled(system(), pool);
    const [worker] = (await system().api.workers(pool)) as [WorkerResponse];
    const running = { name: 'before an end', path: workerPath(worker), at: Date.now(), cause: 'stuck-or-kept' };
    await record({ ...running, says: ['was running since', 'the minimum of 1 keeps it'] });
    const since = await timed(() => system().api.removeWorker(worker));
    const says = [worker.workerId, since, 'workerManager.removeWorker API call'];
    await record({ name: 'ended', path: workerPath(worker), at: Date.now(), cause: 'ended', says });
  },

  'room-taken-by-stopping, stuck-or-kept': async () => {
    const { pool, workers } = await busyPool(2, 4);
    const refusal = {
      operation: 'TerminateInstances',
      mode: 'refuse',
      code: 'UnauthorizedOperation',
      status: 403,
    } as const;
    for (const { workerId } of workers) await addFault({ ...refusal, workerId });
    const begun = Date.now();
    for (const worker of workers) await system().api.removeWorker(worker);
    const since = secondOf(begun, Date.now());
    const says = ['Stopping machines held 2 of the maximum of 2', '4 more were wanted'];
    await recordNow(pool, { cause: 'room-taken-by-stopping', says });
    const refusals = () =>
      system()
        .simulator.log()
        .filter(({ operation, outcome }) => operation === 'TerminateInstances' && outcome === refusal.code);
    await system().waitFor(() => refusals().length >= 2 * workers.length, 'deletions that were refused again');
    const [worker] = workers as [WorkerResponse, WorkerResponse];
    const at = Date.now();
    const requests = refusals().map((line) => String(line['requestId']));
    const words = [
      since,
      /\d+ deletions requested/,
      'UnauthorizedOperation',
      new RegExp(`request (${requests.join('|')})`),
    ];
    await record({ name: 'stuck-or-kept', path: workerPath(worker), at, cause: 'stuck-or-kept', says: words });
  },

  'schedule-paused': async () => {
    const pool = await createPool();
    await system().temporal.schedule.getHandle(cronScheduleId(pool)).pause();
    const begun = Date.now();
    await system().api.call('POST', `${poolPath(pool)}/reconcile`);
    const isPaused = async () => JSON.stringify(await system().api.decisions(pool)).includes('paused');
    await system().waitFor(isPaused, 'a decision that saw the pause');
    const since = secondOf(begun, Date.now());
    await addTasks(pool, 2);
    await recordNow(pool, {
      cause: 'schedule-paused',
      says: ['paused in Temporal from ', since, '2 more were wanted'],
    });
  },

  quota: async () => {
    await addFault({
      operation: 'RunInstances',
      mode: 'refuse',
      code: 'VcpuLimitExceeded',
      status: 400,
      region: 'us-east-2',
    });
    await recordRefusal('us-east-2', 'VcpuLimitExceeded', 'quota', ['quota in us-east-2']);
  },

  'bad-definition-or-permission': async () => {
    const refusal = { code: 'InvalidAMIID.NotFound', status: 400, region: 'us-west-1' };
    await addFault({ operation: 'RunInstances', mode: 'refuse', ...refusal });
    const words = ['refused revision 1 of', 'somebody must change it'];
    await recordRefusal('us-west-1', 'InvalidAMIID.NotFound', 'bad-definition-or-permission', words);
  },

  'no-eligible-config': async () => {
    const pool = await createPool({ workerManager: { initialWeight: 0 } });
    await addTasks(pool, 2);
    await recordNow(pool, { cause: 'no-eligible-config', says: ['has weight 0', '2 more were wanted'] });
  },

  'launch-in-doubt': async () => {
    await addFault({ operation: 'RunInstances', mode: 'lose-answer', region: 'eu-west-1' });
    const pool = await polledPool({ regions: ['eu-west-1'] });
    await addTasks(pool, 2);
    const line = await launchIn('eu-west-1', 'ok');
    await polled(system(), pool);
    const token = line.tags?.['worker-manager-launch'];
    const says = [
      `The answer to launch ${token} (2 machines, `,
      secondOf(Date.parse(line.time) - 1_000, soonAfter(line)),
      'is lost',
    ];
    await record({
      name: 'launch-in-doubt',
      path: poolPath(pool),
      at: soonAfter(line),
      cause: 'launch-in-doubt',
      says,
    });
  },

  'cloud-call-limit': async () => {
    const code = 'RequestLimitExceeded';
    await addFault({ operation: 'RunInstances', mode: 'refuse', code, status: 503, region: 'eu-west-2' });
    const pool = await polledPool({ regions: ['eu-west-2'] });
    await addTasks(pool, 2);
    const refusals = () => launchesIn('eu-west-2', code).map(({ time }) => Date.parse(time));
    await system().waitFor(() => refusals().length >= 3, 'three refusals of the launch');
    await polled(system(), pool);
    const [, second, third] = refusals() as [number, number, number];
    const at = Math.floor((second + third) / 2);
    const says = ['The launch of 2 machines waited for its place among calls to ', 'eu-west-2/create'];
    await record({ name: 'cloud-call-limit', path: poolPath(pool), at, cause: 'cloud-call-limit', says });
    const range = `from=${new Date(at - 5_000).toISOString()}&to=${new Date(at + 1_000).toISOString()}`;
    const { body } = await system().api.call('GET', `${poolPath(pool)}/explain?${range}`);
    expect(body.strip.map(({ cause }: { cause: string }) => cause)).toContain('cloud-call-limit');
  },

  'replacement-under-way': async () => {
    const { pool } = await busyPool(1, 2);
    await system().api.updatePool(pool, awsPool({ maxCapacity: 1, instanceTypes: ['c5.large'] }));
    const replaces = async () => (await system().api.decisions(pool))[0]?.decision.inputs.currentCapacity === 0;
    await system().waitFor(replaces, 'a decision that knows of the archived launch config');
    const says = ['1 of archived launch configs ran and 0 stopped', 'the maximum of 1', '2 more were wanted'];
    await recordNow(pool, { cause: 'replacement-under-way', says });
  },

  'room-taken-by-quarantined': async () => {
    const { pool, workers } = await busyPool(1, 2);
    const [{ workerGroup, workerId }] = workers as [WorkerResponse];
    const [provisionerId, workerType] = pool.split('/');
    const path = `provisioners/${provisionerId}/worker-types/${workerType}/workers/${workerGroup}/${workerId}`;
    const quarantineUntil = new Date(Date.now() + DAY_MS).toISOString();
    await fetch(`${system().simulator.url}/api/queue/v1/${path}`, {
      ...{ method: 'PUT', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ quarantineUntil, quarantineInfo: 'bad disk' }),
    });
    await runWorkflow('watchWorkers');
    const says = ['Quarantined machines held 1 of the maximum of 1', '2 more were wanted'];
    await recordNow(pool, { cause: 'room-taken-by-quarantined', says });
  },

  'idle-not-claiming': async () => {
    const pool = await createPool({ minCapacity: 2 });
    await settled(system(), pool, 2);
    const begun = Date.now();
    await system().simulator.setQueue({ taskQueueId: pool, counts: { pendingTasks: 2, claimedTasks: 0 } });
    await polled(system(), pool);
    const since = secondOf(begun, Date.now());
    await delay(3 * MINUTE_MS);
    const says = ['2 tasks waited, and idle machines for 2 had not claimed any since', since];
    await recordNow(pool, { cause: 'idle-not-claiming', says });
  },
};

/** These are about the whole deployment: one after the other. */
const globalPlays = {
  'demand-unreadable': async () => {
    const pool = await polledPool();
    const begun = Date.now();
    const refusal = { code: 'InsufficientScopes', status: 403 };
    const { id } = await addFault({ operation: 'taskQueueCounts', mode: 'refuse', ...refusal });
    const hits = async () => (await system().simulator.faults()).find((fault) => fault.id === id)?.hits ?? 0;
    const isSilent = async () => {
      const { body } = await system().api.call('GET', `${poolPath(pool)}/explain`);
      return body.cause !== 'nothing-wanted';
    };
    await system().waitFor(isSilent, 'a poll without an answer');
    const before = await hits();
    await system().waitFor(async () => (await hits()) > before, 'one more');
    const at = Date.now();
    await system().simulator.releaseFault(id);
    const says = ['The queue did not answer from ', secondOf(begun, at), '("refused on purpose")'];
    await record({ name: 'demand-unreadable', path: poolPath(pool), at, cause: 'demand-unreadable', says });
  },

  'provider-down': async () => {
    const draining = system().writeConfig({ providers: { aws: { draining: true } } }, 'draining.json');
    await system().kill9('worker');
    await system().spawn('worker', draining).serves();
    const pool = await createPool();
    await addTasks(pool, 2);
    const says = ['Provider aws launched nothing from ', 'it is draining', '2 more were wanted'];
    await recordNow(pool, { cause: 'provider-down', says });
    await system().kill9('worker');
    await system().start('worker');
  },

  'not-evaluated': async () => {
    const pool = await polledPool();
    const begun = Date.now();
    await system().kill9('worker');
    await delay(6 * POLL_SECONDS * 1000);
    const at = Date.now();
    const says = ['No poll from ', secondOf(begun - 2 * POLL_SECONDS * 1000, begun)];
    const certainty = 'not-evaluated';
    const entry = { name: 'not-evaluated', path: poolPath(pool), at, cause: 'not-evaluated', says, certainty } as const;
    await record(entry);
    await system().start('worker');
    await polled(system(), pool);
    await record({ ...entry, name: 'not-evaluated, polled again', says: [...says, ' to ', 'no process polled'] });
  },

  'deployment-limit': async () => {
    const pool = await createPool({ maxCapacity: 1_000 });
    await addTasks(pool, 500);
    const isCut = async () => (await system().api.decisions(pool))[0]?.decision.limitedBy.includes('limits.machines');
    await system().waitFor(isCut, 'a decision that a limit has cut');
    const says = [new RegExp(`limits\\.machines: \\d+ of ${MACHINES} in the whole deployment`), /\d+ more were wanted/];
    await recordNow(pool, { cause: 'deployment-limit', says });
  },
};

const differing = async (agedMs = 0): Promise<string[]> =>
  (await Promise.all(log.map((entry) => differences(system(), { ...entry, at: entry.at - agedMs })))).flat();

/** How many seconds the run had explained. */
async function secondsExplainedBy(run: () => Promise<void>): Promise<number> {
  const before = log.length;
  await run();
  return log.length - before;
}

test.each(Object.entries(play))(
  'the situation %s is explained at the second in question, and traps around it',
  async (_, run) => expect(await secondsExplainedBy(run)).toBeGreaterThan(0),
);

longTest('situations of pools and workers are explained at the second in question', async () => {
  const results = await Promise.allSettled(Object.values(longPlays).map((run) => run()));
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
  expect(reasons).toEqual([]);
});

for (const [name, run] of Object.entries(globalPlays))
  longTest(`the situation ${name} of a deployment is explained at the second in question`, async () =>
    expect(await secondsExplainedBy(run)).toBeGreaterThan(0),
  );

test('all that was explained is explained alike by processes that were started since', async () => {
  await Promise.all(system().roles.map((role) => system().kill9(role)));
  await system().start();
  expect(await differing()).toEqual([]);
});

test('all that was explained is explained alike a week later', async () => {
  await Promise.all(system().roles.map((role) => system().kill9(role)));
  await ageBy(system(), WEEK_MS);
  await system().start();
  await runWorkflow('sweep');
  expect(await differing(WEEK_MS)).toEqual([]);
});
