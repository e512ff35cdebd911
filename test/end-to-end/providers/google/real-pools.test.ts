import { expect } from '@jest/globals';
import { inParallel } from '../../../../activities/support/in-parallel.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { SimulatedGoogle } from '../../../../dev/testing/simulated-google.js';
import { amidCrashes } from '../../../support/crashes.js';
import { googleEvidence } from '../../../support/google-evidence.js';
import { expectNothingLeft, googleSystem } from '../../../support/google-system.js';
import { proofSize } from '../../../support/long.js';
import { machinesOf, restart } from '../../../support/pool-steps.js';
import { seededRandom } from '../../../support/seeded-random.js';
import { isGooglePool, type RealPool, realPools, testRealData } from '../../../support/shared-data.js';
import { suiteOf } from '../../../support/suite.js';

/** The seed is in the test's name, and `CRASH_SEED` repeats it. */
const form = proofSize({
  // Spot machines that are stopped, and such that are deleted; without spot, with local disks; of one zone's types
  // only.
  short: {
    ids: [
      ...['gecko-t/t-linux-kvm-gcp', 'proj-wpt/ci', 'proj-fuzzing/ci-arm64', 'proj-bergamot/ci-linux'],
      'translations-1/b-linux-v100-gpu-4-1tb-standard',
    ],
    ...{ machines: 5, crashes: 3, withinMs: 360_000 },
  },
  long: { ids: null, machines: 40, crashes: 20, withinMs: 1_800_000 },
});
const { crashes, withinMs } = form;
const seed = Number(process.env['CRASH_SEED'] ?? 20_261_128);
/** Between two crashes, at least and at most. */
const PAUSE_MS = [1_000, 6_000] as const;

const { system } = suiteOf('google/real', googleSystem());
const google = () => new SimulatedGoogle(system().simulator);

interface TestPool {
  readonly id: string;
  readonly size: number;
  /** Whether Google may preempt all of its machines. */
  readonly isSpot: boolean;
  readonly definition: (capacity: number) => object;
}

/** Real pools under their own ids; some of them were defined twice, at different times. */
function testPools(): TestPool[] {
  const pools = new Map<string, TestPool>();
  for (const { workerPoolId, config, ...pool } of realPools().filter(isGooglePool)) {
    if (form.ids && (!form.ids.includes(workerPoolId) || pools.has(workerPoolId))) continue;
    const id = pools.has(workerPoolId) ? `${workerPoolId}-again` : workerPoolId;
    const definition = (capacity: number) => ({
      ...pool,
      providerId: 'google',
      config: { ...config, minCapacity: capacity, maxCapacity: capacity },
    });
    pools.set(id, { id, size: sizeOf(config), isSpot: isSpot(config), definition });
  }
  return [...pools.values()];
}

const sizeOf = ({ maxCapacity = 1 }: RealPool['config'] & { maxCapacity?: number }): number =>
  Math.min(form.machines, Math.max(maxCapacity, 1));

const isSpot = ({ launchConfigs = [] }: RealPool['config']): boolean =>
  launchConfigs.every(({ scheduling }) => {
    const { provisioningModel, preemptible } = scheduling as { provisioningModel?: string; preemptible?: boolean };
    return provisioningModel === 'SPOT' || preemptible === true;
  });

const calls = ['instances.bulkInsert', 'instances.delete', 'zoneOperations.get', 'instances.list'];

/** Two answers in a hundred are lost, in places that the seed chooses; of each kind one for certain. */
async function loseAnswers(random: () => number, callsOfEach: number): Promise<void> {
  for (const operation of calls) {
    await system().simulator.addFault({ operation, mode: 'lose-answer', skip: 1 });
    for (let nth = 2; nth < callsOfEach; nth += 1) {
      if (random() < 0.02) await system().simulator.addFault({ operation, mode: 'lose-answer', skip: nth });
    }
  }
}

const regions = { 'us-central1': 'abcf', 'us-east1': 'bcd', 'us-east4': 'abc', 'us-west1': 'ab' };

/** What every launch lacks, wherever a pool chooses to launch; by the code with which Google says so. */
const shortages = {
  ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS: async (machines: 0 | null) => {
    for (const [region, zones] of Object.entries(regions)) {
      for (const zone of zones) await system().simulator.setCapacity(`${region}-${zone}`, machines);
    }
  },
  QUOTA_EXCEEDED: (limit: 0 | null) => setQuotas(limit, 'operation'),
  quotaExceeded: (limit: 0 | null) => setQuotas(limit, 'http'),
};

async function setQuotas(limit: 0 | null, as: 'http' | 'operation'): Promise<void> {
  for (const region of Object.keys(regions)) await google().setQuota({ region, metric: 'INSTANCES', limit, as });
}

/** A thousand of them one after another take a quarter of an hour on a busy machine. */
const REMOVALS_AT_ONCE = 16;

