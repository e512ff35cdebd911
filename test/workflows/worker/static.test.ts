import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { LifecycleInput, StaticWorker } from '../../../temporal/messages.js';
import { DAY_MS, type TestLifecycle, MINUTE_MS, TimeSkipping } from '../../support/time-skipping.js';

let time: TimeSkipping;
beforeAll(async () => {
  time = await TimeSkipping.start();
});
afterEach(() => time.reset());
afterAll(() => time.stop());

async function startStatic(livesMs: number): Promise<{ lifecycle: TestLifecycle; first: StaticWorker }> {
  const first = { expires: (await time.now()) + livesMs, capacity: 4, secretFingerprint: 'fingerprint' };
  const input: Partial<LifecycleInput> = {
    providerId: 'hand',
    launchConfigId: null,
    launchToken: null,
    registrationDeadline: null,
    removalSteps: [],
    static: first,
  };
  const lifecycle = await time.startLifecycle(input);
  await lifecycle.until({ state: 'running', phase: 'waiting' });
  return { lifecycle, first };
}
const update = (lifecycle: TestLifecycle, next: StaticWorker) =>
  lifecycle.handle.executeUpdate('updateWorker', { args: [next] });

describe('a static worker', () => {
  test('a static worker is running from the start, and its row is the first thing that is written', async () => {
    const { lifecycle, first } = await startStatic(DAY_MS);
    expect(time.scripted.names()).toEqual(['recordStatic']);
    const [input, written] = time.scripted.of('recordStatic')[0]!.args;
    expect([input.workerId, written]).toEqual([lifecycle.input.workerId, first]);
    expect(await lifecycle.status()).toMatchObject({ state: 'running', deadline: first.expires });
  });

  test('a static worker ends when it expires, without a call to a cloud', async () => {
    const { lifecycle, first } = await startStatic(40 * DAY_MS);
    await time.pass(39.9 * DAY_MS);
    expect(await lifecycle.status()).toMatchObject({ state: 'running' });
    await time.pass(0.2 * DAY_MS);
    await lifecycle.ended();
    expect(time.scripted.names()).toEqual(['recordStatic', 'recordStopping', 'recordStopped']);
    const [, stop, at] = time.scripted.of('recordStopping')[0]!.args;
    expect(stop).toEqual({ reason: 'terminateAfter time exceeded', failure: null });
    expect(Math.abs(at - first.expires)).toBeLessThan(time.toleranceMs());
  });

  test('a static worker that may live until the year 9999 outlives every single timer, and can still be changed and removed', async () => {
    const { lifecycle, first } = await startStatic(Date.UTC(9999, 11, 31) - (await time.now()));
    await time.pass(100 * DAY_MS);
    expect(await lifecycle.status()).toMatchObject({ state: 'running', deadline: first.expires });
    await update(lifecycle, { ...first, capacity: 5 });
    await time.pass(31 * DAY_MS);
    expect(await lifecycle.status()).toMatchObject({ state: 'running', deadline: first.expires });
    await lifecycle.remove('no longer needed');
    await lifecycle.ended();
    expect(time.scripted.of('recordStopped')).toHaveLength(1);
  });

  test('a static worker registers as often as it likes, which leaves its end where its user set it', async () => {
    const { lifecycle, first } = await startStatic(30 * DAY_MS);
    expect(await lifecycle.register()).toMatchObject({ secretGeneration: 1 });
    await time.pass(DAY_MS);
    expect(await lifecycle.register(true)).toMatchObject({ secretGeneration: 2 });
    await time.pass(MINUTE_MS);
    expect(await lifecycle.reregister(2)).toMatchObject({ secretGeneration: 3 });
    expect(time.scripted.of('recordRunning').map(({ args }) => args[0].terminateAfter)).toEqual([null, null]);
    expect(time.scripted.of('recordCredentials')[0]!.args[0].terminateAfter).toBeNull();
    await lifecycle.until({ state: 'running', deadline: first.expires });
  });

  test('a static worker gets credentials for as long as its pool says, also when an answer is given again', async () => {
    const { lifecycle } = await startStatic(30 * DAY_MS);
    await lifecycle.register();
    const answers = [await lifecycle.reregister(1), await lifecycle.reregister(1)];
    for (const { secretGeneration, expires } of answers) {
      expect(secretGeneration).toBe(2);
      expect(Math.abs(expires - (await time.now()) - lifecycle.input.timing.reregistrationMs)).toBeLessThan(
        time.toleranceMs(),
      );
    }
  });

  test('a static worker is never removed for inactivity', async () => {
    const { lifecycle } = await startStatic(30 * DAY_MS);
    await lifecycle.register();
    await time.pass(28 * DAY_MS);
    await lifecycle.queueActivity({ idle: true });
    await time.pass(DAY_MS);
    expect(await lifecycle.status()).toMatchObject({ state: 'running', stopReason: null });
  });

  test('a static worker gets another end from its user, and keeps it', async () => {
    const { lifecycle, first } = await startStatic(DAY_MS);
    const next = { expires: first.expires + DAY_MS, capacity: 2, secretFingerprint: 'another' };
    await update(lifecycle, next);
    const [, written] = time.scripted.of('recordStaticChange')[0]!.args;
    expect(written).toEqual(next);
    await time.pass(1.5 * DAY_MS);
    expect(await lifecycle.status()).toMatchObject({ state: 'running', deadline: next.expires });
    await time.pass(0.6 * DAY_MS);
    await lifecycle.ended();
  });

  test('a static worker stops at once when its user sets its end into the past', async () => {
    const { lifecycle, first } = await startStatic(DAY_MS);
    await update(lifecycle, { ...first, expires: (await time.now()) - DAY_MS });
    await time.pass(1_000);
    await lifecycle.ended();
    expect(time.scripted.names().slice(-2)).toEqual(['recordStopping', 'recordStopped']);
  });

  test('a removed static worker is stopped without a call to a cloud', async () => {
    const { lifecycle } = await startStatic(DAY_MS);
    await lifecycle.remove('taken out of the rack');
    await lifecycle.ended();
    expect(time.scripted.names()).toEqual(['recordStatic', 'recordStopping', 'recordStopped']);
  });

  test('a static worker keeps its user’s changes when its run continues as new', async () => {
    const { lifecycle, first } = await startStatic(30 * DAY_MS);
    await lifecycle.register();
    await update(lifecycle, { ...first, expires: first.expires + DAY_MS });
    const { runId } = await lifecycle.handle.describe();
    await time.pass(2 * DAY_MS);
    await lifecycle.reregister(1);
    await lifecycle.until({ phase: 'waiting', state: 'running', deadline: first.expires + DAY_MS });
    expect((await lifecycle.handle.describe()).runId).not.toBe(runId);
    expect(time.scripted.of('recordStatic')).toHaveLength(1);
  });

  test('an update of a cloud worker is rejected: only a static worker can be changed', async () => {
    const { first } = await startStatic(DAY_MS);
    const cloudWorker = await time.startLifecycle();
    await cloudWorker.register();
    await expect(update(cloudWorker, first)).rejects.toThrow(WorkflowUpdateFailedError);
    expect(time.scripted.of('recordStaticChange')).toEqual([]);
  });
});
