import { beforeAll, expect, test } from '@jest/globals';
import { googlePool } from '../../../../dev/testing/google-pool.js';
import { boundariesOf, crashAtAll, held, heldOrStuck, type Step } from '../../../support/boundaries.js';
import { DatabaseLock } from '../../../support/database-locks.js';
import { googleEvidence } from '../../../support/google-evidence.js';
import { expectNothingLeft, googleSystem } from '../../../support/google-system.js';
import { endPool, expectAllStopped, removeAll, settled, strikeAfterRows } from '../../../support/pool-steps.js';
import { suiteOf } from '../../../support/suite.js';

/**
 * Every boundary between two steps of a launch in bulk and of a removal, found from outside: the worker process is
 * killed while the cloud holds the request (not yet acted), holds the answer (acted, and nobody knows), or works on the
 * operation. The workers of all pools, each at another boundary, meet the same crash.
 */

/** Each pool has a zone of its own, by which reads are told apart that name no pool. */
const zones = Array.from({ length: 20 }, (_, nth) => `us-test${nth + 1}-a`);
const zoneOf = (pool: string): string => zones[Number(pool.split('-').at(-1)) - 1]!;

const { system, newPool } = suiteOf('google/crash', googleSystem({ googleZones: zones.join() }));

/** Google's calls are given up after 30 s. */
const MAX_HOLD_MS = 25_000;

const definition: Step['definition'] = (workers, pool) =>
  googlePool({ minCapacity: workers, maxCapacity: workers, zones: [zoneOf(pool)] });
const inItsZone = (filter?: string) => (pool: string) => ({ region: zoneOf(pool), ...(filter && { filter }) });

const oneFails = {
  operation: 'instances.bulkInsert',
  mode: 'fail-operation',
  code: 'ZONE_RESOURCE_POOL_EXHAUSTED',
  machines: 1,
} as const;
const common = { stage: 'being made', definition } as const;
const steps: readonly Step[] = [
  { ...common, operation: 'instances.bulkInsert', modes: heldOrStuck },
  // The operation is done by then.
  { ...common, operation: 'zoneOperations.get', modes: held, callOf: inItsZone() },
  { ...common, operation: 'instances.list', modes: held, callOf: inItsZone('labels.worker-manager-launch=') },
  {
    ...{ ...common, operation: 'zoneOperations.list', modes: held, callOf: inItsZone('operationType="insert"') },
    ...{ building: oneFails, workers: 2 },
  },
  { ...common, operation: 'instances.delete', modes: heldOrStuck, stage: 'being removed' },
];
const deletionsSent = (pool: string): number =>
  system()
    .simulator.log()
    .filter(({ operation, workerPoolId }) => operation === 'instances.delete' && workerPoolId === pool).length;

const boundaries = boundariesOf(steps, newPool);

beforeAll(async () => await crashAtAll(system(), boundaries, MAX_HOLD_MS));

test.each(boundaries)(
  'a crash at $step.operation ($mode) of a worker $step.stage ends as it should',
  async ({ step, pool, workers, failure: failed }) => {
    if (failed !== null) throw failed;
    const rows = await system().api.workers(pool);
    expect(rows.map(({ state }) => state)).toEqual(Array.from({ length: workers }, () => 'stopped'));
    const created = googleEvidence(system().simulator.log()).created.get(pool) ?? [];
    expect(rows.map(({ workerId }) => workerId).toSorted()).toEqual(created.toSorted());
    const errors = await system().api.errors(pool);
    expect(errors.map(({ kind, extra }) => `${kind} ${extra.code}`)).toEqual(
      step.building ? ['creation-error ZONE_RESOURCE_POOL_EXHAUSTED'] : [],
    );
  },
);

test('a crash after the rows of a launch and before any lifecycle has been started ends as it should', async () => {
  const pool = newPool();
  await strikeAfterRows(
    system(),
    () => system().api.createPool(pool, definition(2, pool)),
    () => system().kill9('worker'),
  );
  await system().start('worker');
  await settled(system(), pool, 2);
  expect(await system().api.errors(pool)).toEqual([]);
  await endPool(system(), pool, definition(0, pool));
});

/** A pool's one machine is to go, and its row says so. */
async function removeOne(pool: string): Promise<void> {
  await system().api.updatePool(pool, definition(0, pool));
  await removeAll(system(), pool);
  expect((await system().api.workers(pool)).map(({ state }) => state)).toEqual(['stopping']);
}

async function poolOfOne(): Promise<string> {
  const pool = newPool();
  await system().api.createPool(pool, definition(1, pool));
  await settled(system(), pool, 1);
  return pool;
}

test('a crash after the row says stopping and before any deletion has its place ends as it should', async () => {
  const pool = await poolOfOne();
  const lock = await DatabaseLock.acquire(system().databaseUrl, 'rate_limits', 'writes');
  await removeOne(pool);
  await lock.isMet();
  await system().kill9('worker');
  expect(deletionsSent(pool)).toBe(0);
  await lock.release();
  await system().start('worker');
  await expectAllStopped(system(), pool);
  expect(deletionsSent(pool)).toBeGreaterThan(0);
});

test('a process that ends waits for the deletion that it has sent, and writes it down', async () => {
  const pool = await poolOfOne();
  await system().kill9('worker');
  const worker = system().spawn('worker', system().writeConfig({ log: { level: 'debug' } }, 'debug.json'));
  await worker.serves();
  const hold = await system().simulator.addFault({
    ...{ operation: 'instances.delete', mode: 'hold-answer', workerPoolId: pool },
  });
  await removeOne(pool);
  await system().simulator.faultHit(hold.id);
  const ended = worker.signal('SIGTERM');
  const pollers = [...worker.output().matchAll(/"state":"RUNNING"/g)].length;
  await system().waitFor(
    () => [...worker.output().matchAll(/"state":"STOPPED"/g)].length === pollers,
    'the end of all activities',
  );
  await system().simulator.releaseFault(hold.id);
  expect(await ended).toEqual({ code: 0, signal: null });
  const attempts = `select result from attempts where operation = 'instances.delete' and worker_pool_id = '${pool}'`;
  expect(await system().query(attempts)).toEqual([{ result: 'ok' }]);
  await system().start('worker');
  await expectAllStopped(system(), pool);
});

test('the crashes leave nothing at all, and launch and delete nothing twice', async () => {
  await expectNothingLeft(system());
});
