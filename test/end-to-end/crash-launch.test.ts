import { beforeAll, describe, expect, test } from '@jest/globals';
import { awsPool } from '../../dev/testing/api-client.js';
import { DatabaseLock } from '../support/database-locks.js';
import { checkEvidence } from '../support/evidence.js';
import { proofSize } from '../support/long.js';
import { endPool, expectSettled, settled, strikeAfterRows, terminateReconciliation } from '../support/pool-steps.js';
import { suiteOf } from '../support/suite.js';
import type { System } from '../../dev/testing/system.js';

/** What strikes the reconciliation in the middle of its launch, and what the operator does about it. */
const disasters = [
  ['the process killed', (system: System) => system.kill9('worker'), (system: System) => system.start('worker')],
  ['the reconciliation terminated', terminateReconciliation, async () => {}],
] as const;
const WANTED = 3;
/** Started one after the other, so that a crash comes in between. */
const MANY = proofSize({ short: 24, long: 80 });
const { system, newPool } = suiteOf('launch/crash');

/** Four launches that one disaster strikes, so that their waiting goes on side by side. */
interface Struck {
  readonly arrivesLater: string;
  readonly isLost: string;
  readonly isUnanswered: string;
  readonly isStarting: string;
}

/** A new pool whose first launch the cloud holds. */
async function heldLaunch(mode: 'hold-request' | 'hold-answer') {
  const pool = newPool();
  const fault = await system().simulator.addFault({ operation: 'RunInstances', mode });
  await system().api.createPool(pool, awsPool({ minCapacity: WANTED }));
  await system().simulator.faultHit(fault.id);
  return { pool, fault };
}

/** A new pool of which some lifecycles have been started. */
async function startingLifecycles(): Promise<string> {
  const pool = newPool();
  await system().api.createPool(pool, awsPool({ minCapacity: MANY, maxCapacity: MANY }));
  const lifecycles = () => system().temporal.workflow.count(`WorkerPoolId = '${pool}'`);
  await system().waitFor(async () => (await lifecycles()).count > 0, 'the first lifecycle');
  return pool;
}

async function strikeAll(
  strike: (system: System, pool: string) => Promise<void>,
  recover: (system: System) => Promise<void>,
): Promise<Struck> {
  const later = await heldLaunch('hold-request');
  const lost = await heldLaunch('hold-request');
  const unanswered = await heldLaunch('hold-answer');
  const starting = await startingLifecycles();
  const pools = [starting, later.pool, lost.pool, unanswered.pool];
  for (const pool of pools) await strike(system(), pool);
  await recover(system());
  for (const { fault } of [lost, unanswered]) await system().simulator.releaseFault(fault.id, 'drop');
  // The next attempt makes the machines; then the first request arrives.
  await system().waitFor(async () => (await system().api.workers(later.pool)).length === WANTED, 'the next attempt');
  await system().simulator.releaseFault(later.fault.id);
  // Each test says what it thinks of it; evidence is sought when nothing is under way.
  await Promise.allSettled(pools.map((pool) => settled(system(), pool, pool === starting ? MANY : WANTED)));
  return { arrivesLater: later.pool, isLost: lost.pool, isUnanswered: unanswered.pool, isStarting: starting };
}

async function expectSettledAndEnd(pool: string, wanted: number): Promise<void> {
  await expectSettled(system(), pool, wanted);
  await endPool(system(), pool);
}

describe.each(disasters)('a launch with %s', (_name, strike, recover) => {
  let struck: Struck;
  beforeAll(async () => {
    struck = await strikeAll(strike, recover);
  });

  test('a launch survives a crash before the cloud has the request, which arrives later all the same', async () => {
    await expectSettled(system(), struck.arrivesLater, WANTED);
  });

  test('a launch survives a crash before the cloud has the request, which is lost', async () => {
    await expectSettled(system(), struck.isLost, WANTED);
  });

  test('a launch survives a crash after the cloud has acted and before it has answered', async () => {
    await expectSettled(system(), struck.isUnanswered, WANTED);
  });

  test('a launch survives a crash between the starts of two lifecycles', async () => {
    await expectSettled(system(), struck.isStarting, MANY);
  });

  test('a launch with a crash at any of these moments leaves workers that can all be removed', async () => {
    const pools: string[] = Object.values(struck);
    await Promise.all(pools.map((pool) => endPool(system(), pool)));
    for (const pool of pools) expect((await system().api.counts(pool)).running).toBe(0);
  });

  test.each([
    ['are written late by the dead', false],
    ['are never written by it', true],
  ])('a launch survives a crash after the answer and before the rows, which %s', async (_rows, cut) => {
    const pool = newPool();
    const lock = await DatabaseLock.acquire(system().databaseUrl, 'workers', 'writes');
    await system().api.createPool(pool, awsPool({ minCapacity: WANTED }));
    await lock.isMet();
    await strike(system(), pool);
    await recover(system());
    if (cut) await lock.cutWaiting();
    await lock.release();
    await expectSettledAndEnd(pool, WANTED);
  });

  test('a launch survives a crash after the rows and before any lifecycle has been started', async () => {
    const pool = newPool();
    const create = () => system().api.createPool(pool, awsPool({ minCapacity: WANTED }));
    await strikeAfterRows(system(), create, () => strike(system(), pool));
    await recover(system());
    await expectSettledAndEnd(pool, WANTED);
  });
});

test('no launch with a crash is doubled, every machine has an owner, and all end', async () => {
  expect(await checkEvidence(system(), { ended: true })).toMatch(/^launches doubled +0$/m);
});
