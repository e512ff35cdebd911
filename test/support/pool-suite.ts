import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { eventually } from '../../dev/testing/eventually.js';
import { ScriptedPool } from './scripted-pool.js';
import { TimeSkipping } from './time-skipping.js';

/** A scripted pool of each test's own, in time that leaps. */
export function poolSuite(prefix: string, providerIds?: readonly string[]) {
  let running: TimeSkipping;
  let scripted: ScriptedPool;
  let created = 0;
  beforeAll(async () => {
    running = await TimeSkipping.start(providerIds);
  });
  beforeEach(() => {
    scripted = new ScriptedPool(running, `proj/${prefix}-${(created += 1)}`);
  });
  afterEach(() => running.reset());
  afterAll(() => running.stop());

  const ended = (handle: WorkflowHandle) =>
    eventually(async () => (await handle.describe()).status.name !== 'RUNNING', { what: 'the end of the run' });

  /** Triggers a reconciliation and waits for its success. */
  async function reconcileOnce(): Promise<WorkflowHandle> {
    const handle = await scripted.reconcile();
    await ended(handle);
    expect((await handle.describe()).status.name).toBe('COMPLETED');
    return handle;
  }

  return { time: () => running, pool: () => scripted, ended, reconcileOnce };
}
