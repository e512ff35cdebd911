import { beforeAll, describe, expect, test } from '@jest/globals';
import { awsPool } from '../../dev/testing/api-client.js';
import { DatabaseLock } from '../support/database-locks.js';
import { checkEvidence } from '../support/evidence.js';
import { expectAllStopped, removeAll, restart, expectSettled } from '../support/pool-steps.js';
import type { FaultRequest } from '../../dev/testing/simulator.js';
import { suiteOf } from '../support/suite.js';

const regions = ['us-east-1', 'us-west-2'];
const { system, newPool } = suiteOf('removal/crash');

/** A pool with running machines in each region, which from now on wants none. */
async function runningPool(places = regions): Promise<string> {
  const pool = newPool();
  await system().api.createPool(pool, awsPool({ minCapacity: 4, regions: places }));
  await expectSettled(system(), pool, 4);
  await system().api.updatePool(pool, awsPool({ maxCapacity: 0, regions: places }));
  return pool;
}

const hold = (mode: FaultRequest['mode'], more: Partial<FaultRequest> = {}) =>
  system().simulator.addFault({ operation: 'TerminateInstances', mode, ...more });

describe('crashes around the call to the cloud', () => {
  /** One in each region, so that their removals are calls of their own, which the same crashes strike. */
  const removals: { how: 'go' | 'drop'; region: string; pool: string }[] = [
    { how: 'go', region: 'us-east-1', pool: '' },
    { how: 'drop', region: 'us-west-2', pool: '' },
  ];
  beforeAll(async () => {
    const holds = [];
    for (const removal of removals) {
      const { how, region } = removal;
      removal.pool = await runningPool([region]);
      const before = await hold('hold-request', { region });
      holds.push({ how, before, after: await hold('hold-answer', { region }) });
    }
    for (const { pool } of removals) await removeAll(system(), pool);
    for (const { before } of holds) await system().simulator.faultHit(before.id);
    await restart(system(), 'worker');
    for (const { how, before } of holds) await system().simulator.releaseFault(before.id, how);
    for (const { after } of holds) await system().simulator.faultHit(after.id);
    await restart(system(), 'worker');
    for (const { how, after } of holds) await system().simulator.releaseFault(after.id, how);
    // Each test says what it thinks of it; evidence is sought when nothing is under way.
    await Promise.allSettled(removals.map(({ pool }) => expectAllStopped(system(), pool)));
  });

  test.each(removals)('a removal survives a crash before and after the cloud acts ($how)', async (removal) => {
    await expectAllStopped(system(), removal.pool);
    await checkEvidence(system());
  });
});

test('a removal survives a crash while the row is being written', async () => {
  const pool = await runningPool();
  const [worker] = await system().api.workers(pool);
  const lock = await DatabaseLock.acquire(system().databaseUrl, 'workers', 'writes');
  // The caller gets an answer, or 503; the removal is accepted either way.
  const requested = system()
    .api.removeWorker(worker!)
    .catch((error: unknown) => error);
  await lock.isMet();
  await restart(system(), 'worker');
  await lock.release();
  await requested;
  await removeAll(system(), pool);
  await expectAllStopped(system(), pool);
  await checkEvidence(system());
});

test('a removal survives a crash between the cloud’s "gone" and the row', async () => {
  const pool = await runningPool();
  await removeAll(system(), pool);
  await system().waitFor(async () => (await system().api.counts(pool)).running === 0, 'stopping rows');
  const lock = await DatabaseLock.acquire(system().databaseUrl, 'workers', 'writes');
  await lock.isMet();
  await restart(system(), 'worker');
  await lock.release();
  await expectAllStopped(system(), pool);
  await checkEvidence(system());
});

test('machines that vanish, die or shut themselves down end their workers, with a crash in between', async () => {
  const pool = await runningPool();
  const [first, second, third] = await system().api.workers(pool);
  await system().kill9('worker');
  await system().simulator.killMachine(first!.workerId);
  await system().simulator.act(second!.workerId, 'shut-down');
  await system().simulator.act(third!.workerId, 'shut-down');
  await system().start('worker');
  await system().waitFor(async () => (await system().api.counts(pool)).stopped === 3, 'three stopped workers');
  await removeAll(system(), pool);
  await expectAllStopped(system(), pool);
});

// The last: the provider stays unhealthy until its next health check, which is a minute away.
test('removals go on when the cloud rejects them, and while the provider counts as unhealthy', async () => {
  const pool = await runningPool();
  const unhealthy = await system().simulator.addFault({
    operation: 'DescribeRegions',
    mode: 'refuse',
    code: 'AuthFailure',
    times: 1_000,
  });
  await hold('refuse', { code: 'UnauthorizedOperation', times: 2 });
  await restart(system(), 'worker');
  await removeAll(system(), pool);
  await expectAllStopped(system(), pool);
  expect((await system().api.errors(pool)).map(({ kind }) => kind)).toContain('termination-error');
  await system().simulator.releaseFault(unhealthy.id);
});

test('every machine of these removals has an owner, and all end', async () => {
  expect(await checkEvidence(system(), { ended: true })).toMatch(/^machines not gone +0$/m);
});
