import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { MACHINES_AWAITED } from '../../temporal/messages.js';
import type { workflowTypes } from '../../temporal/names.js';
import { eventually } from '../../dev/testing/eventually.js';
import { MINUTE_MS, TimeSkipping } from '../support/time-skipping.js';

let time: TimeSkipping;
let created = 0;
beforeAll(async () => {
  time = await TimeSkipping.start();
});
afterEach(() => time.reset());
afterAll(() => time.stop());

const start = (type: keyof typeof workflowTypes, ...args: unknown[]) =>
  time.startWorkflow(type, `${type}-${(created += 1)}`, args);
const statusOf = async (handle: WorkflowHandle) => (await handle.describe()).status.name;
const ended = async (handle: WorkflowHandle) => {
  await eventually(async () => (await statusOf(handle)) !== 'RUNNING', { what: 'the end' });
  return await statusOf(handle);
};

describe('poolCron', () => {
  test('poolCron requests a reconciliation of its pool, and ends', async () => {
    const handle = await start('poolCron', { workerPoolId: 'proj/pool' });
    expect(await ended(handle)).toBe('COMPLETED');
    expect(time.scripted.calls).toEqual([{ activity: 'requestReconcile', args: ['proj/pool', 'cron'] }]);
  });

  test('poolCron tries three times, then fails', async () => {
    time.scripted.fail('requestReconcile', 1_000);
    expect(await ended(await start('poolCron', { workerPoolId: 'proj/pool' }))).toBe('FAILED');
    expect(time.scripted.of('requestReconcile')).toHaveLength(3);
  });
});

describe('watchDemand', () => {
  test('watchDemand polls all pools once and gives the counts', async () => {
    const counts = { pools: 3, triggered: 2, unanswered: 1, quiet: 0 };
    time.scripted.on('pollDemand', async () => counts);
    const handle = await start('watchDemand');
    expect(await handle.result()).toEqual(counts);
    expect(time.scripted.names()).toEqual(['pollDemand']);
  });

  test('watchDemand tries twice, then fails: the next poll is seconds away', async () => {
    time.scripted.fail('pollDemand', 1_000);
    const handle = await start('watchDemand');
    await time.pass(MINUTE_MS);
    expect(await ended(handle)).toBe('FAILED');
    expect(time.scripted.of('pollDemand')).toHaveLength(2);
  });
});

describe('scanProvider', () => {
  /** When scans that follow ran, by the server's clock. */
  let reconciledAt: number[];
  /** What scans that follow answer: how many lifecycles still wait, and so when the next one is wanted. */
  const awaits = (awaited: (scan: number) => number, nextScanMs: number) => {
    reconciledAt = [];
    time.scripted.on('followProvider', async () => {
      reconciledAt.push(await time.now());
      if (awaited(reconciledAt.length) === 0) return { machines: 9, signalled: 0, refused: 0, unowned: 0, awaited: 0 };
      throw ApplicationFailure.create({ type: MACHINES_AWAITED, nextRetryDelay: nextScanMs });
    });
  };
  const follow = () => start('scanProvider', { providerId: 'cloud', follow: true });

  test('scanProvider scans once when its Schedule starts it, whatever it sees', async () => {
    time.scripted.on('observeProvider', async () => ({
      machines: 9,
      signalled: 0,
      refused: 0,
      unowned: 0,
      awaited: 7,
    }));
    expect(await ended(await start('scanProvider', { providerId: 'cloud', follow: false }))).toBe('COMPLETED');
    expect(time.scripted.calls).toEqual([{ activity: 'observeProvider', args: ['cloud'] }]);
  });

  test.each([2_000, 5_000])(
    'scanProvider that follows removals scans every %i ms until no lifecycle waits for it',
    async (everyMs) => {
      awaits((scan) => 4 - scan, everyMs);
      const handle = await follow();
      await time.pass(4 * everyMs);
      expect(await ended(handle)).toBe('COMPLETED');
      expect(reconciledAt).toHaveLength(4);
      for (const [scan, at] of reconciledAt.slice(1).entries())
        expect(at - reconciledAt[scan]!).toBeGreaterThanOrEqual(everyMs);
      expect(reconciledAt.at(-1)! - reconciledAt[0]!).toBeLessThan(3 * everyMs + time.toleranceMs());
      // Polls leave no trace in the history.
      expect((await handle.fetchHistory()).events).toHaveLength(11);
    },
  );

  test('scanProvider that follows removals ends within two minutes when a machine never goes', async () => {
    awaits(() => 1, 5_000);
    const handle = await follow();
    await time.pass(2.5 * MINUTE_MS);
    expect(await ended(handle)).toBe('COMPLETED');
    const { startTime, closeTime } = await handle.describe();
    const lasted = closeTime!.getTime() - startTime.getTime();
    expect(lasted).toBeGreaterThan(2 * MINUTE_MS - 5_000 - time.toleranceMs());
    expect(lasted).toBeLessThan(2 * MINUTE_MS + time.toleranceMs());
    // Each scan, and the answer to it, takes some of the two minutes.
    expect(reconciledAt.length).toBeGreaterThan(24 - time.toleranceMs() / 5_000 - 1);
    expect(reconciledAt.length).toBeLessThanOrEqual(24);
  });

  test('scanProvider that follows removals goes on after scans that failed, and fails when the last one did', async () => {
    awaits((scan) => 2 - scan, 5_000);
    time.scripted.fail('followProvider', 10);
    const first = await follow();
    await time.pass(MINUTE_MS);
    expect(await ended(first)).toBe('COMPLETED');
    time.scripted.fail('followProvider', 1_000);
    const handle = await follow();
    await time.pass(2.5 * MINUTE_MS);
    expect(await ended(handle)).toBe('FAILED');
  });

  test('scanProvider fails when the cloud cannot be listed for 6 minutes', async () => {
    time.scripted.fail('observeProvider', 1_000);
    const handle = await start('scanProvider', { providerId: 'cloud', follow: false });
    await time.pass(7 * MINUTE_MS);
    expect(await ended(handle)).toBe('FAILED');
  });
});

