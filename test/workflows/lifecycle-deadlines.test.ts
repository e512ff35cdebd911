import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { LifecycleInput } from '../../temporal/messages.js';
import { DAY_MS, HOUR_MS, type Life, MINUTE_MS, TimeSkipping } from '../support/time-skipping.js';

let time: TimeSkipping;
beforeAll(async () => {
  time = await TimeSkipping.start();
});
afterEach(() => time.reset());
afterAll(() => time.stop());

/** How exact an instant can be: the server's clock also runs by itself, and each step takes real time. */
const EXACT_MS = 5_000;

const stopped = () => {
  const [call] = time.scripted.of('recordStopping');
  if (!call) throw new Error('it was not stopped');
  const [, stop, at] = call.args;
  return { ...stop, at };
};
const expectStop = (reason: string, at: number) => {
  expect(stopped().reason).toBe(reason);
  expect(Math.abs(stopped().at - at)).toBeLessThan(EXACT_MS);
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
    await time.pass(2 * MINUTE_MS);
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

  test('a machine may have longer to register than a single timer runs', async () => {
    const life = await time.startLife({ registrationDeadline: (await time.now()) + 45 * DAY_MS });
    await time.pass(44 * DAY_MS);
    expect(await life.status()).toMatchObject({ state: 'requested', stopReason: null });
    await time.pass(2 * DAY_MS);
    await life.until({ state: 'stopping' });
    await life.end();
    expectStop('terminateAfter time exceeded', life.input.registrationDeadline!);
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
    expect(Math.abs(second.expires - first.expires - 80 * HOUR_MS)).toBeLessThan(EXACT_MS);
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

  test('a worker of which the queue says nothing is never removed for it', async () => {
    const life = await time.startLife(long);
    await life.register();
    await time.pass(29 * DAY_MS);
    expect(await life.status()).toMatchObject({ state: 'running', stopReason: null });
  });

  test('a worker that never claims a task is removed two hours after its registration', async () => {
    const life = await time.startLife(long);
    const { expires } = await life.register();
    const registeredAt = expires - 30 * DAY_MS;
    await time.pass(HOUR_MS);
    await life.queueActivity(null, null);
    await time.pass(58 * MINUTE_MS);
    await stillRuns(life);
    await time.pass(3 * MINUTE_MS);
    await life.until({ state: 'stopping' });
    expectStop('worker inactive', registeredAt + 2 * HOUR_MS);
    await life.end();
  });

  test('a worker that stopped claiming is removed two and a half hours after its last activity', async () => {
    const life = await time.startLife(long);
    await life.register();
    await time.pass(HOUR_MS);
    const lastActive = await time.now();
    await life.queueActivity(lastActive - MINUTE_MS, lastActive);
    await time.pass(2 * HOUR_MS + 29 * MINUTE_MS);
    await stillRuns(life);
    await time.pass(2 * MINUTE_MS);
    await life.until({ state: 'stopping' });
    expectStop('worker inactive', lastActive + 150 * MINUTE_MS);
    await life.end();
  });

  test('a claim that comes meanwhile moves the instant', async () => {
    const life = await time.startLife(long);
    await life.register();
    await life.queueActivity(null, null);
    await time.pass(1.9 * HOUR_MS);
    const claimed = await time.now();
    await life.queueActivity(claimed, claimed);
    await time.pass(2 * HOUR_MS);
    await stillRuns(life);
    await time.pass(HOUR_MS);
    await life.until({ state: 'stopping' });
    expectStop('worker inactive', claimed + 150 * MINUTE_MS);
    await life.end();
  });

  test('what the queue said is not forgotten when a run hands over to the next', async () => {
    const life = await time.startLife(long);
    await life.register();
    await time.pass(25 * HOUR_MS);
    const lastActive = await time.now();
    await life.queueActivity(lastActive, lastActive);
    const { expires } = await life.reregister(1);
    await life.until({ deadline: expires });
    await time.pass(151 * MINUTE_MS);
    await life.until({ state: 'stopping' });
    expectStop('worker inactive', lastActive + 150 * MINUTE_MS);
    await life.end();
  });
});
