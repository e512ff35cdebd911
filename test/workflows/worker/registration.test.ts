import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { eventually } from '../../../dev/testing/eventually.js';
import { type TestLifecycle, MINUTE_MS, TimeSkipping } from '../../support/time-skipping.js';

let time: TimeSkipping;
beforeAll(async () => {
  time = await TimeSkipping.start();
});
afterEach(() => time.reset());
afterAll(() => time.stop());

/** The update failed, in the way that the API answers with 400, and the lifecycle goes on. */
async function expectRefused(update: Promise<unknown>, why: RegExp): Promise<void> {
  const failure = await update.then(
    () => null,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(WorkflowUpdateFailedError);
  const { cause } = failure as WorkflowUpdateFailedError;
  expect(cause).toBeInstanceOf(ApplicationFailure);
  expect(cause).toMatchObject({ type: 'Refused', message: expect.stringMatching(why) });
}

const generations = () =>
  [...time.scripted.of('recordRunning'), ...time.scripted.of('recordCredentials')].map(
    ({ args }) => args[0].secretGeneration,
  );

describe('a registration', () => {
  test('a registration repeated within 10 minutes before the credentials are used is accepted, with a new secret', async () => {
    const lifecycle = await time.startLifecycle();
    const first = await lifecycle.register();
    await time.pass(9 * MINUTE_MS);
    const second = await lifecycle.register();
    expect(second.secretGeneration).toBe(2);
    const [before, after] = time.scripted.of('recordRunning').map(({ args }) => args[0]);
    expect(after).toMatchObject({ secretGeneration: 2, registeredAt: before!.registeredAt });
    expect(second.expires).toBeGreaterThan(first.expires);
    await expectRefused(lifecycle.reregister(1), /replaced/);
  });

  test('a registration repeated after the credentials were used is rejected', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.register();
    await expectRefused(lifecycle.register(true), /in use/);
    expect(generations()).toEqual([1]);
  });

  test('a registration repeated after 10 minutes is rejected', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.register();
    await time.pass(10 * MINUTE_MS);
    await expectRefused(lifecycle.register(), /more than 10 minutes ago/);
  });

  test('a registration sent twice at once is answered twice, one after the other, and the later secret stands in the row', async () => {
    const lifecycle = await time.startLifecycle();
    const answers = await Promise.all([lifecycle.register(), lifecycle.register()]);
    expect(new Set(answers.map(({ secretGeneration }) => secretGeneration))).toEqual(new Set([1, 2]));
    expect(generations()).toEqual([1, 2]);
    const second = answers.find(({ secretGeneration }) => secretGeneration === 2)!;
    expect(await lifecycle.reregister(2)).toMatchObject({ secretGeneration: 3 });
    expect((await lifecycle.status()).deadline).toBeGreaterThanOrEqual(second.expires);
  });

  test('a registration is rejected when the worker is stopping', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.register();
    await lifecycle.remove();
    await expectRefused(lifecycle.register(), /stopping/);
    await expectRefused(lifecycle.reregister(1), /not running/);
    expect(generations()).toEqual([1]);
  });
});

describe('a re-registration', () => {
  test('a re-registration with the current secret gives the next one', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.register();
    expect(await lifecycle.reregister(1)).toMatchObject({ secretGeneration: 2 });
    expect(await lifecycle.reregister(2)).toMatchObject({ secretGeneration: 3 });
    expect(generations()).toEqual([1, 2, 3]);
  });

  test('a re-registration with the secret before gives the same answer again: it may have been lost', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.register();
    const answer = await lifecycle.reregister(1);
    expect(await lifecycle.reregister(1)).toEqual(answer);
    expect(await lifecycle.reregister(1)).toEqual(answer);
    expect(generations()).toEqual([1, 2]);
  });

  test('a re-registration with the secret before is rejected once the new one has been used', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.register();
    await lifecycle.reregister(1);
    await lifecycle.reregister(2);
    await expectRefused(lifecycle.reregister(1), /replaced/);
    expect(await lifecycle.reregister(2)).toMatchObject({ secretGeneration: 3 });
  });

  test('a re-registration with a secret that is older, later or missing is rejected', async () => {
    const lifecycle = await time.startLifecycle();
    await expectRefused(lifecycle.reregister(0), /not running/);
    await lifecycle.register();
    for (const generation of [0, -1, 2, 99, 0.5]) await expectRefused(lifecycle.reregister(generation), /replaced/);
  });
});

describe('malformed messages', () => {
  const nonsense: unknown[][] = [
    [],
    [null],
    [7],
    ['text'],
    [{}],
    [{ state: 7, reason: 7, secretGeneration: 'x', firstClaimAt: 'x' }],
  ];
  /** Wedged, it would neither answer a query nor an update. */
  const stillAnswers = async (lifecycle: TestLifecycle) => {
    expect(await lifecycle.register()).toMatchObject({ secretGeneration: 1 });
    const { events } = await lifecycle.handle.fetchHistory();
    expect((events ?? []).filter(({ workflowTaskFailedEventAttributes: failed }) => failed)).toEqual([]);
  };

  test.each(['reregister', 'updateWorker', 'remove'])(
    'a malformed message fails the update %s, and the workflow goes on',
    async (name) => {
      const lifecycle = await time.startLifecycle();
      for (const args of nonsense) {
        await expect(lifecycle.handle.executeUpdate(name, { args: args as [unknown] })).rejects.toThrow(
          WorkflowUpdateFailedError,
        );
      }
      await stillAnswers(lifecycle);
    },
  );

  test('a malformed message fails the update register, and the workflow goes on', async () => {
    const lifecycle = await time.startLifecycle();
    for (const args of [[], [null]] as [unknown][]) {
      await expect(lifecycle.handle.executeUpdate('register', { args })).rejects.toThrow(WorkflowUpdateFailedError);
    }
    await stillAnswers(lifecycle);
  });

  test.each(['observed', 'queueActivity'])('a malformed message is ignored as signal %s', async (name) => {
    const lifecycle = await time.startLifecycle();
    for (const args of nonsense) await lifecycle.handle.signal(name, ...(args as [unknown]));
    await stillAnswers(lifecycle);
    await time.pass(60 * MINUTE_MS);
    expect(await lifecycle.status()).toMatchObject({ state: 'running', stopReason: null });
  });
});

describe('a database that does not answer', () => {
  test('a registration waits until the database answers, and the lifecycle goes on', async () => {
    const lifecycle = await time.startLifecycle();
    // The local activity, then the patient one, several times.
    time.scripted.fail('recordRunning', 5);
    const answer = lifecycle.register();
    await eventually(() => time.scripted.of('recordRunning').length >= 2);
    await time.pass(5 * MINUTE_MS);
    expect(await answer).toMatchObject({ secretGeneration: 1 });
    expect(time.scripted.of('recordRunning')).toHaveLength(6);
    expect(await lifecycle.status()).toMatchObject({ state: 'running' });
  });

  test('the end of a lifecycle waits until the database answers, for as long as it takes', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.register();
    time.scripted.fail('recordStopping', 40);
    const removed = lifecycle.remove();
    await eventually(() => time.scripted.of('recordStopping').length >= 2);
    await time.pass(60 * MINUTE_MS);
    await removed;
    expect(time.scripted.of('recordStopping')).toHaveLength(41);
    await lifecycle.end();
  });
});
