import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { EngineBusy, EngineRefused } from '../../../temporal/lifecycle-client.js';
import { temporalEngine } from '../../../api/temporal-engine.js';
import { lifecycleId } from '../../../temporal/ids.js';
import type { Worker } from '../../../domain/worker.js';
import { awsProvider } from '../../../providers/aws/provider.js';
import { providersOf } from '../../../providers/providers.js';
import { recordRunning, recordStopped, recordStopping } from '../../../database/worker-changes.js';
import { getWorker } from '../../../database/workers.js';
import type { LifecycleInput } from '../../../temporal/messages.js';
import { createNamespace } from '../../../dev/testing/namespace.js';
import { recordedContext } from '../../support/provider-context.js';
import { launched, makePool, NOW, poolId } from '../../support/records.js';
import { recordsFor } from '../../support/records-suite.js';
import { temporalAddress } from '../../../dev/testing/services.js';

/** The engine, real records and a real server, and nobody who runs workflows: what is started stays at its beginning. */

const TASK_QUEUE = 'nobody';
const records = recordsFor('PGlite');
let client: Client;
beforeAll(async () => {
  ({ client } = await createNamespace(temporalAddress()));
}, 60_000);
afterAll(() => client?.connection.close());

let worker: Worker;
beforeEach(async () => {
  await makePool(records.db);
  // Workflow ids are for ever, and each test has its own.
  const token = randomUUID();
  await launched(records.db, token, 1);
  worker = (await getWorker(records.db, { workerPoolId: poolId, workerGroup: 'us-west-2', workerId: `${token}-0` }))!;
});

const engine = () => {
  const config = { providerType: 'aws', endpoint: null, regions: null, identityCertificates: null } as const;
  const aws = awsProvider({ ...config, draining: false }, recordedContext({ providerId: 'aws' }));
  return temporalEngine({
    client,
    db: records.db,
    providers: providersOf([aws]),
    schedules: {
      client,
      deploymentId: 'd',
      taskQueuePrefix: TASK_QUEUE,
      intervals: { demandSeconds: 10, provisionSeconds: 300, scanSeconds: 30, sweepSeconds: 300 },
    },
    defaults: { registrationSeconds: 1_800 },
    askForLook: async () => {},
  });
};

/** What a lifecycle was started with; null when there is none. */
async function startedWith(): Promise<LifecycleInput | null> {
  try {
    const handle = client.workflow.getHandle(lifecycleId(worker));
    await handle.describe();
    const { events } = await handle.fetchHistory();
    const input = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
    return JSON.parse(Buffer.from(input!).toString()) as LifecycleInput;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

describe('a request to a worker whose lifecycle is not there', () => {
  test('puts a removal off and starts the lifecycle, when the launch has just been booked', async () => {
    await expect(engine().remove(worker, { reason: 'no longer needed' })).rejects.toBeInstanceOf(EngineBusy);
    expect(await startedWith()).toMatchObject({
      workerId: worker.workerId,
      registrationDeadline: worker.terminateAfter,
    });
    expect(await startedWith()).not.toHaveProperty('carried');
  });

  test('puts a re-registration off rather than refusing it: a refused machine gives up', async () => {
    const running = { registeredAt: NOW, terminateAfter: NOW + 5, expires: NOW + 5, secretGeneration: 2, nowMs: NOW };
    await recordRunning(records.db, worker, running);
    const asked = engine().reregister(worker, { secretGeneration: 2, updateId: 'once' });
    await expect(asked).rejects.toBeInstanceOf(EngineBusy);
    expect(await startedWith()).toMatchObject({
      carried: { state: 'running', secretGeneration: 2, deadline: NOW + 5 },
    });
  });

  test('has nothing to remove, refuses the rest, and starts nothing, when the worker has stopped', async () => {
    await recordStopping(records.db, worker, { reason: 'gone', nowMs: NOW });
    await recordStopped(records.db, worker, { nowMs: NOW, expires: NOW + 1 });
    await expect(engine().remove(worker, { reason: 'no longer needed' })).resolves.toBeUndefined();
    const asked = engine().reregister(worker, { secretGeneration: 1, updateId: 'once' });
    await expect(asked).rejects.toBeInstanceOf(EngineRefused);
    expect(await startedWith()).toBeNull();
  });
});
