import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { LifecycleInput } from '../../../temporal/messages.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { DAY_MS, HOUR_MS, type TestLifecycle, MINUTE_MS, TimeSkipping } from '../../support/time-skipping.js';

let time: TimeSkipping;
beforeAll(async () => {
  time = await TimeSkipping.start();
});
afterEach(() => time.reset());
afterAll(() => time.stop());

const stopped = () => {
  const [call] = time.scripted.of('recordStopping');
  if (!call) throw new Error('it was not stopped');
  const [, stop, at] = call.args;
  return { ...stop, at };
};
const expectStop = (reason: string, at: number) => {
  expect(stopped().reason).toBe(reason);
  expect(Math.abs(stopped().at - at)).toBeLessThan(time.toleranceMs());
};
const stillRuns = async (lifecycle: TestLifecycle) => {
  expect(await lifecycle.status()).toMatchObject({ state: 'running', stopReason: null });
};

describe('deadlines of a worker', () => {
  test('a machine that has not registered after 30 minutes is removed, and its pool’s owner gets an error', async () => {
    const lifecycle = await time.startLifecycle();
    const deadline = lifecycle.input.registrationDeadline!;
    await time.pass(29 * MINUTE_MS);
    expect(await lifecycle.status()).toMatchObject({ state: 'requested', stopReason: null });
    await time.passTo(deadline);
    await lifecycle.until({ state: 'stopping' });
    await lifecycle.end();
    expectStop('terminateAfter time exceeded', deadline);
    expect(stopped().failure).toMatchObject({
      kind: 'registration-timeout',
      failureClass: 'other',
      unregistered: true,
    });
    expect(time.scripted.names()).toEqual(['recordStopping', 'deleteResource', 'recordStopped']);
  });

  test.each(['pending', 'running', 'suspended'])(
    'a machine that has not registered in time is removed when the cloud shows it as %s all along',
    async (state) => {
      const lifecycle = await time.startLifecycle();
      const deadline = lifecycle.input.registrationDeadline!;
      for (let minutes = 0; minutes < 25; minutes += 5) {
        await lifecycle.observed(state);
        await time.pass(5 * MINUTE_MS);
      }
      expect(await lifecycle.status()).toMatchObject({ state: 'requested', stopReason: null });
      await time.passTo(deadline);
      await lifecycle.until({ state: 'stopping' });
      await lifecycle.end();
      expectStop('terminateAfter time exceeded', deadline);
    },
  );

  test.each(['pending', 'suspended'])(
    'a worker is removed when its credentials end and the cloud shows it as %s',
    async (state) => {
      const lifecycle = await time.startLifecycle();
      const { expires } = await lifecycle.register();
      await lifecycle.observed(state);
      await time.pass(95 * HOUR_MS);
      await lifecycle.observed(state);
      await stillRuns(lifecycle);
      await time.pass(1.1 * HOUR_MS);
      await lifecycle.until({ state: 'stopping' });
      expectStop('terminateAfter time exceeded', expires);
      await lifecycle.end();
    },
  );

  test('a machine may have longer to register than a single timer runs', async () => {
    const deadline = (await time.now()) + 31 * DAY_MS;
    const lifecycle = await time.startLifecycle({ registrationDeadline: deadline });
    await time.pass(30 * DAY_MS + HOUR_MS);
    expect(await lifecycle.status()).toMatchObject({ state: 'requested', stopReason: null });
    await time.passTo(deadline);
    await lifecycle.until({ state: 'stopping' });
    await lifecycle.end();
    expectStop('terminateAfter time exceeded', deadline);
  });

  test('a worker that does not register again is removed when its credentials end, after 96 hours', async () => {
    const lifecycle = await time.startLifecycle();
    const { expires } = await lifecycle.register();
    await time.pass(95 * HOUR_MS);
    await stillRuns(lifecycle);
    await time.pass(1.1 * HOUR_MS);
    await lifecycle.until({ state: 'stopping' });
    expectStop('terminateAfter time exceeded', expires);
    expect(stopped().failure).toBeNull();
    await lifecycle.end();
  });

  test('a re-registration moves the deadline, in the database too', async () => {
    const lifecycle = await time.startLifecycle();
    const first = await lifecycle.register();
    await time.pass(80 * HOUR_MS);
    const second = await lifecycle.reregister(1);
    expect(Math.abs(second.expires - first.expires - 80 * HOUR_MS)).toBeLessThan(time.toleranceMs());
    expect(time.scripted.of('recordCredentials')[0]!.args[0]).toMatchObject({
      terminateAfter: second.expires,
      secretGeneration: 2,
    });
    await time.pass(90 * HOUR_MS);
    await stillRuns(lifecycle);
    await time.pass(7 * HOUR_MS);
    await lifecycle.until({ state: 'stopping' });
    expectStop('terminateAfter time exceeded', second.expires);
    await lifecycle.end();
  });

  test('30 days with a re-registration every 3 days are several runs, and none forgets anything', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.register();
    const firstRun = (await lifecycle.handle.describe()).runId;
    let latest = { secretGeneration: 1, expires: 0 };
    const runs = new Set([firstRun]);
    for (let day = 3; day <= 30; day += 3) {
      await time.pass(3 * DAY_MS);
      latest = await lifecycle.reregister(latest.secretGeneration);
      expect(latest.secretGeneration).toBe(1 + day / 3);
      await lifecycle.until({ deadline: latest.expires, state: 'running' });
      runs.add((await lifecycle.handle.describe()).runId);
    }
    // Each re-registration is the first one after 24 hours of its run.
    expect(runs.size).toBe(11);
    await lifecycle.remove('old enough');
    await lifecycle.end();
    expect(time.scripted.of('recordRunning')).toHaveLength(1);
    expect(time.scripted.of('recordCredentials')).toHaveLength(10);
    expectStop('old enough', await time.now());
  });

  test('a run goes on when a worker re-registers within its first 24 hours', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.register();
    const { runId } = await lifecycle.handle.describe();
    await time.pass(23 * HOUR_MS);
    await lifecycle.reregister(1);
    expect((await lifecycle.handle.describe()).runId).toBe(runId);
  });
});

