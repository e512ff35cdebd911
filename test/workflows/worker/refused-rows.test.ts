import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { REFUSED_FOR_GOOD } from '../../../temporal/messages.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { MINUTE_MS, TimeSkipping } from '../../support/time-skipping.js';

let time: TimeSkipping;
beforeAll(async () => {
  time = await TimeSkipping.start();
});
afterEach(() => time.reset());
afterAll(() => time.stop());

const forGood = () => ApplicationFailure.nonRetryable('invalid byte sequence', REFUSED_FOR_GOOD);
const reasons = () => time.scripted.of('recordStopping').map(({ args }) => args[1].reason);

describe('a removal', () => {
  test.each([
    ['with a NUL', 'a\0b'],
    ['with half of a surrogate pair', '\ud800'],
    ['that is over 1,000 characters long', 'x'.repeat(1_001)],
  ])('a removal is rejected when its reason is a text %s', async (_what, reason) => {
    const lifecycle = await time.startLifecycle();
    await expect(lifecycle.remove(reason)).rejects.toThrow(WorkflowUpdateFailedError);
    expect(await lifecycle.status()).toMatchObject({ state: 'requested', stopReason: null });
  });

  test('a removal stops the worker with a plain reason when the database rejects its own for good', async () => {
    const lifecycle = await time.startLifecycle();
    time.scripted.fail('recordStopping', 1, forGood());
    await lifecycle.remove('refused');
    expect(reasons()).toEqual(['refused', 'its reason cannot be stored']);
    await lifecycle.end();
    expect(time.scripted.of('recordStopped')).toHaveLength(1);
  });

  test('a removal deletes the machine although the database rejects every row for good', async () => {
    const lifecycle = await time.startLifecycle();
    time.scripted.fail('recordStopping', 1);
    time.scripted.fail('recordStopping', 2, forGood());
    await lifecycle.remove('refused');
    expect(reasons()).toHaveLength(3);
    await eventually(() => time.scripted.of('deleteResource').length === 1);
    await lifecycle.end();
  });

  test('a removal ends the lifecycle only when the row says stopped, and tries that ever more rarely', async () => {
    const lifecycle = await time.startLifecycle();
    time.scripted.fail('recordStopping', 2, forGood());
    time.scripted.fail('recordStopped', 6, forGood());
    await lifecycle.remove('refused');
    await lifecycle.observed('gone');
    await lifecycle.until({ phase: 'gone, but the database refuses its row' });
    expect((await lifecycle.handle.describe()).status.name).toBe('RUNNING');
    const tries = () => time.scripted.of('recordStopped').length;
    const begun = await time.now();
    // 1 + 2 + 4 + 8 + 16 minutes.
    await time.passTo(begun + 30 * MINUTE_MS);
    expect(tries()).toBe(5);
    await time.passTo(begun + 40 * MINUTE_MS);
    expect(tries()).toBe(6);
    await time.passTo(begun + 70 * MINUTE_MS);
    await lifecycle.ended();
    expect(tries()).toBe(7);
  });
});

test('a registration whose row the database rejects for good is rejected once, and the lifecycle goes on', async () => {
  const lifecycle = await time.startLifecycle();
  time.scripted.fail('recordRunning', 1, forGood());
  await expect(lifecycle.register()).rejects.toThrow(WorkflowUpdateFailedError);
  expect(time.scripted.of('recordRunning')).toHaveLength(1);
  expect(await lifecycle.status()).toMatchObject({ state: 'requested' });
  expect(await lifecycle.register()).toMatchObject({ secretGeneration: 1 });
});

test('an observation gives its reason as the database can hold it', async () => {
  const lifecycle = await time.startLifecycle();
  await lifecycle.observed('failed', { reason: `a\0b\ud800${'x'.repeat(2_000)}` });
  await eventually(() => reasons().length === 1);
  const [reason] = reasons();
  expect([reason!.slice(0, 3), reason!.length, reason!.isWellFormed()]).toEqual(['ab\ufffd', 1_000, true]);
  await lifecycle.end();
});

test('an observation of more resources than any machine has is ignored', async () => {
  const lifecycle = await time.startLifecycle();
  const resources = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`step-${index}`, 'running']));
  await lifecycle.observed('running', { resources });
  expect(await lifecycle.status()).toMatchObject({ lastObservation: null });
});

test('lifecycles that wait for the database try again at different times', async () => {
  const lives = await Promise.all(Array.from({ length: 4 }, () => time.startLifecycle()));
  time.scripted.fail('recordStopping', lives.length);
  await Promise.all(lives.map((lifecycle) => lifecycle.observed('failed')));
  const policies = await Promise.all(
    lives.map((lifecycle) =>
      eventually(async () => {
        const { events } = await lifecycle.handle.fetchHistory();
        return events?.find((event) => event.activityTaskScheduledEventAttributes)?.activityTaskScheduledEventAttributes
          ?.retryPolicy;
      }),
    ),
  );
  const millis = (duration: { seconds?: unknown; nanos?: number | null } | null | undefined) =>
    Number(duration?.seconds ?? 0) * 1_000 + (duration?.nanos ?? 0) / 1e6;
  const first = policies.map(({ initialInterval }) => millis(initialInterval));
  const most = policies.map(({ maximumInterval }) => millis(maximumInterval));
  expect(new Set(first).size).toBe(lives.length);
  expect(new Set(most).size).toBe(lives.length);
  for (const each of first) expect(each >= 2_000 && each <= 4_000).toBe(true);
  for (const each of most) expect(each >= 150_000 && each <= 300_000).toBe(true);
  for (const lifecycle of lives) {
    await lifecycle.until({ state: 'stopping' });
    await lifecycle.end();
  }
});