describe('sweep', () => {
  const DUTIES = [
    'expireRows',
    'mailErrors',
    'reconcileSchedules',
    'removeDeletedPools',
    'replaceWedgedLifecycles',
    'startMissingLifecycles',
    'sweepOrphans',
    'vacuumDatabase',
  ] as const;

  test('sweep does all its duties', async () => {
    expect(await ended(await start('sweep'))).toBe('COMPLETED');
    expect(time.scripted.names().toSorted()).toEqual(DUTIES);
  });

  test('sweep with a request sweeps orphans as it says, does nothing else, and gives the counts', async () => {
    const counts = { machines: 9, orphans: 2, adopted: 0, removed: 1, failed: 0, held: [] };
    const request = { isDryRun: false, confirmed: 1, clientId: 'operator' };
    time.scripted.on('sweepOrphans', async () => counts);
    const handle = await start('sweep', request);
    expect(await handle.result()).toEqual(counts);
    expect(time.scripted.calls).toEqual([{ activity: 'sweepOrphans', args: [request] }]);
  });

  test('sweep vacuums after the deletes, and both end within the 10 minutes of its Schedule whatever they take', async () => {
    const handle = await start('sweep');
    expect(await ended(handle)).toBe('COMPLETED');
    const { events } = await handle.fetchHistory();
    const limits = new Map(
      (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
        scheduled ? [[scheduled.activityType?.name, Number(scheduled.scheduleToCloseTimeout?.seconds)] as const] : [],
      ),
    );
    const deletes = Math.max(limits.get('expireRows')!, limits.get('removeDeletedPools')!);
    expect(deletes + limits.get('vacuumDatabase')!).toBeLessThan(9 * 60);
    expect(time.scripted.names().at(-1)).toBe('vacuumDatabase');
  });

  test.each(DUTIES)('sweep does all other duties and fails when %s fails three times', async (duty) => {
    time.scripted.fail(duty, 1_000);
    const handle = await start('sweep');
    await time.pass(MINUTE_MS);
    expect(await ended(handle)).toBe('FAILED');
    for (const each of DUTIES) expect([each, time.scripted.of(each).length]).toEqual([each, each === duty ? 3 : 1]);
  });

  test.each(DUTIES)('sweep does all other duties while %s hangs', async (duty) => {
    const hangs = Promise.withResolvers<never>();
    time.scripted.on(duty, () => hangs.promise);
    const handle = await start('sweep');
    // Vacuuming comes after the deletes.
    const others = DUTIES.filter((each) => each !== duty && each !== 'vacuumDatabase');
    await eventually(() => others.every((each) => time.scripted.of(each).length === 1));
    hangs.reject(ApplicationFailure.nonRetryable('over'));
    expect(await ended(handle)).toBe('FAILED');
  });
});
