import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { eventually } from './eventually.js';
import { ObservedCloud } from './observed-cloud.js';
import { type Life, TimeSkipping } from './time-skipping.js';

/** Of a machine that is built step by step, in order. */
export const STEPS = ['publicIp', 'networkInterface', 'vm'];

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
  const removed = () => running.scripted.of('removeResource').map(({ args }) => args[1]);
  const stop = () => running.scripted.of('recordStopping')[0]!.args[1];

  /** Waits for a resource to be submitted, and lets the cloud finish it in this state. */
  async function finish(life: Life, step: string, state: 'running' | 'failed', reason?: string): Promise<void> {
    await eventually(() => observed.cloud.get(life.input.workerId)?.resources.get(step) === 'pending');
    observed.cloud.settle(life.input.workerId, step, state, reason);
    await observed.scan(life);
  }

  /** Scans every 5 seconds until the life has ended. */
  async function followRemoval(life: Life, mostScans = 300): Promise<void> {
    for (let scans = 0; scans < mostScans; scans += 1) {
      if ((await life.handle.describe()).status.name === 'COMPLETED') return;
      await observed.scan(life);
      await running.pass(5_000);
    }
    throw new Error(`it did not end; removed: ${removed().join(' ')}`);
  }

  return { time, world, submitted, removed, stop, finish, followRemoval };
}
