import { describe, expect, test } from '@jest/globals';
import { awsPool } from '../support/api-client.js';
import { DatabaseLock } from '../support/database-locks.js';
import { checkEvidence } from '../support/evidence.js';
import { endPool, expectSettled, terminateTick } from '../support/pool-steps.js';
import { suiteOf } from '../support/suite.js';
import type { System } from '../support/system.js';

/** What strikes the tick in the middle of its launch, and what the operator does about it. */
const disasters = [
  ['the process killed', (system: System) => system.kill9('worker'), (system: System) => system.start('worker')],
  ['the tick terminated', terminateTick, async () => {}],
] as const;
const WANTED = 3;
const { system, newPool } = suiteOf('launch/crash');

/** A new pool whose first launch the cloud holds. */
async function heldLaunch(mode: 'hold-request' | 'hold-answer') {
  const pool = newPool();
  const fault = await system().simulator.addFault({ operation: 'RunInstances', mode });
  await system().api.createPool(pool, awsPool({ minCapacity: WANTED }));
  await system().simulator.faultHit(fault.id);
  return { pool, fault };
}

async function expectSettledAndEnd(pool: string, wanted: number): Promise<void> {
  await expectSettled(system(), pool, wanted);
  await endPool(system(), pool);
}

describe.each(disasters)('a launch with %s', (_name, strike, recover) => {
  test('before the cloud has the request, which arrives later all the same', async () => {
    const { pool, fault } = await heldLaunch('hold-request');
    await strike(system(), pool);
    await recover(system());
    // The next attempt makes the machines; then the first request arrives.
    await system().waitFor(async () => (await system().api.workers(pool)).length === WANTED, 'the next attempt');
    await system().simulator.releaseFault(fault.id);
    await expectSettledAndEnd(pool, WANTED);
  });

  test('before the cloud has the request, which is lost', async () => {
    const { pool, fault } = await heldLaunch('hold-request');
    await strike(system(), pool);
    await recover(system());
    await system().simulator.releaseFault(fault.id, 'drop');
    await expectSettledAndEnd(pool, WANTED);
  });

  test('after the cloud has acted and before it has answered', async () => {
    const { pool, fault } = await heldLaunch('hold-answer');
    await strike(system(), pool);
    await recover(system());
    await system().simulator.releaseFault(fault.id, 'drop');
    await expectSettledAndEnd(pool, WANTED);
  });

  test.each([
    ['are written late by the dead', false],
    ['are never written by it', true],
  ])('after the answer and before the rows, which %s', async (_rows, cut) => {
    const pool = newPool();
    const lock = await DatabaseLock.take(system().recordsUrl, 'workers', 'writes');
    await system().api.createPool(pool, awsPool({ minCapacity: WANTED }));
    await lock.isMet();
    await strike(system(), pool);
    await recover(system());
    if (cut) await lock.cutWaiting();
    await lock.release();
    await expectSettledAndEnd(pool, WANTED);
  });

  test('after the rows and before any lifecycle has been started', async () => {
    const pool = newPool();
    const beforeRows = await DatabaseLock.take(system().recordsUrl, 'workers', 'writes');
    await system().api.createPool(pool, awsPool({ minCapacity: WANTED }));
    await beforeRows.isMet();
    const afterRows = await DatabaseLock.take(system().recordsUrl, 'worker_pools', 'everything');
    await beforeRows.release();
    await afterRows.isMet();
    await strike(system(), pool);
    await afterRows.release();
    await recover(system());
    await expectSettledAndEnd(pool, WANTED);
  });

  test('between the starts of two lifecycles', async () => {
    const pool = newPool();
    const many = 80;
    await system().api.createPool(pool, awsPool({ minCapacity: many, maxCapacity: many }));
    const lifecycles = () => system().temporal.workflow.count(`WorkerPoolId = '${pool}'`);
    await system().waitFor(async () => (await lifecycles()).count > 0, 'the first lifecycle');
    await strike(system(), pool);
    await recover(system());
    await expectSettledAndEnd(pool, many);
  });
});

test('of all these launches none was doubled, every machine had an owner, and all have ended', async () => {
  expect(await checkEvidence(system(), { ended: true })).toMatch(/^launches doubled +0$/m);
});
