import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../../../dev/testing/eventually.js';
import { betweenAttempts, noAnswer } from '../../support/stepwise-suite.js';
import { DAY_MS, HOUR_MS, type TestLifecycle, MINUTE_MS, TimeSkipping } from '../../support/time-skipping.js';

let time: TimeSkipping;
beforeAll(async () => {
  time = await TimeSkipping.start();
});
afterEach(() => time.reset());
afterAll(() => time.stop());

const stop = () => time.scripted.of('recordStopping')[0]?.args[1];
const lastStop = () => time.scripted.of('recordStopping').at(-1)?.args[1];
const removals = () => time.scripted.of('deleteResource').length;

async function running(): Promise<TestLifecycle> {
  const lifecycle = await time.startLifecycle();
  await lifecycle.register();
  return lifecycle;
}

describe('a removal', () => {
  test('a removal deletes a machine that has not registered like any other', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.remove('changed my mind');
    expect(stop()).toEqual({ reason: 'changed my mind', failure: null });
    await lifecycle.end();
    expect(time.scripted.names()).toEqual(['recordStopping', 'deleteResource', 'recordStopped']);
  });

  test('a removal is answered when the row says stopping, not before', async () => {
    const lifecycle = await running();
    let rowWritten = false;
    time.scripted.on('recordStopping', async () => {
      await eventually(() => removeSent);
      rowWritten = true;
      return false;
    });
    let removeSent = false;
    const removed = lifecycle.remove();
    removeSent = true;
    await removed;
    expect(rowWritten).toBe(true);
    expect(await lifecycle.status()).toMatchObject({ state: 'stopping' });
    await lifecycle.end();
  });

  test('a removal requested twice, and once more while the worker stops, is one removal, and the first reason stands', async () => {
    const lifecycle = await running();
    await Promise.all([lifecycle.remove('first'), lifecycle.remove('second')]);
    await lifecycle.remove('third');
    expect(time.scripted.of('recordStopping')).toHaveLength(1);
    expect(['first', 'second']).toContain(stop()!.reason);
    await lifecycle.end();
    expect(removals()).toBe(1);
  });

  test('a removal that stays unconfirmed is sent again after 1, 2 and 4 minutes, then every 5, and never given up', async () => {
    const lifecycle = await running();
    await lifecycle.remove();
    const requested: number[] = [];
    const begin = await time.now();
    time.scripted.on('deleteResource', async () => {
      requested.push((await time.now()) - begin);
    });
    await eventually(() => removals() === 1);
    await time.pass(27.5 * MINUTE_MS);
    // What was asked before the clock was read is not in `requested`, so it begins with the second.
    const minutes = requested.map((each) => Math.round(each / MINUTE_MS));
    expect(minutes.filter((minute) => minute > 0)).toEqual([1, 3, 7, 12, 17, 22, 27]);
    const before = removals();
    await time.pass(DAY_MS);
    expect(removals() - before).toBe(288);
    expect(await lifecycle.status()).toMatchObject({ state: 'stopping' });
    await lifecycle.end();
    expect(time.scripted.of('recordStopped')).toHaveLength(1);
  });

  test('a removal that stays unconfirmed is sent again no sooner than its provider says', async () => {
    const lifecycle = await time.startLifecycle({ removalRepeatMs: 2 * MINUTE_MS });
    await lifecycle.remove();
    const begin = await time.now();
    await eventually(() => removals() === 1);
    const requested: number[] = [];
    time.scripted.on('deleteResource', async () => {
      requested.push((await time.now()) - begin);
    });
    await time.pass(11.5 * MINUTE_MS);
    expect(requested.map((each) => Math.round(each / MINUTE_MS))).toEqual([2, 6, 11]);
    await lifecycle.end();
  });

  const sent = () => time.scripted.of('recordStopping').map(({ args: [worker] }) => worker.deletion?.step);

  test('a removal at a cloud that deletes singly sends its first deletion with the row that says stopping', async () => {
    const lifecycle = await time.startLifecycle({ deletesAtOnce: true });
    await lifecycle.remove();
    expect(sent()).toEqual(['machine']);
    await lifecycle.end();
    expect(time.scripted.names()).toEqual(['recordStopping', 'recordStopped']);
    expect(await lifecycle.events()).not.toContain('EVENT_TYPE_ACTIVITY_TASK_SCHEDULED');
  });

  test.each([
    ['is not accepted', async () => false],
    ['was sent by a process that knows nothing of it', () => Promise.reject(new Error('of whatever kind'))],
  ])('a removal whose deletion at once %s sends it by an activity after ten seconds', async (_what, isAccepted) => {
    time.scripted.on('isDeletionAccepted', isAccepted);
    const lifecycle = await time.startLifecycle({ deletesAtOnce: true });
    await lifecycle.remove();
    await time.pass(8_000);
    expect(removals()).toBe(0);
    await time.pass(4_000);
    await eventually(() => removals() === 1);
    await lifecycle.end();
    expect(time.scripted.names()).toEqual(['recordStopping', 'isDeletionAccepted', 'deleteResource', 'recordStopped']);
  });

  test('a removal whose deletion cannot be sent at once sends it by an activity without delay', async () => {
    time.scripted.on('recordStopping', async () => false);
    const lifecycle = await time.startLifecycle({ deletesAtOnce: true });
    await lifecycle.remove();
    await eventually(() => removals() === 1);
    await lifecycle.end();
    expect(time.scripted.names()).toEqual(['recordStopping', 'deleteResource', 'recordStopped']);
  });

  test('a machine that is seen gone is not deleted at once', async () => {
    const lifecycle = await time.startLifecycle({ deletesAtOnce: true });
    await lifecycle.end();
    expect(sent()).toEqual([undefined]);
  });

  test('a machine that is seen shutting down by itself is not deleted at once', async () => {
    const lifecycle = await time.startLifecycle({ deletesAtOnce: true });
    await lifecycle.observed('stopping', { reason: 'by itself' });
    await lifecycle.until({ state: 'stopping' });
    await lifecycle.end();
    expect(sent()).toEqual([undefined]);
  });

  test('a removal that was accepted at once and stays unconfirmed is sent again by an activity', async () => {
    const lifecycle = await time.startLifecycle({ deletesAtOnce: true });
    await lifecycle.remove();
    await time.pass(3.5 * MINUTE_MS);
    expect(time.scripted.of('isDeletionAccepted')).toHaveLength(1);
    expect(removals()).toBe(2);
    await lifecycle.end();
  });

  test('a removal that the cloud rejects for hours is retried until it is accepted', async () => {
    const lifecycle = await running();
    let broken = true;
    time.scripted.on('deleteResource', async () => {
      if (broken) throw new Error('the cloud is down');
    });
    await lifecycle.remove();
    await time.pass(6 * HOUR_MS);
    expect(await lifecycle.status()).toMatchObject({ state: 'stopping', removed: [] });
    const tries = removals();
    // 5 minutes at most between two tries.
    expect(tries).toBeGreaterThan(70);
    broken = false;
    await time.pass(6 * MINUTE_MS);
    expect(removals()).toBeGreaterThan(tries);
    await lifecycle.end();
  });

  test('a removal goes on within a fourth of the time that its cloud was away', async () => {
    const lifecycle = await running();
    const tries: number[] = [];
    time.scripted.on('deleteResource', async () => {
      tries.push(await time.now());
      throw new Error('the cloud is down');
    });
    await lifecycle.remove();
    await time.pass(10 * MINUTE_MS);
    const [first = 0] = tries;
    const waits = tries.slice(1).map((at, index) => ({ wait: at - tries[index]!, away: tries[index]! - first }));
    expect(waits.length).toBeGreaterThan(10);
    expect(waits.filter(({ wait, away }) => wait > 3_000 + away / 4 + time.toleranceMs())).toEqual([]);
    time.scripted.on('deleteResource', async () => {});
    await time.pass(5 * MINUTE_MS);
    await lifecycle.end();
  });

  test('a removal ends when a scan shows its machine gone, although the cloud refuses every call', async () => {
    const lifecycle = await running();
    time.scripted.on('deleteResource', () => Promise.reject(noAnswer()));
    await lifecycle.remove();
    await betweenAttempts(lifecycle);
    await lifecycle.observed('gone');
    // Until it is acted on the scan repeats it.
    await time.pass(MINUTE_MS);
    await lifecycle.end();
    expect(removals()).toBe(1);
    expect(time.scripted.names().at(-1)).toBe('recordStopped');
  });

  test('a removal follows from a cancellation in the Temporal UI', async () => {
    const lifecycle = await running();
    await lifecycle.handle.cancel();
    await lifecycle.until({ state: 'stopping' });
    await eventually(() => removals() === 1);
    expect(stop()).toEqual({ reason: 'cancelled in Temporal', failure: null });
    await lifecycle.remove('also by the API');
    await time.pass(HOUR_MS);
    expect((await lifecycle.handle.describe()).status.name).toBe('RUNNING');
    await lifecycle.end();
    expect(time.scripted.names().at(-1)).toBe('recordStopped');
  });

  test('a removal in the very moment of continue-as-new reaches the next run', async () => {
    const lifecycle = await running();
    await time.pass(25 * HOUR_MS);
    const [, removed] = await Promise.all(
      [lifecycle.reregister(1), lifecycle.remove('meanwhile')].map((each) =>
        each.then(
          () => true,
          () => false,
        ),
      ),
    );
    expect(removed).toBe(true);
    expect(await lifecycle.status()).toMatchObject({ state: 'stopping', stopReason: 'meanwhile' });
    await lifecycle.end();
    expect(time.scripted.of('recordStopping')).toHaveLength(1);
  });
});

