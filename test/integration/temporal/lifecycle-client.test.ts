import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { LifecycleUnavailableError, LifecycleRejectedError } from '../../../temporal/lifecycle-client.js';
import { temporalLifecycleClient } from '../../../temporal/temporal-lifecycle-client.js';
import { lifecycleId } from '../../../temporal/ids.js';
import type { Worker } from '../../../domain/worker.js';
import { awsProvider } from '../../../providers/aws/provider.js';
import { providersOf } from '../../../providers/configured.js';
import { recordRunning, recordStopped, recordStopping } from '../../../database/worker-changes.js';
import { getWorker } from '../../../database/workers.js';
import { lifecycleInputLoader } from '../../../activities/worker/lifecycle-input-loader.js';
import type { LifecycleInput } from '../../../temporal/messages.js';
import { createNamespace } from '../../../dev/testing/namespace.js';
import { recordedContext } from '../../support/provider-context.js';
import { launched, makePool, NOW, poolId } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';
import { temporalAddress } from '../../../dev/testing/services.js';

/**
 * The client, a real database and a real server, and nobody who runs workflows: what is started stays at its beginning.
 */

const TASK_QUEUE = 'nobody';
const database = databaseFor('PGlite');
let client: Client;
beforeAll(async () => {
  ({ client } = await createNamespace(temporalAddress()));
}, 60_000);
afterAll(() => client?.connection.close());

let worker: Worker;
beforeEach(async () => {
  await makePool(database.db);
  // Workflow ids are for ever, and each test has its own.
  const token = randomUUID();
  await launched(database.db, token, 1);
  worker = (await getWorker(database.db, { workerPoolId: poolId, workerGroup: 'us-west-2', workerId: `${token}-0` }))!;
});

const lifecycles = () => {
  const config = { providerType: 'aws', endpoint: null, regions: null, identityCertificates: null } as const;
  const aws = awsProvider({ ...config, draining: false }, recordedContext({ providerId: 'aws' }));
  const defaults = { registrationSeconds: 1_800 };
  return temporalLifecycleClient({
    client,
    loadInput: lifecycleInputLoader({ database, providers: providersOf([aws]), config: { defaults } }),
    schedules: {
      client,
      deploymentId: 'd',
      taskQueuePrefix: TASK_QUEUE,
      intervals: { demandSeconds: 10, provisionSeconds: 300, scanSeconds: 30, sweepSeconds: 300 },
    },
    defaults,
    requestReconcile: async () => {},
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

describe('a request to a worker without a lifecycle', () => {
  test('a removal is put off and the lifecycle started when the launch has just been recorded', async () => {
    await expect(lifecycles().remove(worker, { reason: 'no longer needed' })).rejects.toBeInstanceOf(
      LifecycleUnavailableError,
    );
    expect(await startedWith()).toMatchObject({
      workerId: worker.workerId,
      registrationDeadline: worker.terminateAfter,
    });
    expect(await startedWith()).not.toHaveProperty('carried');
  });

  test('a re-registration is put off rather than rejected: a rejected machine gives up', async () => {
    const running = { registeredAt: NOW, terminateAfter: NOW + 5, expires: NOW + 5, secretGeneration: 2, nowMs: NOW };
    await recordRunning(database.db, worker, running);
    const requested = lifecycles().reregister(worker, { secretGeneration: 2, updateId: 'once' });
    await expect(requested).rejects.toBeInstanceOf(LifecycleUnavailableError);
    expect(await startedWith()).toMatchObject({
      resumeFrom: { state: 'running', secretGeneration: 2, deadline: NOW + 5 },
    });
  });

  test('a stopped worker has nothing to remove, rejects the rest, and starts nothing', async () => {
    await recordStopping(database.db, worker, { reason: 'gone', nowMs: NOW });
    await recordStopped(database.db, worker, { nowMs: NOW, expires: NOW + 1 });
    await expect(lifecycles().remove(worker, { reason: 'no longer needed' })).resolves.toBeUndefined();
    const requested = lifecycles().reregister(worker, { secretGeneration: 1, updateId: 'once' });
    await expect(requested).rejects.toBeInstanceOf(LifecycleRejectedError);
    expect(await startedWith()).toBeNull();
  });
});
