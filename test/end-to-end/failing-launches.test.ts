import { expect, test } from '@jest/globals';
import { awsPool } from '../../dev/testing/api-client.js';
import { isLong } from '../support/long.js';
import { PATIENCE_MS } from '../../dev/testing/patience.js';
import { endPool, expectSettled, machinesOf } from '../support/pool-steps.js';
import { awsProviders } from '../../dev/testing/system.js';
import { suiteOf } from '../support/suite.js';

/**
 * Launches that the cloud accepts and that give nobody a machine, a region that fails alone, and one with too little
 * room.
 */

const FIRST_BACKOFF_MS = 10_000;

const { system, newPool } = suiteOf('failing/launches', {
  providers: async (simulator, folder) => {
    const { aws } = await awsProviders(simulator, folder);
    return { aws: { ...(aws as object), regions: ['us-east-1', 'us-east-2', 'us-west-2'] } };
  },
  config: { limits: { launchesPerMinute: 10_000 } },
});

interface Backoff {
  failures: number;
  until: number;
}

/** Of the pool's only launch config; its first `failures`-th failure in a row. */
const backoffAfter = async (pool: string, failures: number): Promise<Backoff> =>
  await system().waitFor(async () => {
    const statement = 'select failures, until::float8 as until from launch_backoffs where worker_pool_id = $1';
    const [backoff] = await system().query<Backoff>(statement, [pool]);
    return backoff && backoff.failures >= failures ? backoff : null;
  }, `failure ${failures} in a row`);

test('a launch config whose machines the cloud ends at once is used ever more rarely, and its error says why', async () => {
  const pool = newPool();
  const fault = await system().simulator.addFault({
    ...{ operation: 'RunInstances', mode: 'end-machines', region: 'us-east-2', times: 1_000 },
    code: 'Client.InvalidKMSKey.InvalidState',
  });
  const definition = { minCapacity: 5, maxCapacity: 5, regions: ['us-east-2'] };
  await system().api.createPool(pool, awsPool(definition));
  const backoffs: Backoff[] = [];
  for (const failures of [1, 2, 3]) backoffs.push(await backoffAfter(pool, failures));
  expect(backoffs.map(({ failures }) => failures)).toEqual([1, 2, 3]);

  const launches = await system().query<{ created: number; count: number }>(
    'select created::float8 as created, count from launches where worker_pool_id = $1 order by created',
    [pool],
  );
  // Once one of its machines has ended, no more than three are under way at once, those that end late among them.
  const [first, ...later] = launches.map(({ count }) => count);
  expect([first, later.length]).toEqual([5, 2]);
  expect(Math.max(...later)).toBeLessThanOrEqual(3);
  backoffs.forEach(({ until }, nth) => {
    expect(until - launches[nth]!.created).toBeGreaterThanOrEqual(FIRST_BACKOFF_MS * 2 ** nth);
    const next = launches[nth + 1];
    if (next) expect(next.created).toBeGreaterThanOrEqual(until);
  });
  const errors = await system().api.errors(pool);
  expect(JSON.stringify(errors)).toContain('Client.InvalidKMSKey.InvalidState: ');

  // What the operator mends is tried at once.
  await system().simulator.releaseFault(fault.id);
  await system().api.updatePool(pool, awsPool({ ...definition, instanceTypes: ['c5.large'] }));
  await expectSettled(system(), pool, 5);
  await endPool(system(), pool);
});

test('a pool over two regions gets its machines from the one that answers, and an error of the other', async () => {
  const pool = newPool();
  const held = await system().simulator.addFault({
    ...{ operation: 'RunInstances', mode: 'hold-request', region: 'us-west-2', times: 1 },
  });
  const silent = await system().simulator.addFault({
    ...{ operation: '*', mode: 'refuse', code: 'Unavailable', status: 503, region: 'us-west-2', times: 1_000 },
  });
  const wanting = (minCapacity: number) =>
    awsPool({ minCapacity, maxCapacity: 60, regions: ['us-east-1', 'us-west-2'] });
  await system().api.createPool(pool, wanting(20));
  await system().simulator.faultHit(held.id);
  await system().waitFor(async () => (await system().api.counts(pool)).running > 0, 'the first running worker');
  const open = await system().query<{ count: number }>(
    `select count from launches where worker_pool_id = $1 and status = 'open'`,
    [pool],
  );
  // Half of the machines, more or less, were asked of the region that does not answer.
  expect(open).toHaveLength(1);
  const inDoubt = open[0]!.count;
  const running = async (wanted: number) =>
    await system().waitFor(
      async () => (await system().api.counts(pool)).running === wanted,
      `${wanted} running workers`,
    );
  await running(20 - inDoubt);
  // All that is wanted now comes from the other region, while the launch is in doubt.
  await system().api.updatePool(pool, wanting(30));
  await running(30 - inDoubt);
  expect(new Set((await machinesOf(system(), pool)).map(({ region }) => region))).toEqual(new Set(['us-east-1']));
  if (isLong) await expectReplacedAndReported(pool, running);
  await system().simulator.releaseFault(held.id, 'go');
  await system().simulator.releaseFault(silent.id);
  const all = isLong ? 30 + inDoubt : 30;
  await expectSettled(system(), pool, all);
  await endPool(system(), pool);
});

/** After two minutes in doubt. */
async function expectReplacedAndReported(pool: string, running: (wanted: number) => Promise<unknown>): Promise<void> {
  const reports = await system().waitFor(
    async () => {
      const errors = await system().api.errors(pool);
      const reported = errors.filter(({ title }) => title === 'Launch in doubt');
      return reported.length > 0 ? reported : null;
    },
    'the report of the launch in doubt',
    2 * PATIENCE_MS,
  );
  expect(reports).toHaveLength(1);
  await running(30);
}

test('a region with too little room gives the machines that it has in the first round, and the database agrees', async () => {
  const pool = newPool();
  const { api, simulator } = system();
  await simulator.setCapacity('us-east-1', 60);
  await simulator.addTasks(pool, 100, 3_600);
  await api.createPool(pool, awsPool({ maxCapacity: 300 }));
  await system().waitFor(async () => (await api.workers(pool, 'running')).length === 60, '60 running');

  const launches = simulator
    .log()
    .filter(({ operation, tags }) => operation === 'RunInstances' && tags?.['WorkerPoolId'] === pool);
  const first = launches.find(({ created }) => created && created.length > 0);
  expect(first?.created).toHaveLength(60);
  // An attempt that a busy machine gives up is concluded by the next one.
  await system().waitFor(async () => {
    const decided: { launched: number }[] = (await api.decisions(pool)).flatMap(({ decision }) => decision.launches);
    return decided.reduce((sum, { launched }) => sum + launched, 0) === 60;
  }, 'decisions that launched 60');
  const machines = await machinesOf(system(), pool);
  expect(machines).toHaveLength(60);
  const workers = await api.workers(pool);
  expect(workers.map(({ workerId }) => workerId).toSorted()).toEqual(
    machines.map(({ instanceId }) => instanceId).toSorted(),
  );
  const open = `WorkflowType = 'workerLifecycle' AND ExecutionStatus = 'Running' AND WorkerPoolId = '${pool}'`;
  await system().waitFor(async () => (await system().temporal.workflow.count(open)).count === 60, '60 in the list');
});