describe('a machine that a scan sees', () => {
  test('a machine gone before it registered is a failure that the pool’s owner gets, and has nothing left to delete', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.observed('gone', { reason: 'Server.SpotInstanceTermination', cause: 'capacity' });
    await lifecycle.ended();
    expect(time.scripted.names()).toEqual(['recordStopping', 'recordStopped']);
    expect(stop()).toMatchObject({
      reason: 'Server.SpotInstanceTermination',
      failure: {
        kind: 'early-termination',
        description: expect.stringContaining('Server.SpotInstanceTermination'),
        failureClass: 'capacity',
        unregistered: true,
      },
    });
  });

  test('a machine gone before it registered is no failure where its row says stopping: its removal was not heard of', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.observed('gone', { removing: true });
    await lifecycle.ended();
    expect(stop()).toEqual({ reason: 'the machine is gone', failure: null });
  });

  test('a machine shutting down before it registered is a failure of its launch config', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.observed('stopping', { reason: 'Client.InternalError: Client error on launch' });
    await lifecycle.until({ state: 'stopping' });
    expect(stop()).toMatchObject({
      reason: 'Client.InternalError: Client error on launch',
      failure: { kind: 'early-termination', failureClass: 'other', unregistered: true },
    });
    await lifecycle.end();
  });

  test.each(['gone', 'failed'] as const)(
    'a worker preempted before it registered (its machine %s) makes no failure and no backoff, and ends',
    async (state) => {
      const lifecycle = await time.startLifecycle();
      await lifecycle.observed(state, { reason: 'preempted: wanted elsewhere', cause: 'preempted' });
      if (state === 'failed') {
        await eventually(() => removals() === 1);
        await lifecycle.observed('gone');
      }
      await lifecycle.ended();
      expect(stop()).toEqual({ reason: 'preempted: wanted elsewhere', failure: null, preempted: true });
    },
  );

  test('a running worker whose machine the cloud takes back ends as preempted, in the cloud’s words', async () => {
    const lifecycle = await running();
    await lifecycle.observed('gone', { reason: 'Server.SpotInstanceTermination', cause: 'preempted' });
    await lifecycle.ended();
    expect(stop()).toEqual({ reason: 'preempted: Server.SpotInstanceTermination', failure: null, preempted: true });
  });

  const vanishing = { vanishesWhenPreempted: true } as const;

  test.each([
    ['gone', null, 'preempted: the machine is gone'],
    ['stopping', 'its VM is gone', 'preempted: its VM is gone'],
  ] as const)(
    'a worker whose cloud deletes what it takes back ends as preempted when its machine is %s without our doing',
    async (state, said, reason) => {
      for (const isRegistered of [false, true]) {
        const lifecycle = await time.startLifecycle(vanishing);
        if (isRegistered) await lifecycle.register();
        await lifecycle.observed(state, said === null ? {} : { reason: said, cause: 'other' });
        await lifecycle.until({ stopReason: reason });
        await (state === 'gone' ? lifecycle.ended() : lifecycle.end());
        expect(lastStop()).toEqual({ reason, failure: null, preempted: true });
      }
    },
  );

  test('a worker whose cloud deletes what it takes back is not preempted when we removed it, or when it failed', async () => {
    const removed = await time.startLifecycle(vanishing);
    await removed.remove();
    await removed.end();
    expect(lastStop()).toEqual({ reason: 'by an operator', failure: null });
    const failed = await time.startLifecycle(vanishing);
    await failed.observed('failed', { reason: 'the VM is stopped', cause: 'other' });
    await failed.until({ state: 'stopping' });
    expect(lastStop()).toMatchObject({ reason: 'the VM is stopped', failure: { kind: 'early-termination' } });
    await failed.end();
  });

  test('a machine gone while it ran is no failure', async () => {
    const lifecycle = await running();
    await lifecycle.observed('gone');
    await lifecycle.ended();
    expect(stop()).toEqual({ reason: 'the machine is gone', failure: null });
    expect(removals()).toBe(0);
  });

  test('a machine gone while it is being removed ends the lifecycle', async () => {
    const lifecycle = await running();
    await lifecycle.remove();
    await lifecycle.observed('gone');
    await lifecycle.ended();
    expect(time.scripted.names().slice(-1)).toEqual(['recordStopped']);
  });

  test('a machine that is gone does not come back when an overlapping scan that listed earlier reports later', async () => {
    let written = () => {};
    const held = new Promise<boolean>((resolve) => {
      written = () => resolve(false);
    });
    time.scripted.on('recordStopping', () => held);
    const lifecycle = await running();
    await lifecycle.observed('gone');
    await lifecycle.observed('failed');
    written();
    await lifecycle.ended();
    expect(removals()).toBe(0);
  });

  test('a machine that failed before it registered is removed, and the owner gets an error', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.observed('failed', { reason: 'stopped by somebody' });
    await eventually(() => removals() === 1);
    expect(stop()).toMatchObject({ reason: 'stopped by somebody', failure: { kind: 'early-termination' } });
    await lifecycle.end();
  });

  test('a machine shutting down by itself is only watched, and deleted when that takes over a minute', async () => {
    const lifecycle = await running();
    await lifecycle.observed('stopping', { reason: 'Client.UserInitiatedShutdown' });
    await lifecycle.until({ state: 'stopping' });
    await time.pass(55_000);
    expect(removals()).toBe(0);
    await time.pass(10_000);
    await eventually(() => removals() === 1);
    await lifecycle.end();
    expect(stop()).toEqual({ reason: 'Client.UserInitiatedShutdown', failure: null });
  });

  test('a machine observed pending or running changes nothing', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.observed('pending');
    await lifecycle.observed('running');
    expect(await lifecycle.status()).toMatchObject({ state: 'requested', stopReason: null });
  });
});
