import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { tsToMs } from '@temporalio/common/lib/time.js';
import { eventually } from '../../dev/testing/eventually.js';
import { ObservedCloud } from './observed-cloud.js';
import { type TestLifecycle, TimeSkipping } from './time-skipping.js';

/** Of a machine that is built step by step, in order. */
export const STEPS = ['publicIp', 'networkInterface', 'vm'];

/**
 * The next attempt is a day away. The test server loses an activity whose attempt fails after its cancellation: its
 * history never says that it ended, and a workflow that waits for that waits for ever. Its clock runs by itself, so
 * that an attempt which is seconds away comes in the middle of a test on a busy machine.
 */
export const noAnswer = () => ApplicationFailure.create({ message: 'no answer', nextRetryDelay: '1 day' });

/** Waits until the failure of the life's activity has arrived. The server calls it started between its attempts too. */
export const betweenAttempts = (lifecycle: TestLifecycle) =>
  eventually(
    async () => {
      const [activity] = (await lifecycle.handle.describe()).raw.pendingActivities ?? [];
      const { lastStartedTime, lastAttemptCompleteTime } = activity ?? {};
      if (!lastStartedTime || !lastAttemptCompleteTime) return false;
      return tsToMs(lastAttemptCompleteTime) >= tsToMs(lastStartedTime);
    },
    { what: 'an activity that waits for its next attempt' },
  );

/** Lives of such machines, each test's in a cloud of its own, in time that leaps. */
export function stepwiseSuite() {
  let running: TimeSkipping;
  let observed: ObservedCloud;
  beforeAll(async () => {
    running = await TimeSkipping.start();
  });
  beforeEach(() => {
    observed = new ObservedCloud(running, 'stepwise');
  });
  afterEach(() => running.reset());
  afterAll(() => running.stop());

  const time = () => running;
  const world = () => observed;
  const submitted = () => running.scripted.of('submitResource').map(({ args }) => args[1]);
  const removed = () => running.scripted.of('deleteResource').map(({ args }) => args[1]);
  const stop = () => running.scripted.of('recordStopping')[0]!.args[1];

  /** Waits for a resource to be submitted, and lets the cloud finish it in this state. */
  async function finish(
    lifecycle: TestLifecycle,
    step: string,
    state: 'running' | 'failed',
    reason?: string,
  ): Promise<void> {
    await eventually(() => observed.cloud.get(lifecycle.input.workerId)?.resources.get(step) === 'pending');
    observed.cloud.finishPending(lifecycle.input.workerId, step, state, reason);
    await observed.scan(lifecycle);
  }

  /** Scans every 5 seconds until the life has ended. Gives the number of scans. */
  async function followRemoval(lifecycle: TestLifecycle, maxScans = 300): Promise<number> {
    for (let scans = 0; scans < maxScans; scans += 1) {
      if ((await lifecycle.handle.describe()).status.name === 'COMPLETED') return scans;
      await observed.scan(lifecycle);
      await running.pass(5_000);
    }
    throw new Error(`it did not end; removed: ${removed().join(' ')}`);
  }

  return { time, world, submitted, removed, stop, finish, followRemoval };
}
