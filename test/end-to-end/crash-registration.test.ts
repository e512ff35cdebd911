import { describe, expect, test } from '@jest/globals';
import { awsPool, type WorkerResponse } from '../../dev/testing/api-client.js';
import { DatabaseLock } from '../support/database-locks.js';
import { checkEvidence } from '../support/evidence.js';
import { endPool, machinesOf, restart, expectSettled } from '../support/pool-steps.js';
import { suiteOf } from '../support/suite.js';

const { system, newPool } = suiteOf('registration/crash');
const holdRegistration = (mode: 'hold-request' | 'hold-answer', times = 1) =>
  system().simulator.addFault({ operation: 'registerWorker', mode, times });

/** A claim to be that worker, with the document of that machine. */
const claim = async (
  worker: Pick<WorkerResponse, 'workerPoolId' | 'workerGroup' | 'workerId'>,
  documentOf: string,
  identityAttributes = {},
) => ({
  workerPoolId: worker.workerPoolId,
  workerGroup: worker.workerGroup,
  workerId: worker.workerId,
  providerId: 'aws',
  workerIdentityProof: await system().simulator.identityDocument(documentOf, { facts: identityAttributes }),
});

/** A new pool of one machine, whose registration is held. */
async function heldRegistration(mode: 'hold-request' | 'hold-answer') {
  const pool = newPool();
  const fault = await holdRegistration(mode);
  await system().api.createPool(pool, awsPool({ minCapacity: 1 }));
  await system().simulator.faultHit(fault.id);
  return { pool, fault };
}

/** The pool's one machine registers and goes on; then the pool ends. */
async function expectRegisteredAndEnd(pool: string): Promise<void> {
  const registered = async () => (await machinesOf(system(), pool)).some((machine) => machine.registered);
  await system().waitFor(registered, 'the registration of the machine');
  await expectSettled(system(), pool, 1);
  await endPool(system(), pool);
}

describe('a registration', () => {
  test.each([
    ['of the API before it has the request', 'api', 'hold-request'],
    ['of the API, whose answer is lost', 'api', 'hold-answer'],
    ['of the Temporal workers before the request', 'worker', 'hold-request'],
  ] as const)('a registration survives a crash %s', async (_when, role, mode) => {
    const { pool, fault } = await heldRegistration(mode);
    await restart(system(), role);
    await system().simulator.releaseFault(fault.id, mode === 'hold-answer' ? 'drop' : 'go');
    await expectRegisteredAndEnd(pool);
  });

  test.each(['worker', 'api'] as const)(
    'a registration survives a crash of the %s process while the row is being written',
    async (role) => {
      const { pool, fault } = await heldRegistration('hold-request');
      const lock = await DatabaseLock.acquire(system().databaseUrl, 'workers', 'writes');
      await system().simulator.releaseFault(fault.id);
      await lock.isMet();
      await restart(system(), role);
      await lock.release();
      await expectRegisteredAndEnd(pool);
    },
  );

  test('a registration in the gap between launch and rows is put off, and succeeds later', async () => {
    const pool = newPool();
    const fault = await system().simulator.addFault({ operation: 'RunInstances', mode: 'hold-answer' });
    await system().api.createPool(pool, awsPool({ minCapacity: 1 }));
    await system().simulator.faultHit(fault.id);
    const [machine] = await machinesOf(system(), pool);
    const worker = { workerPoolId: pool, workerGroup: 'us-east-1', workerId: machine!.instanceId };
    const answer = await system().api.register(await claim(worker, worker.workerId));
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    // The machine itself boots and asks in the gap, too.
    await system().waitFor(
      () =>
        system()
          .simulator.log()
          .some(
            ({ operation, workerId, outcome }) =>
              operation === 'registerWorker' && workerId === worker.workerId && outcome === '503',
          ),
      'a registration that is put off',
    );
    await system().simulator.releaseFault(fault.id);
    await expectRegisteredAndEnd(pool);
  });

  test('a registration with two proofs at once gives both an answer, and the machine works', async () => {
    const { pool, fault } = await heldRegistration('hold-request');
    await system().waitFor(async () => (await system().api.workers(pool)).length === 1, 'the row');
    const [worker] = await system().api.workers(pool);
    const proofs = [
      await claim(worker!, worker!.workerId),
      await claim(worker!, worker!.workerId, { kernelId: 'another' }),
    ];
    expect(new Set(proofs.map((proof) => JSON.stringify(proof))).size).toBe(2);
    const answers = await Promise.all(proofs.map((proof) => system().api.register(proof)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(new Set(answers.map(({ body }) => body.secret)).size).toBe(2);
    await system().simulator.releaseFault(fault.id);
    await expectRegisteredAndEnd(pool);
  });

  test('a registration with a valid document of another pool’s machine is rejected, and nothing is written', async () => {
    const [mine, theirs] = [newPool(), newPool()];
    await system().api.createPool(mine, awsPool({ minCapacity: 1 }));
    await expectSettled(system(), mine, 1);
    const [thief] = await system().api.workers(mine);
    await system().api.createPool(theirs, awsPool({ minCapacity: 0 }));
    const asTheirs = { ...thief!, workerPoolId: theirs };
    // Before the other pool has any row.
    expect((await system().api.register(await claim(asTheirs, thief!.workerId))).status).toBe(404);
    // While it launches: whoever asks is put off, and then refused.
    const launch = await system().simulator.addFault({ operation: 'RunInstances', mode: 'hold-answer' });
    const theirOwn = await holdRegistration('hold-request');
    await system().api.updatePool(theirs, awsPool({ minCapacity: 1 }));
    await system().simulator.faultHit(launch.id);
    expect((await system().api.register(await claim(asTheirs, thief!.workerId))).status).toBe(503);
    await system().simulator.releaseFault(launch.id);
    // With its row there and not yet registered: the document is not that machine's.
    await system().waitFor(async () => (await system().api.workers(theirs)).length === 1, 'the row');
    const [victim] = await system().api.workers(theirs);
    expect((await system().api.register(await claim(victim!, thief!.workerId))).status).toBe(400);
    expect(
      (await system().api.register(await claim(victim!, thief!.workerId, { instanceId: victim!.workerId }))).status,
    ).toBe(400);
    expect((await system().api.register(await claim(asTheirs, thief!.workerId))).status).toBe(404);
    expect(await system().api.workers(theirs)).toEqual([{ ...victim!, lastChecked: expect.anything() }]);
    // Temporal's lists lag behind what it does.
    await system().waitFor(
      async () => (await system().temporal.workflow.count(`WorkerPoolId = '${theirs}'`)).count === 1,
      'their one lifecycle in the list',
    );
    await system().simulator.releaseFault(theirOwn.id);
    await expectSettled(system(), theirs, 1);
    await endPool(system(), mine);
    await endPool(system(), theirs);
  });
});

test('every machine of these registrations has an owner, and all end', async () => {
  expect(await checkEvidence(system(), { ended: true })).toMatch(/^launches doubled +0$/m);
});
