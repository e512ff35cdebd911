import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { LifecycleInput } from '../../../temporal/messages.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { DAY_MS, HOUR_MS, type Life, MINUTE_MS, TimeSkipping } from '../../support/time-skipping.js';

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
const stillRuns = async (life: Life) => {
  expect(await life.status()).toMatchObject({ state: 'running', stopReason: null });
};

describe('a deadline', () => {
  test('a machine that has not registered after 30 minutes is removed, and its pool’s owner hears of it', async () => {
    const life = await time.startLife();
    const deadline = life.input.registrationDeadline!;
    await time.pass(29 * MINUTE_MS);
    expect(await life.status()).toMatchObject({ state: 'requested', stopReason: null });
    await time.passTo(deadline);
    await life.until({ state: 'stopping' });
    await life.end();
    expectStop('terminateAfter time exceeded', deadline);
    expect(stopped().failure).toMatchObject({
      kind: 'registration-timeout',
      failureClass: 'other',
      unregistered: true,
    });
    expect(time.scripted.names()).toEqual(['recordStopping', 'removeResource', 'recordStopped']);
  });

  test.each(['pending', 'running', 'suspended'])(
    'removes a machine that has not registered in time and that the cloud shows as %s all along',
    async (state) => {
      const life = await time.startLife();
      const deadline = life.input.registrationDeadline!;
      for (let minutes = 0; minutes < 25; minutes += 5) {
        await life.observed(state);
        await time.pass(5 * MINUTE_MS);
      }
      expect(await life.status()).toMatchObject({ state: 'requested', stopReason: null });
      await time.passTo(deadline);
      await life.until({ state: 'stopping' });
      await life.end();
      expectStop('terminateAfter time exceeded', deadline);
    },
  );

  test.each(['pending', 'suspended'])(
    'removes a worker that the cloud shows as %s when its credentials end',
    async (state) => {
      const life = await time.startLife();
      const { expires } = await life.register();
      await life.observed(state);
      await time.pass(95 * HOUR_MS);
      await life.observed(state);
      await stillRuns(life);
      await time.pass(1.1 * HOUR_MS);
      await life.until({ state: 'stopping' });
      expectStop('terminateAfter time exceeded', expires);
      await life.end();
    },
  );

  test('a machine may have longer to register than a single timer runs', async () => {
    const deadline = (await time.now()) + 31 * DAY_MS;
    const life = await time.startLife({ registrationDeadline: deadline });
    await time.pass(30 * DAY_MS + HOUR_MS);
    expect(await life.status()).toMatchObject({ state: 'requested', stopReason: null });
    await time.passTo(deadline);
    await life.until({ state: 'stopping' });
    await life.end();
    expectStop('terminateAfter time exceeded', deadline);
  });

  test('a worker that does not register again is removed when its credentials end, after 96 hours', async () => {
    const life = await time.startLife();
    const { expires } = await life.register();
    await time.pass(95 * HOUR_MS);
    await stillRuns(life);
    await time.pass(1.1 * HOUR_MS);
    await life.until({ state: 'stopping' });
    expectStop('terminateAfter time exceeded', expires);
    expect(stopped().failure).toBeNull();
    await life.end();
  });

  test('a re-registration moves the deadline, in the books too', async () => {
    const life = await time.startLife();
    const first = await life.register();
    await time.pass(80 * HOUR_MS);
    const second = await life.reregister(1);
    expect(Math.abs(second.expires - first.expires - 80 * HOUR_MS)).toBeLessThan(time.toleranceMs());
    expect(time.scripted.of('recordCredentials')[0]!.args[0]).toMatchObject({
      terminateAfter: second.expires,
      secretGeneration: 2,
    });
    await time.pass(90 * HOUR_MS);
    await stillRuns(life);
    await time.pass(7 * HOUR_MS);
    await life.until({ state: 'stopping' });
    expectStop('terminateAfter time exceeded', second.expires);
    await life.end();
  });

  test('30 days with a re-registration every 3 days are several runs, and none forgets anything', async () => {
    const life = await time.startLife();
    await life.register();
    const firstRun = (await life.handle.describe()).runId;
    let latest = { secretGeneration: 1, expires: 0 };
    const runs = new Set([firstRun]);
    for (let day = 3; day <= 30; day += 3) {
      await time.pass(3 * DAY_MS);
      latest = await life.reregister(latest.secretGeneration);
      expect(latest.secretGeneration).toBe(1 + day / 3);
      await life.until({ deadline: latest.expires, state: 'running' });
      runs.add((await life.handle.describe()).runId);
    }
    // Each re-registration is the first one after 24 hours of its run.
    expect(runs.size).toBe(11);
    await life.remove('old enough');
    await life.end();
    expect(time.scripted.of('recordRunning')).toHaveLength(1);
    expect(time.scripted.of('recordCredentials')).toHaveLength(10);
    expectStop('old enough', await time.now());
  });

  test('a run goes on when a worker re-registers within its first 24 hours', async () => {
    const life = await time.startLife();
    await life.register();
    const { runId } = await life.handle.describe();
    await time.pass(23 * HOUR_MS);
    await life.reregister(1);
    expect((await life.handle.describe()).runId).toBe(runId);
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
  const settled = (life: Life) => life.status();

  test('a worker of which the queue says nothing is never removed for it', async () => {
    const life = await time.startLife(long);
    await life.register();
    await time.pass(29 * DAY_MS);
    expect(await life.status()).toMatchObject({ state: 'running', stopReason: null });
  });

  test('a worker that has never claimed a task is removed when two hours after its registration the queue says so', async () => {
    const life = await time.startLife(long);
    await life.register();
    await time.pass(119 * MINUTE_MS);
    await life.queueActivity({ idle: true });
    await settled(life);
    await stillRuns(life);
    await time.pass(2 * MINUTE_MS);
    await life.queueActivity({ idle: true });
    await life.until({ state: 'stopping' });
    expect(stopped()).toMatchObject({ reason: 'worker inactive', failure: null });
    await life.end();
  });

  test('a worker that was active within its time is not removed, and one that was before it is', async () => {
    const life = await time.startLife(long);
    await life.register();
    await time.pass(5 * HOUR_MS);
    const now = await time.now();
    await life.queueActivity({ firstClaimAt: now - 4 * HOUR_MS, lastActiveAt: now - 119 * MINUTE_MS, idle: true });
    await settled(life);
    await stillRuns(life);
    await life.queueActivity({ firstClaimAt: now - 4 * HOUR_MS, lastActiveAt: now - 121 * MINUTE_MS, idle: true });
    await life.until({ state: 'stopping' });
    expect(stopped().reason).toBe('worker inactive');
    await life.end();
  });

  test('a worker is not removed within 40 minutes, however short its pool’s timeout', async () => {
    const life = await time.startLife(short);
    await life.register();
    await time.pass(39 * MINUTE_MS);
    await life.queueActivity({ idle: true });
    await settled(life);
    await stillRuns(life);
    await time.pass(2 * MINUTE_MS);
    await life.queueActivity({ idle: true });
    await life.until({ state: 'stopping' });
    expect(stopped().reason).toBe('worker inactive');
    await life.end();
  });

  test('a worker with a claimed task is not removed, however long it was silent', async () => {
    const life = await time.startLife(short);
    await life.register();
    await time.pass(DAY_MS);
    await life.queueActivity({ idle: false });
    expect(await life.status()).toMatchObject({ state: 'running', stopReason: null });
  });

  test('a worker that has not registered is not removed for inactivity', async () => {
    const life = await time.startLife({ ...short, registrationDeadline: (await time.now()) + DAY_MS });
    await time.pass(HOUR_MS);
    await life.queueActivity({ idle: true });
    expect(await life.status()).toMatchObject({ state: 'requested', stopReason: null });
  });

  test('a quarantine is recorded, and its end too', async () => {
    const life = await time.startLife(long);
    await life.register();
    const until = (await time.now()) + HOUR_MS;
    await life.queueActivity({ quarantineUntil: until });
    await life.queueActivity({ quarantineUntil: null });
    await eventually(() => time.scripted.of('recordQuarantine').length === 2);
    expect(time.scripted.of('recordQuarantine').map(({ args }) => args[1])).toEqual([until, null]);
    await stillRuns(life);
  });
});