describe('inactivity', () => {
  const long: Partial<LifecycleInput> = {
    timing: { registrationMs: 30 * MINUTE_MS, reregistrationMs: 30 * DAY_MS, queueInactivityMs: 2 * HOUR_MS },
  };
  const short: Partial<LifecycleInput> = {
    timing: { registrationMs: 30 * MINUTE_MS, reregistrationMs: 30 * DAY_MS, queueInactivityMs: 20 * MINUTE_MS },
  };
  /** Answered after every signal that was sent before. */
  const settled = (lifecycle: TestLifecycle) => lifecycle.status();

  test('a worker of which the queue says nothing is never removed for it', async () => {
    const lifecycle = await time.startLifecycle(long);
    await lifecycle.register();
    await time.pass(29 * DAY_MS);
    expect(await lifecycle.status()).toMatchObject({ state: 'running', stopReason: null });
  });

  test('a worker that has never claimed a task is removed when two hours after its registration the queue says so', async () => {
    const lifecycle = await time.startLifecycle(long);
    await lifecycle.register();
    await time.pass(119 * MINUTE_MS);
    await lifecycle.queueActivity({ idle: true });
    await settled(lifecycle);
    await stillRuns(lifecycle);
    await time.pass(2 * MINUTE_MS);
    await lifecycle.queueActivity({ idle: true });
    await lifecycle.until({ state: 'stopping' });
    expect(stopped()).toMatchObject({ reason: 'worker inactive', failure: null });
    await lifecycle.end();
  });

  test('a worker that was active within its time is not removed, and one that was before it is', async () => {
    const lifecycle = await time.startLifecycle(long);
    await lifecycle.register();
    await time.pass(5 * HOUR_MS);
    const now = await time.now();
    await lifecycle.queueActivity({ firstClaimAt: now - 4 * HOUR_MS, lastActiveAt: now - 119 * MINUTE_MS, idle: true });
    await settled(lifecycle);
    await stillRuns(lifecycle);
    await lifecycle.queueActivity({ firstClaimAt: now - 4 * HOUR_MS, lastActiveAt: now - 121 * MINUTE_MS, idle: true });
    await lifecycle.until({ state: 'stopping' });
    expect(stopped().reason).toBe('worker inactive');
    await lifecycle.end();
  });

  test('a worker is not removed within 40 minutes, however short its pool’s timeout', async () => {
    const lifecycle = await time.startLifecycle(short);
    await lifecycle.register();
    await time.pass(39 * MINUTE_MS);
    await lifecycle.queueActivity({ idle: true });
    await settled(lifecycle);
    await stillRuns(lifecycle);
    await time.pass(2 * MINUTE_MS);
    await lifecycle.queueActivity({ idle: true });
    await lifecycle.until({ state: 'stopping' });
    expect(stopped().reason).toBe('worker inactive');
    await lifecycle.end();
  });

  test('a worker with a claimed task is not removed, however long it was silent', async () => {
    const lifecycle = await time.startLifecycle(short);
    await lifecycle.register();
    await time.pass(DAY_MS);
    await lifecycle.queueActivity({ idle: false });
    expect(await lifecycle.status()).toMatchObject({ state: 'running', stopReason: null });
  });

  test('a worker that has not registered is not removed for inactivity', async () => {
    const lifecycle = await time.startLifecycle({ ...short, registrationDeadline: (await time.now()) + DAY_MS });
    await time.pass(HOUR_MS);
    await lifecycle.queueActivity({ idle: true });
    expect(await lifecycle.status()).toMatchObject({ state: 'requested', stopReason: null });
  });

  test('a quarantine is recorded, and its end too', async () => {
    const lifecycle = await time.startLifecycle(long);
    await lifecycle.register();
    const until = (await time.now()) + HOUR_MS;
    await lifecycle.queueActivity({ quarantineUntil: until });
    await lifecycle.queueActivity({ quarantineUntil: null });
    await eventually(() => time.scripted.of('recordQuarantine').length === 2);
    expect(time.scripted.of('recordQuarantine').map(({ args }) => args[1])).toEqual([until, null]);
    await stillRuns(lifecycle);
  });
});