const operationCodes = ['ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS', 'QUOTA_EXCEEDED'];
const codes = Object.keys(shortages);
const failures = () => googleEvidence(system().simulator.log()).failures;

/** Each shortage until a launch has met it, one after the other, while calls about one zone fail. */
async function goThroughShortages(): Promise<void> {
  await google().setZone('us-central1-f', 'refuse');
  for (const [code, lack] of Object.entries(shortages)) {
    await lack(0);
    await system().waitFor(
      () => failures().some((failure) => failure.endsWith(` ${code}`)),
      `the failure ${code}`,
      withinMs,
    );
    await lack(null);
  }
  await google().setZone('us-central1-f', null);
}

/** Takes one away from each of these pools, whatever it does just then. */
async function preempt(pools: readonly TestPool[], random: () => number): Promise<void> {
  for (const { id } of pools) {
    const machines = await machinesOf(system(), id);
    const machine = machines[Math.floor(random() * machines.length)];
    if (machine) await system().simulator.killMachine(machine.instanceId);
  }
}

/** Waits until the pool has its machines, each of them with a worker that runs, and no other workers. */
const whole = ({ id, size }: TestPool) =>
  eventually(
    async () => {
      const machines = (await machinesOf(system(), id)).map(({ instanceId }) => instanceId);
      const workers = (await system().api.workers(id)).filter(({ state }) => state !== 'stopped');
      const running = new Set(workers.flatMap(({ workerId, state }) => (state === 'running' ? [workerId] : [])));
      return machines.length === size && workers.length === size && machines.every((machine) => running.has(machine));
    },
    { withinMs, everyMs: 500, what: `all machines of ${id}` },
  );

/** Also workers of a launch that ends only now. */
const removeAllOf = (pools: readonly TestPool[]) =>
  eventually(
    async () => {
      const workers = (await Promise.all(pools.map(({ id }) => system().api.workers(id)))).flat();
      const left = workers.filter(({ state }) => state !== 'stopped');
      const unremoved = left.filter(({ state }) => state !== 'stopping');
      await inParallel(unremoved, REMOVALS_AT_ONCE, (worker) => system().api.removeWorker(worker));
      const [open] = await system().query<{ count: string }>(`select count(*) from launches where status = 'open'`);
      return left.length === 0 && open?.count === '0';
    },
    { withinMs, everyMs: 1_000, what: 'the end of all workers' },
  );

/**
 * One for each launch and reason of which the simulator's log tells, and no others but of launches long in doubt, and
 * of pools that have their machines still when their maximum is none already.
 */
async function expectErrors(): Promise<void> {
  const rows = await system().query<{ pool: string; kind: string; code: string; count: number }>(
    `select worker_pool_id as pool, kind, extra ->> 'code' as code, occurrences as count from worker_pool_errors`,
  );
  const failed = rows.filter(({ kind }) => kind !== 'over-provisioned');
  expect(
    failed.filter(({ kind, code }) => kind !== 'creation-error' || ![...codes, 'Unavailable'].includes(code)),
  ).toEqual([]);
  const reported = failed.flatMap(({ pool, code, count }) => Array.from({ length: count }, () => `${pool} ${code}`));
  const isOf = (some: readonly string[]) => (text: string) => some.some((code) => text.endsWith(` ${code}`));
  expect(reported.filter(isOf(operationCodes)).toSorted()).toEqual(failures().filter(isOf(operationCodes)).toSorted());
  // A refusal that a crash kept from being written down leaves its launch in doubt.
  const refused = failures().filter(isOf(['quotaExceeded'])).length;
  const heard = reported.filter(isOf(['quotaExceeded'])).length;
  expect(heard).toBeGreaterThanOrEqual(refused - crashes);
  expect(heard).toBeLessThanOrEqual(refused);
}

testRealData(
  `real Google pools live and go through ${crashes} crashes, lost answers, shortages and preemptions (seed ${seed})`,
  async () => {
    const random = seededRandom(seed);
    const pools = testPools();
    expect(pools.length).toBeGreaterThanOrEqual(form.ids?.length ?? 35);
    const spot = pools.filter((pool) => pool.isSpot);
    await loseAnswers(random, pools.length * 10);
    // From the first machine on.
    await shortages.ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS(0);
    const crash = async () => {
      await preempt([spot[Math.floor(random() * spot.length)]!], random);
      await restart(system(), 'worker');
    };
    await amidCrashes({ count: crashes, pauseMs: PAUSE_MS, random, crash }, async () => {
      for (const { id, size, definition } of pools) await system().api.createPool(id, definition(size));
      await goThroughShortages();
      for (const pool of pools) await whole(pool);
    });
    await preempt(spot, random);
    for (const pool of pools) await whole(pool);

    for (const { id, definition } of pools) await system().api.updatePool(id, definition(0));
    await removeAllOf(pools);
    await expectNothingLeft(system());
    await expectErrors();
  },
  withinMs * 3,
);
