import { describe, expect, jest, test } from '@jest/globals';
import { eventually } from '../../../dev/testing/eventually.js';
import { SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { STEPS, stepwiseSuite } from '../../support/stepwise-suite.js';
import { HOUR_MS, type TestLifecycle } from '../../support/time-skipping.js';

/** Runs are continued as new when their history grows, also in the midst of building and of removing. */

// Thousands of tasks, one after the other.
jest.setTimeout(SYSTEM_TIMEOUT_MS);

const { time, submitted, removed } = stepwiseSuite();

/** Of 51,200 events, Temporal's limit, far from all: it suggests to continue as new at 4,096. */
const MAX_EVENTS = 4_200;

async function build(): Promise<TestLifecycle> {
  time().scripted.on('submitResource', async () => 'operation');
  const now = await time().now();
  return await time().startLifecycle({
    creationSteps: STEPS,
    removalSteps: [...STEPS].reverse(),
    registrationDeadline: now + 200 * HOUR_MS,
  });
}

/** Lets time pass until another run goes on. Gives how many events the run before had. */
async function continued(lifecycle: TestLifecycle): Promise<number> {
  const { runId } = await lifecycle.handle.describe();
  for (let waits = 0; waits < 60; waits += 1) {
    await time().pass(3 * HOUR_MS);
    if ((await lifecycle.handle.describe()).runId === runId) continue;
    const { events } = await time().env.client.workflow.getHandle(lifecycle.handle.workflowId, runId).fetchHistory();
    return events!.length;
  }
  throw new Error('the run was not continued as new');
}

describe('a machine whose resource stays pending for hours', () => {
  test('a machine whose resource stays pending is built on in a new run, which knows what was being created', async () => {
    const lifecycle = await build();
    await lifecycle.observed('pending', { resources: { publicIp: 'running' } });
    await eventually(() => submitted().at(-1) === 'networkInterface');
    await lifecycle.observed('pending', { resources: { publicIp: 'running', networkInterface: 'pending' } });
    expect(await continued(lifecycle)).toBeLessThan(MAX_EVENTS);
    expect(await lifecycle.status()).toMatchObject({
      state: 'requested',
      phase: 'creating networkInterface',
      createdSteps: ['publicIp'],
      lastObservation: { resources: { networkInterface: 'pending' } },
    });
    await lifecycle.observed('pending', { resources: { publicIp: 'running', networkInterface: 'running' } });
    await eventually(() => submitted().at(-1) === 'vm');
    expect(time().scripted.names()).not.toContain('recordStopping');
  });

  test('a machine whose resource stays pending has what was being created removed by a run that resumes its removal', async () => {
    const lifecycle = await build();
    await lifecycle.observed('pending', { resources: { publicIp: 'running' } });
    await eventually(() => submitted().at(-1) === 'networkInterface');
    time().scripted.on('deleteResource', async () => {});
    await lifecycle.remove();
    // No scan confirms that the VM is not there: its deletion is requested again and again.
    expect(await continued(lifecycle)).toBeLessThan(MAX_EVENTS);
    expect(await lifecycle.status()).toMatchObject({ state: 'stopping', stopReason: 'by an operator', removed: [] });
    await lifecycle.observed('stopping', { resources: { publicIp: 'running' }, removing: true });
    await eventually(() => removed().at(-1) === 'publicIp');
    expect([...new Set(removed())]).toEqual(['vm', 'networkInterface', 'publicIp']);
    await lifecycle.end();
  });
});
