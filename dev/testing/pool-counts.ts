import { inParallel } from '../../activities/support/in-parallel.js';
import { lifecycleId } from '../../temporal/ids.js';
import { awsPool } from './api-client.js';
import { callsPerWorker, type CallsPerWorker } from './call-counts.js';
import { longestHistory, sample } from './histories.js';
import type { LogLine } from './simulator.js';
import { startSystem, type System } from './system.js';

export interface PoolCounts extends CallsPerWorker {
  /** From the first call that removes machines to the last. */
  readonly removalMs: number;
  readonly eventsToRunning: number;
  readonly eventsPerLifecycle: number;
  /** Machines that EC2 knows and that are not terminated at the end, whoever forgot them. */
  readonly stranded: number;
  /** Workers on record that are not stopped at the end. */
  readonly unfinished: number;
}

export interface PoolCountsOptions {
  readonly workers: number;
  readonly limits: 'off' | 'ec2';
  readonly temporal?: string;
}

const POOL = 'counts/pool';
const SAMPLED = 10;
const REMOVALS_AT_ONCE = 32;
const LONG_TASK_SECONDS = 3_600;

/**
 * One pool from its creation until all its workers are stopped: as many tasks as `workers`, a maximum of three times
 * that, calls of 60 ms, machines that boot in 3 s. Counts what it took.
 */
export async function countsOfPool({ workers: wanted, limits, temporal }: PoolCountsOptions): Promise<PoolCounts> {
  const system = await startSystem({
    database: 'postgres',
    roles: 'split',
    temporal,
    simulator: { limits, latencyMs: 60, bootMs: 3_000, shutdownMs: 2_000, listDelayMs: 2_000, idleMs: 3_600_000 },
    config: {
      limits: { launchesPerMinute: 10_000, machines: 10_000 },
      // A sweep lists machines too.
      intervals: { demandSeconds: 10, provisionSeconds: 300, scanSeconds: 30, sweepSeconds: 3_600 },
      // One line for each scan.
      log: { level: 'debug' },
    },
  });
  let failed = true;
  try {
    const counts = await live(system, wanted);
    failed = false;
    return counts;
  } finally {
    await system.stop({ keepLogs: failed });
  }
}

async function live(system: System, wanted: number): Promise<PoolCounts> {
  const { api, simulator, temporal } = system;
  await simulator.addTasks(POOL, wanted, LONG_TASK_SECONDS);
  await api.createPool(POOL, awsPool({ maxCapacity: wanted * 3 }));
  const inState = async (state: 'running' | 'stopped', count: number) =>
    (await api.workers(POOL, state)).length >= count;
  await system.waitFor(() => inState('running', wanted), 'all running');
  const workers = await api.workers(POOL);
  const sampled = sample(workers, SAMPLED).map(lifecycleId);
  const eventsToRunning = await longestHistory(temporal, sampled);

  await api.holdPool(POOL, 'all of it goes');
  await removeAll(system, workers);
  await system.waitFor(() => inState('stopped', wanted), 'all stopped');
  // A scan that is under way ends first.
  await system.sigterm('worker');
  const machines = await simulator.machines();
  return {
    ...callsPerWorker(simulator.log(), scansOf(system)),
    removalMs: removalMsOf(simulator.log()),
    eventsToRunning,
    eventsPerLifecycle: await longestHistory(temporal, sampled),
    stranded: machines.filter(({ state }) => state !== 'terminated').length,
    unfinished: (await api.workers(POOL)).filter(({ state }) => state !== 'stopped').length,
  };
}

async function removeAll(system: System, workers: Awaited<ReturnType<System['api']['workers']>>): Promise<void> {
  await inParallel(workers, REMOVALS_AT_ONCE, (worker) => system.api.removeWorker(worker));
}

function removalMsOf(log: readonly LogLine[]): number {
  const times = log.filter(({ operation }) => operation === 'TerminateInstances').map(({ time }) => Date.parse(time));
  return Math.max(...times) - Math.min(...times);
}

/** Scans that the product's worker has ended, those that follow removals too. */
const scansOf = (system: System): number => system.process('worker').output().split('"scan-completed"').length - 1;
