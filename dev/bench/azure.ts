import { inParallel } from '../../activities/support/in-parallel.js';
import { azurePool, azureProviderConfig, azureTemplatePool } from '../testing/azure-pool.js';
import type { LogLine } from '../testing/simulator.js';
import { startSystem, type System } from '../testing/system.js';
import { withEngine } from './engine.js';
import type { Figure } from './report.js';
import { until } from './until.js';

export interface AzureScenario {
  readonly name: string;
  readonly pool: (maxCapacity: number) => object;
  /** All machines exist, and all of everything is gone, within so many seconds for 500 machines. */
  readonly existLimitS: number;
  readonly goneLimitS: number;
  readonly writesLimit: number;
}

export const azureScenarios: readonly AzureScenario[] = [
  {
    name: 'Azure, step by step, deleted as a whole',
    pool: (maxCapacity) => azurePool({ maxCapacity, deleteOption: 'Delete' }),
    existLimitS: 120,
    goneLimitS: 60,
    writesLimit: 2,
  },
  {
    name: 'Azure, step by step, Detach',
    pool: (maxCapacity) => azurePool({ maxCapacity, deleteOption: 'Detach' }),
    existLimitS: 120,
    goneLimitS: 150,
    writesLimit: 2,
  },
  {
    name: 'Azure, a template',
    pool: (maxCapacity) => azureTemplatePool('one-nic', { maxCapacity }),
    existLimitS: 45,
    goneLimitS: 60,
    writesLimit: 1,
  },
];

const POOL = 'bench/azure';
const AT_ONCE = 32;
const POLL_INTERVAL_MS = 1_000;
const VM_CREATE_MS = 8_000;
const LONG_TASK_SECONDS = 3_600;
const CREATE_CALLS_LIMIT = 7;
const SCAN_CALLS_LIMIT = 0.02;
const REMOVE_CALLS_LIMIT = 6;
const THROTTLED_LIMIT = 0.01;

/**
 * Machines without public addresses under Azure's usual request limits, from the pool's creation until nothing is left.
 */
export async function measureAzure(
  { name, pool, existLimitS, goneLimitS, writesLimit }: AzureScenario,
  count: number,
): Promise<Figure[]> {
  const lives = await withEngine((temporal) => live(pool, count, temporal));
  const scenario = `${count} lives, ${name}`;
  const calls = (what: string, value: number, limit: number): Figure => ({
    scenario,
    name: what,
    value,
    unit: 'calls',
    limit,
  });
  return [
    { scenario, name: 'all machines exist', value: lives.existMs / 1000, unit: 's', limit: existLimitS },
    { scenario, name: 'everything gone', value: lives.goneMs / 1000, unit: 's', limit: goneLimitS },
    { scenario, name: 'all rows stopped', value: lives.stoppedMs / 1000, unit: 's' },
    calls('calls to create, per worker', lives.createCalls / count, CREATE_CALLS_LIMIT),
    calls('writes to create, per worker', lives.writes / count, writesLimit),
    calls('calls of a scan, per worker', lives.scanCalls / count, SCAN_CALLS_LIMIT),
    calls('calls to remove, per worker', lives.removeCalls / count, REMOVE_CALLS_LIMIT),
    calls('throttled, of all calls', lives.throttled, THROTTLED_LIMIT),
  ];
}

// oxlint-disable-next-line max-lines-per-function -- the life of one machine, step by step
async function live(pool: AzureScenario['pool'], count: number, temporal: string) {
  const system = await startSystem({
    providers: async (simulator, folder) => ({ azure: await azureProviderConfig(simulator, folder) }),
    database: 'postgres',
    roles: 'split',
    temporal,
    simulator: {
      latencyMs: 60,
      bootMs: 3_000,
      idleMs: 3_600_000,
      azureLimits: 'arm',
      azureVmCreateMs: VM_CREATE_MS,
      azureVmDeleteMs: 5_000,
      azureNetworkCreateMs: 500,
      azureNetworkDeleteMs: 500,
      azureDiskDeleteMs: 500,
      azureDeploymentMs: 200,
    },
    config: {
      limits: { launchesPerMinute: 20_000, machines: 20_000 },
      intervals: { demandSeconds: 10, provisionSeconds: 300, scanSeconds: 30, sweepSeconds: 300 },
    },
  });
  try {
    await system.simulator.addTasks(POOL, count, LONG_TASK_SECONDS);
    const createdAt = Date.now();
    await system.api.createPool(POOL, pool(count * 3));
    await until(() => machinesCreated(system).length >= count, 'all machines exist', POLL_INTERVAL_MS);
    const launched = machinesCreated(system);
    await until(
      async () => (await system.api.workers(POOL, 'running')).length === count,
      'all running',
      POLL_INTERVAL_MS,
    );
    const created = armCalls(system);

    await system.api.holdPool(POOL, 'the benchmark removes all');
    const scanCalls = await callsOfOneScan(system);
    const beforeRemoval = armCalls(system).length;
    const workers = await system.api.workers(POOL);
    const removedAt = Date.now();
    await inParallel(workers, AT_ONCE, (worker) => system.api.removeWorker(worker));
    await until(
      async () => (await system.simulator.azureState()).resources.length === 0,
      'everything gone',
      POLL_INTERVAL_MS,
    );
    const goneMs = Date.now() - removedAt;
    await until(
      async () => (await system.api.workers(POOL, 'stopped')).length === count,
      'all stopped',
      POLL_INTERVAL_MS,
    );
    const stoppedMs = Date.now() - removedAt;
    const all = armCalls(system);
    const removed = all.slice(beforeRemoval);
    return {
      existMs: Math.max(...launched.map(({ time }) => Date.parse(time))) - createdAt,
      goneMs,
      stoppedMs,
      createCalls: created.length,
      writes: created.filter((call) => call.operation.startsWith('PUT ') && !isThrottled(call)).length,
      scanCalls,
      removeCalls: removed.length,
      throttled: all.filter(isThrottled).length / all.length,
    };
  } finally {
    await system.stop();
  }
}

/** Of the Schedule's scans of machines that all run: no removal makes listings of its own meanwhile. */
async function callsOfOneScan(system: System): Promise<number> {
  const lists = () => armCalls(system).filter(({ operation }) => operation.startsWith('LIST ')).length;
  const next = async (nth: number) => {
    await until(async () => (await endedScans(system)) >= nth, 'the next scan', POLL_INTERVAL_MS);
    return lists();
  };
  const scans = await endedScans(system);
  const first = await next(scans + 1);
  return ((await next(scans + 3)) - first) / 2;
}

/** Scans of the Schedule. */
async function endedScans(system: System): Promise<number> {
  const [row] = await system.query<{ scans: number }>('select cast(count(ended) as int) as scans from scans');
  return row?.scans ?? 0;
}

const isThrottled = ({ outcome }: LogLine): boolean => outcome === 'SubscriptionRequestsThrottled';

const armCalls = ({ simulator }: System): LogLine[] =>
  simulator
    .log()
    .filter(({ kind, operation }) => kind === 'arm' && !operation.startsWith('end of ') && operation !== 'POST token');

const machinesCreated = ({ simulator }: System): LogLine[] =>
  simulator
    .log()
    .filter(({ operation, outcome }) => operation === 'end of PUT virtualMachines' && outcome === 'Succeeded');
