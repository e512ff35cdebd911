import { expect, test } from '@jest/globals';
import { googlePool, googleProviderConfig } from '../../../../dev/testing/google-pool.js';
import { SimulatedGoogle } from '../../../../dev/testing/simulated-google.js';
import { googleAt, newGoogleSpec } from '../../../support/google-harness.js';
import {
  deploymentIdOf,
  knowLaunch,
  letTimePass,
  NO_SWEEPS,
  orphan,
  orphanVerdicts,
  sweepOrphans,
} from '../../../support/orphan-steps.js';
import { endPool, settled } from '../../../support/pool-steps.js';
import { recordedContext } from '../../../support/provider-context.js';
import { suiteOf } from '../../../support/suite.js';

const { system, newPool } = suiteOf('google/orphans', {
  providers: async (simulator) => ({ google: await googleProviderConfig(simulator) }),
  simulator: { googleInsertMs: 300, googleDeleteMs: 300, googleListDelayMs: 100 },
  config: NO_SWEEPS,
});
const google = () => new SimulatedGoogle(system().simulator);

test('a machine whose row was closed goes, whichever zone it is in, and its neighbour stays', async () => {
  const pool = newPool();
  await system().api.createPool(pool, googlePool({ minCapacity: 2 }));
  await settled(system(), pool, 2);
  await system().api.updatePool(pool, googlePool({ maxCapacity: 0 }));
  const [lost, kept] = await system().api.workers(pool);
  await orphan(system(), lost!, 'closed');
  await sweepOrphans(system());
  await letTimePass(system());
  expect(await sweepOrphans(system())).toMatchObject({ machines: 2, removed: 1, failed: 0 });
  const ids = async () => (await google().state()).instances.map(({ id }) => id);
  await system().waitFor(async () => (await ids()).length === 1, 'the end of the machine');
  expect(await ids()).toEqual([kept!.workerId]);
  expect(await sweepOrphans(system())).toMatchObject({ orphans: 0 });
  await endPool(system(), pool, googlePool({ maxCapacity: 0 }));
});

test('a disk that outlived its machine is deleted, and one of an unknown launch or another deployment is not', async () => {
  const pool = newPool();
  await system().api.createPool(pool, googlePool({ minCapacity: 1 }));
  await settled(system(), pool, 1);
  const ours = await deploymentIdOf(system());
  const known = await keptDisk(ours);
  const unknown = await keptDisk(ours);
  const foreign = await keptDisk('c0ffee00-0000-4000-8000-00000000beef');
  await knowLaunch(system(), known.token, pool);
  await sweepOrphans(system());
  await letTimePass(system());
  expect(await sweepOrphans(system())).toMatchObject({ orphans: 2, removed: 1, failed: 0, held: [] });
  const disks = async () =>
    (await google().state()).disks.filter(({ users }) => users.length === 0).map(({ name }) => name);
  await system().waitFor(async () => (await disks()).length === 2, 'the end of the disk');
  expect((await disks()).toSorted()).toEqual([unknown.disk, foreign.disk].toSorted());
  await sweepOrphans(system());
  expect(Object.values(await orphanVerdicts(system()))).toEqual(['unknown']);
  await endPool(system(), pool, googlePool({ maxCapacity: 0 }));
});

/** A machine that a launch of this deployment made, and that is gone; its disk stays. */
async function keptDisk(deploymentId: string): Promise<{ token: string; disk: string }> {
  const { provider, launching } = await googleAt(system().simulator, {}, recordedContext({ deploymentId }));
  const spec = newGoogleSpec();
  const disks = (spec.configuration.disks as object[]).map((disk) => ({ ...disk, autoDelete: false }));
  const { machines } = await launching.submit(
    launching.prepare({ ...spec, configuration: { ...spec.configuration, disks } }),
  );
  const before = new Set((await google().state()).disks.map(({ name }) => name));
  await provider.machines!.deleteResource(machines[0]!, 'instance');
  const gone = async () => (await google().state()).instances.every(({ id }) => id !== machines[0]!.workerId);
  await system().waitFor(gone, 'the end of the machine');
  const { name } = machines[0]!.identityAttributes;
  expect(before.has(name!)).toBe(true);
  return { token: spec.token, disk: name! };
}
