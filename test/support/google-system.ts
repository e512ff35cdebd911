import { expect } from '@jest/globals';
import { googleProviderConfig } from '../../dev/testing/google-pool.js';
import { SimulatedGoogle } from '../../dev/testing/simulated-google.js';
import type { SimulatorFlags } from '../../dev/testing/simulator.js';
import type { System, SystemOptions } from '../../dev/testing/system.js';
import { googleEvidence } from './google-evidence.js';

/** A deployment whose only cloud is Google, with operations that are over before they are first read. */
export const googleSystem = (simulatorFlags: SimulatorFlags = {}): SystemOptions => ({
  providers: async (simulator) => ({ google: await googleProviderConfig(simulator) }),
  simulator: { googleInsertMs: 500, googleDeleteMs: 500, googleStopMs: 200, ...simulatorFlags },
});

/** Machines and disks that still exist. External addresses go with their machine. */
export async function remainingInGoogle(system: System): Promise<string[]> {
  const { instances, disks } = await new SimulatedGoogle(system.simulator).state();
  return [...instances, ...disks].map(({ name }) => name);
}

/**
 * Nothing is left, whatever the file's tests launched was launched once and deleted once, and each machine that was
 * created has its row.
 */
export async function expectNothingLeft(system: System): Promise<void> {
  await system.waitFor(async () => (await remainingInGoogle(system)).length === 0, 'nothing to be left at Google');
  const { launchedTwice, deletedTwice, created } = googleEvidence(system.simulator.log());
  expect({ launchedTwice, deletedTwice }).toEqual({ launchedTwice: [], deletedTwice: [] });
  for (const [pool, ids] of created) {
    const workers = await system.api.workers(pool);
    expect([pool, workers.map(({ workerId }) => workerId).toSorted()]).toEqual([pool, ids.toSorted()]);
    expect([pool, new Set(workers.map(({ state }) => state))]).toEqual([pool, new Set(['stopped'])]);
  }
}
