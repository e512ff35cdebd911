import { describe, expect, test } from '@jest/globals';
import { WorkflowIdReusePolicy } from '@temporalio/common';
import type { Worker } from '../../../domain/worker.js';
import type { WorkerPool } from '../../../domain/worker-pool.js';
import { nullProvider } from '../../../providers/null/provider.js';
import { lifecycleInput } from '../../../temporal/lifecycle-input.js';
import { lifecycleStart } from '../../../temporal/lifecycle-start-options.js';
import { workerOf } from '../../support/workers.js';

const pool = { workerPoolId: 'proj/pool', providerId: 'cloud', config: {} } as WorkerPool;
const machine = {
  workerGroup: 'us-east-1',
  workerId: 'i-1',
  location: { account: '123', region: 'us-east-1', group: null },
  identityAttributes: {},
};
const inputOf = (changes: Partial<Worker>) =>
  lifecycleInput(workerOf(machine, changes), {
    pool,
    provider: nullProvider,
    launch: null,
    defaults: { registrationSeconds: 1800 },
  });

describe('lifecycleInput', () => {
  test('hands on what the provider’s steps are called by people', () => {
    const provider = { ...nullProvider, stepLabels: { publicIp: 'public IP' } };
    const context = { pool, provider, launch: null, defaults: { registrationSeconds: 1800 } };
    expect(lifecycleInput(workerOf(machine, {}), context)).toMatchObject({ stepLabels: { publicIp: 'public IP' } });
  });

  test('a requested worker’s lifecycle begins at the beginning, with the deadline of its launch', () => {
    expect(inputOf({ terminateAfter: 5_000 })).toMatchObject({ registrationDeadline: 5_000 });
    expect(inputOf({ terminateAfter: 5_000 }).resumeFrom).toBeUndefined();
  });

  test('a running worker’s lifecycle goes on as its row stands', () => {
    const row = { state: 'running', registeredAt: 1_000, terminateAfter: 9_000, secretGeneration: 3 } as const;
    expect(inputOf({ ...row, capacity: 4 }).resumeFrom).toMatchObject({
      state: 'running',
      registeredAt: 1_000,
      deadline: 9_000,
      secretGeneration: 3,
      previousSecretAccepted: true,
      capacity: 4,
      stop: null,
    });
  });

  test('a first secret has none before it', () => {
    expect(inputOf({ state: 'running', secretGeneration: 1 }).resumeFrom).toMatchObject({
      previousSecretAccepted: false,
    });
  });

  test('a stopping worker’s lifecycle goes on stopping, for the same reason', () => {
    const { resumeFrom } = inputOf({ state: 'stopping', stopReason: 'no longer needed' });
    expect(resumeFrom).toMatchObject({
      state: 'stopping',
      stop: { reason: 'no longer needed', failure: null },
      removed: [],
    });
  });

  test('a static worker’s lifecycle keeps its own end, capacity and secret', () => {
    const identityAttributes = { secretFingerprint: 'print' };
    const input = inputOf({
      state: 'running',
      launchToken: null,
      launchConfigId: null,
      expires: 7_000,
      capacity: 2,
      identityAttributes,
    });
    expect(input.static).toEqual({ expires: 7_000, capacity: 2, secretFingerprint: 'print' });
    expect(input.resumeFrom).toMatchObject({ state: 'running', deadline: 7_000, capacity: 2 });
  });
});

describe('the start of a lifecycle', () => {
  const running = inputOf({ state: 'running', secretGeneration: 1 });

  test('a lifecycle’s start gives no worker a second one, unless its row is alive and the first was ended from outside', () => {
    const { replaces, ...first } = running;
    expect(replaces).toBe(true);
    expect(lifecycleStart(first, 'test').workflowIdReusePolicy).toBe(WorkflowIdReusePolicy.REJECT_DUPLICATE);
    const announced = { ...first, static: { expires: 1, capacity: 1, secretFingerprint: 'f' } };
    expect(lifecycleStart(announced, 'test').workflowIdReusePolicy).toBe(WorkflowIdReusePolicy.ALLOW_DUPLICATE);
    expect(lifecycleStart(running, 'test').workflowIdReusePolicy).toBe(
      WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
    );
  });

  test('a lifecycle’s start is listed under the state that it goes on from', () => {
    const stateOf = (changes: Partial<Worker>) =>
      lifecycleStart(inputOf(changes), 'test')
        .typedSearchAttributes.getAll()
        .find(({ key }) => key.name === 'WorkerState')?.value;
    expect([stateOf({}), stateOf({ state: 'running' }), stateOf({ state: 'stopping' })]).toEqual([
      'requested',
      'running',
      'stopping',
    ]);
  });
});
