import { afterAll, afterEach, beforeAll, jest } from '@jest/globals';
import { DatabaseLock } from './database-locks.js';
import { SYSTEM_TIMEOUT_MS } from '../../dev/testing/patience.js';
import { startSystem, type System, type SystemOptions } from '../../dev/testing/system.js';

export interface Suite {
  /** The file's system, once it runs: inside tests and hooks. */
  readonly system: () => System;
  /** The next id of a pool that no other test of the file uses. */
  readonly newPool: () => string;
}

/**
 * One whole system for all tests of a file, with machines that do not end of themselves. Faults and database locks that
 * a test leaves are ended after it.
 */
export function suiteOf(poolPrefix: string, options: SystemOptions = {}): Suite {
  let running: System | undefined;
  let pools = 0;
  const system = () => {
    if (!running) throw new Error('the system does not run yet');
    return running;
  };
  jest.setTimeout(SYSTEM_TIMEOUT_MS);
  beforeAll(async () => {
    running = await startSystem({ ...options, simulator: { idleMs: 600_000, ...options.simulator } });
  });
  afterEach(async () => {
    await DatabaseLock.releaseAll();
    await running?.simulator.clearFaults();
  });
  afterAll(async () => await running?.stop());
  return { system, newPool: () => `${poolPrefix}-${(pools += 1)}` };
}
