import { expect, test } from '@jest/globals';
import { incompleteLists } from '../../../../dev/chaos/scenarios/incomplete-lists.js';
import { googlePool, googleProviderConfig } from '../../../../dev/testing/google-pool.js';
import { SimulatedGoogle } from '../../../../dev/testing/simulated-google.js';
import { googleAt, newGoogleSpec } from '../../../support/google-harness.js';
import {
  deploymentIdOf,
  expectHeldByIncompleteList,
  knowLaunch,
  letTimePass,
  NO_SWEEPS,
  orphan,
  orphanVerdicts,
  sweepOrphans,
} from '../../../support/orphan-steps.js';
import { endPool, expectAllStopped, settled } from '../../../support/pool-steps.js';
import { recordedContext } from '../../../support/provider-context.js';
import { suiteOf } from '../../../support/suite.js';

const { system, newPool } = suiteOf('google/orphans', {
  providers: async (simulator) => ({ google: await googleProviderConfig(simulator) }),
  simulator: { googleInsertMs: 300, googleDeleteMs: 300, googleListDelayMs: 100 },
  config: NO_SWEEPS,
});
const google = () => new SimulatedGoogle(system().simulator);

test('a machine whose row was closed goes, and so does a disk of a known launch; the neighbour and others’ disks stay', async () => {
  const pool = newPool();
  await system().api.createPool(pool, googlePool({ minCapacity: 2 }));
  await settled(system(), pool, 2);
  await system().api.updatePool(pool, googlePool({ maxCapacity: 0 }));
  const [lost, kept] = await system().api.workers(pool);
  const ours = await deploymentIdOf(system());
  const deployments = [ours, ours, 'c0ffee00-0000-4000-8000-00000000beef'];
  const [known, unknown, foreign] = await Promise.all(deployments.map(keptDisk));
  await knowLaunch(system(), known!, pool);
  await orphan(system(), lost!, 'closed');
  await sweepOrphans(system());
  await letTimePass(system());
  expect(await sweepOrphans(system())).toMatchObject({ machines: 2, orphans: 3, removed: 2, failed: 0, held: [] });
  const left = async () => {
    const { instances, disks } = await google().state();
    const free = disks.filter(({ users }) => users.length === 0).map(({ name }) => name);
    return [...instances.map(({ id }) => id), ...free].toSorted();
  };
  await system().waitFor(async () => (await left()).length === 3, 'the end of the machine and of the disk');
  expect(await left()).toEqual([kept!.workerId, unknown!.disk, foreign!.disk].toSorted());
  await sweepOrphans(system());
  expect(Object.values(await orphanVerdicts(system()))).toEqual(['unknown']);
  await endPool(system(), pool, googlePool({ maxCapacity: 0 }));
});

test('a machine stays while a list over all zones does not reach another zone, also when that is confirmed, and goes then', async () => {
  const pool = newPool();
  await system().api.createPool(pool, googlePool({ minCapacity: 1 }));
  await settled(system(), pool, 1);
  await system().api.updatePool(pool, googlePool({ maxCapacity: 0 }));
  const [worker] = await system().api.workers(pool);
  await orphan(system(), worker!, 'closed');
  await expectHeldByIncompleteList(system(), worker!.workerId, () => incompleteLists.google.hide(system().simulator));
  expect(await sweepOrphans(system())).toMatchObject({ removed: 1, failed: 0, held: [] });
  await expectAllStopped(system(), pool);
});

/** A machine that a launch of this deployment made, and that is gone; its disk stays. */
async function keptDisk(deploymentId: string) {
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
  return { token: spec.token, location: machines[0]!.location, disk: name! };
}
