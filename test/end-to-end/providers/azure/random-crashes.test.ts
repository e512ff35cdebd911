import { expect, test } from '@jest/globals';
import { azurePool, azureTemplatePool } from '../../../../dev/testing/azure-pool.js';
import { azureSystem, expectNothingLeft } from '../../../support/azure-system.js';
import { amidCrashes } from '../../../support/crashes.js';
import { proofSize } from '../../../support/long.js';
import { expectAllStopped, removeAll, restart } from '../../../support/pool-steps.js';
import { seededRandom } from '../../../support/seeded-random.js';
import type { FaultMode, LogLine } from '../../../../dev/testing/simulator.js';
import { suiteOf } from '../../../support/suite.js';

/** The seed is in the test's name, and `CRASH_SEED` repeats it. */
const { workers, crashes, withinMs } = proofSize({
  short: { workers: 24, crashes: 3, withinMs: 360_000 },
  long: { workers: 200, crashes: 20, withinMs: 1_200_000 },
});
const seed = Number(process.env['CRASH_SEED'] ?? 20_261_124);
/** Between two crashes, at least and at most. */
const PAUSE_MS = [1_000, 6_000] as const;
const each = workers / 4;
const size = { minCapacity: each, maxCapacity: each };
const pools = {
  'azure/whole': azurePool({ ...size, publicIp: true }),
  'azure/detached': azurePool({ ...size, publicIp: true, deleteOption: 'Detach' }),
  'azure/two-interfaces': azureTemplatePool('two-nics', size),
  'azure/implicit-disk': azureTemplatePool('implicit-disk', size),
};

const { system } = suiteOf('azure/random', azureSystem({ azureLimits: 'arm' }));

const PUTS = ['publicIPAddresses', 'networkInterfaces', 'virtualMachines'];
const DELETES = [...PUTS, 'disks'];

/** A share of the calls of each operation, in places that the seed chooses. */
async function disturb(random: () => number): Promise<void> {
  const strike = async (operation: string, mode: FaultMode, share: number, more: object = {}) => {
    for (let nth = 0; nth < workers; nth += 1) {
      if (random() < share) await system().simulator.addFault({ operation, mode, skip: nth, ...more });
    }
  };
  for (const operation of [
    'PUT deployments',
    ...PUTS.map((type) => `PUT ${type}`),
    ...DELETES.map((type) => `DELETE ${type}`),
  ]) {
    await strike(operation, 'lose-answer', 0.02);
    await strike(operation, 'refuse', 0.02, { code: 'TooManyRequests', status: 429 });
  }
  // A machine that runs although its provisioning has failed lives on; these do not run.
  const failing = { mode: 'fail-operation', code: 'AllocationFailed' } as const;
  await strike('PUT virtualMachines', failing.mode, 0.05, { code: failing.code });
  // One for certain: a share of a few may be none.
  await system().simulator.addFault({ operation: 'PUT virtualMachines', ...failing, skip: each });
}

/** What should be reported of each worker that an operation has failed for; a deployment fails with its machine. */
function failures(log: readonly LogLine[]): Map<string, string> {
  const failed = log.filter(
    ({ kind, operation, outcome }) =>
      kind === 'arm' && operation.startsWith('end of PUT') && outcome !== 'Succeeded' && outcome !== 'Canceled',
  );
  const workerOf = ({ tags }: LogLine) => tags?.['worker-id'] ?? 'nobody';
  const isDeployment = ({ operation }: LogLine) => operation === 'end of PUT deployments';
  return new Map([
    ...failed.map((line) => [workerOf(line), 'operation-error'] as const),
    ...failed.filter(isDeployment).map((line) => [workerOf(line), 'arm-deployment-error'] as const),
  ]);
}

test(
  `${workers} machines live and go through ${crashes} random crashes, lost answers, throttling and failures (seed ${seed})`,
  async () => {
    const random = seededRandom(seed);
    await disturb(random);
    const crash = () => restart(system(), 'worker');
    await amidCrashes({ count: crashes, pauseMs: PAUSE_MS, random, crash }, async () => {
      for (const [pool, definition] of Object.entries(pools)) await system().api.createPool(pool, definition);
      for (const pool of Object.keys(pools)) {
        await system().waitFor(
          async () => (await system().api.counts(pool)).running === each,
          `all machines of ${pool}`,
          withinMs,
        );
      }
      for (const pool of Object.keys(pools)) await system().api.updatePool(pool, azurePool({ maxCapacity: 0 }));
      for (const pool of Object.keys(pools)) await removeAll(system(), pool);
      for (const pool of Object.keys(pools)) await expectAllStopped(system(), pool, withinMs);
    });

    await expectNothingLeft(system());
    const errors = await Promise.all(Object.keys(pools).map((pool) => system().api.errors(pool)));
    // Others are about a pool: fifty machines are far more than a maximum of none, for instance.
    const ofWorkers = errors.flat().filter(({ extra }) => extra.workerId !== undefined);
    const reported = ofWorkers.map(({ kind, extra }) => `${String(extra.workerId)} ${kind}`);
    const failed = failures(system().simulator.log());
    expect(failed.size).toBeGreaterThan(0);
    expect(reported.toSorted()).toEqual([...failed].map((one) => one.join(' ')).toSorted());
  },
  withinMs * 3,
);
