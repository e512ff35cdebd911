import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { eventually } from '../../../dev/testing/eventually.js';
import type { ActivityName } from '../../support/scripted-activities.js';
import { DAY_MS, HOUR_MS, type TestLifecycle, TimeSkipping } from '../../support/time-skipping.js';

/** One change of a worker's row at a time: what comes meanwhile waits, and is judged when its turn comes. */

let time: TimeSkipping;
beforeAll(async () => {
  time = await TimeSkipping.start();
});
afterEach(() => time.reset());
afterAll(() => time.stop());

const ACCEPTED = 'EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED';

/** Holds this write up. Its local activity fails first: one that is held would hold up the whole workflow task. */
function hold(activity: ActivityName): { isHeld: () => boolean; release: () => void } {
  const before = time.scripted.of(activity).length;
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  time.scripted.fail(activity);
  time.scripted.on(activity, () => held);
  return { isHeld: () => time.scripted.of(activity).length === before + 2, release };
}

async function running(): Promise<TestLifecycle> {
  const lifecycle = await time.startLifecycle();
  await lifecycle.register();
  return lifecycle;
}
const accepted = (lifecycle: TestLifecycle, updates: number) =>
  eventually(async () => (await lifecycle.events()).filter((type) => type === ACCEPTED).length === updates);

async function startStatic() {
  const first = { expires: (await time.now()) + 30 * DAY_MS, capacity: 4, secretFingerprint: 'fingerprint' };
  const none = { providerId: 'hand', launchConfigId: null, launchToken: null, registrationDeadline: null };
  const lifecycle = await time.startLifecycle({ ...none, removalSteps: [], static: first });
  return { lifecycle, first };
}

describe('updates in turn', () => {
  test('an update of a worker waits until the one before is in the row', async () => {
    const lifecycle = await running();
    const credentials = hold('recordCredentials');
    const renewed = lifecycle.reregister(1);
    await eventually(credentials.isHeld);
    const removed = lifecycle.remove();
    await lifecycle.until({ stopReason: 'by an operator' });
    expect(time.scripted.of('recordStopping')).toEqual([]);
    credentials.release();
    expect(await renewed).toMatchObject({ secretGeneration: 2 });
    await removed;
    expect(time.scripted.names().slice(1, 4)).toEqual(['recordCredentials', 'recordCredentials', 'recordStopping']);
    await lifecycle.end();
  });

  test('an update of a worker is lost neither for its caller nor for the next run when its own run ends', async () => {
    const { lifecycle, first } = await startStatic();
    await lifecycle.register();
    const { runId } = await lifecycle.handle.describe();
    await time.pass(25 * HOUR_MS);
    const credentials = hold('recordCredentials');
    const renewed = lifecycle.reregister(1);
    await eventually(credentials.isHeld);
    const change = hold('recordStaticChange');
    const next = { ...first, expires: first.expires + DAY_MS };
    // Its answer is read from the history: the test server gives none of a run that has ended.
    void lifecycle.handle.executeUpdate('updateWorker', { args: [next] }).catch(() => undefined);
    await accepted(lifecycle, 3);
    credentials.release();
    await renewed;
    await eventually(change.isHeld);
    change.release();
    // A query that comes while the run works on its last task disturbs the test server's history of it.
    await eventually(async () => (await lifecycle.handle.describe()).runId !== runId);
    await lifecycle.until({ phase: 'waiting', deadline: next.expires });
    const { events } = await time.env.client.workflow.getHandle(lifecycle.handle.workflowId, runId).fetchHistory();
    const answers = (events ?? []).filter((event) => event.workflowExecutionUpdateCompletedEventAttributes);
    expect(answers).toHaveLength(3);
  });

  test('an update of a worker does not begin before the row exists', async () => {
    const row = hold('recordStatic');
    const { lifecycle } = await startStatic();
    await eventually(row.isHeld);
    const registered = lifecycle.register();
    await accepted(lifecycle, 1);
    await lifecycle.until({ phase: 'beginning' });
    expect(time.scripted.of('recordRunning')).toEqual([]);
    row.release();
    expect(await registered).toMatchObject({ secretGeneration: 1 });
  });
});

describe('a registration', () => {
  test('a registration is rejected from the moment that a removal is requested', async () => {
    const lifecycle = await running();
    const stopping = hold('recordStopping');
    const removed = lifecycle.remove();
    await eventually(stopping.isHeld);
    expect(await lifecycle.status()).toMatchObject({ state: 'running', stopReason: 'by an operator' });
    await expect(lifecycle.register()).rejects.toThrow(WorkflowUpdateFailedError);
    stopping.release();
    await removed;
    await lifecycle.end();
  });

  test('a registration is rejected when a removal is requested while it waits for its turn', async () => {
    const lifecycle = await time.startLifecycle();
    const row = hold('recordRunning');
    const first = lifecycle.register();
    await eventually(row.isHeld);
    const second = lifecycle.register().catch((error: unknown) => error);
    await accepted(lifecycle, 2);
    const removed = lifecycle.remove();
    await lifecycle.until({ stopReason: 'by an operator' });
    row.release();
    expect(await first).toMatchObject({ secretGeneration: 1 });
    expect(await second).toBeInstanceOf(WorkflowUpdateFailedError);
    await removed;
    await lifecycle.end();
  });

  test('a registration makes the secrets before it void, the last one too', async () => {
    const lifecycle = await running();
    await lifecycle.reregister(1);
    expect(await lifecycle.register()).toMatchObject({ secretGeneration: 3 });
    await expect(lifecycle.reregister(2)).rejects.toThrow(WorkflowUpdateFailedError);
    expect(await lifecycle.reregister(3)).toMatchObject({ secretGeneration: 4 });
  });
});

describe('a re-registration', () => {
  test('a re-registration is rejected when a registration has replaced its secret while it waited for its turn', async () => {
    const lifecycle = await running();
    const again = hold('recordRunning');
    const registered = lifecycle.register();
    await eventually(again.isHeld);
    const stale = lifecycle.reregister(1).catch((error: unknown) => error);
    await accepted(lifecycle, 3);
    again.release();
    expect(await registered).toMatchObject({ secretGeneration: 2 });
    expect(await stale).toBeInstanceOf(WorkflowUpdateFailedError);
    expect(time.scripted.of('recordCredentials')).toEqual([]);
  });
});
