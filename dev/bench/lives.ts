import { inParallel } from '../../activities/support/in-parallel.js';
import { lifecycleId } from '../../temporal/ids.js';
import { awsPool, type WorkerResponse } from '../testing/api-client.js';
import { longestHistory, sample } from '../testing/histories.js';
import type { LogLine } from '../testing/simulator.js';
import { startSystem, type System } from '../testing/system.js';
import { withEngine } from './engine.js';
import { measureFloor, timed, type Floor } from './floor.js';
import { cpuMs } from './process-use.js';
import type { Figure } from './report.js';
import { until } from './until.js';

export interface LivesOptions {
  readonly database: 'pglite' | 'postgres';
  readonly workers: number;
  /** Who requests the removals: a client of the API, or each machine for itself. */
  readonly removedBy: 'client' | 'machines';
}

const POOL = 'bench/lives';
const LATENCY_MS = 60;
const BOOT_MS = 3_000;
const SHUTDOWN_MS = 2_000;
const AT_ONCE = 32;
const SAMPLED = 10;
const LONG_TASK_SECONDS = 3_600;

const EXIST_LIMIT_S = 2;
const CPU_LIMIT_MS = 80;

/** A pool's workers from the pool's creation until all are stopped, with the floor measured before and after. */
export async function measureLives(options: LivesOptions): Promise<Figure[]> {
  return await withEngine(async (address, enginePid) => {
    const before = await measureFloor(address, options.workers);
    const lives = await live(options, address, enginePid);
    const after = await measureFloor(address, options.workers);
    return figuresOf(options, lives, mean(before, after));
  });
}

interface Lives {
  readonly existMs: number;
  readonly registeredMs: number;
  readonly removalsAnsweredMs: number;
  readonly goneMs: number;
  readonly stoppedMs: number;
  readonly eventsToRunning: number;
  readonly eventsPerLifecycle: number;
  readonly cpu: Readonly<Record<string, number>>;
  readonly engineCpuMs: number;
}

async function live(options: LivesOptions, address: string, enginePid: number): Promise<Lives> {
  const { database, workers: count } = options;
  const system = await startSystem({
    database,
    roles: database === 'postgres' ? 'split' : 'all',
    temporal: address,
    simulator: {
      latencyMs: LATENCY_MS,
      bootMs: BOOT_MS,
      shutdownMs: SHUTDOWN_MS,
      listDelayMs: 2_000,
      idleMs: 3_600_000,
    },
    config: {
      limits: { launchesPerMinute: 20_000, machines: 20_000 },
      intervals: { demandSeconds: 10, provisionSeconds: 300, scanSeconds: 30, sweepSeconds: 300 },
    },
  });
  try {
    await system.simulator.addTasks(POOL, count, LONG_TASK_SECONDS);
    const cpuAtFirst = cpuOf(system);
    const engineAtFirst = cpuMs(enginePid);

    const createdAt = Date.now();
    await system.api.createPool(POOL, awsPool({ maxCapacity: count * 3 }));
    await until(async () => (await system.simulator.state()).pools[POOL]?.registered === count, 'all registered');
    await until(async () => (await system.api.workers(POOL, 'running')).length === count, 'all running');
    const log = system.simulator.log();
    const launches = log.filter(({ operation, outcome }) => operation === 'RunInstances' && outcome === 'ok');
    const registrations = log.filter(({ kind, operation }) => kind === 'machine' && operation === 'registered');
    const workers = await system.api.workers(POOL);
    const sampled = sample(workers, SAMPLED).map(lifecycleId);
    const eventsToRunning = await longestHistory(system.temporal, sampled);

    await system.api.holdPool(POOL, 'the benchmark removes all');
    const removedAt = Date.now();
    const removalsAnsweredMs = await timed(() =>
      inParallel(workers, AT_ONCE, (worker) => remove(system, worker, options)),
    );
    await until(async () => (await system.simulator.state()).machines['terminated'] === count, 'all gone', 100);
    const goneMs = Date.now() - removedAt;
    await until(async () => (await system.api.workers(POOL, 'stopped')).length === count, 'all stopped');
    const stoppedMs = Date.now() - removedAt;
    const cpu = Object.fromEntries(
      Object.entries(cpuOf(system)).map(([role, used]) => [role, (used - cpuAtFirst[role]!) / count]),
    );
    return {
      existMs: latest(launches) - createdAt,
      registeredMs: latest(registrations) - createdAt,
      removalsAnsweredMs,
      goneMs,
      stoppedMs,
      eventsToRunning,
      eventsPerLifecycle: await longestHistory(system.temporal, sampled),
      cpu,
      engineCpuMs: (cpuMs(enginePid) - engineAtFirst) / count,
    };
  } finally {
    await system.stop();
  }
}

function figuresOf({ database, workers, removedBy }: LivesOptions, lives: Lives, floor: Floor): Figure[] {
  const processes = database === 'postgres' ? 'API and workers apart' : 'one process';
  const by = removedBy === 'client' ? 'removed by a client' : 'machines ask to be removed';
  const scenario = `${workers} lives, ${database}, ${processes}, ${by}`;
  const floorMs = floor.startsMs + floor.updatesMs;
  const removalFloorMs = floor.updatesMs + SHUTDOWN_MS;
  const seconds = (name: string, ms: number, limitMs?: number, note?: string): Figure => ({
    scenario,
    name,
    value: ms / 1000,
    unit: 's',
    note,
    ...(limitMs !== undefined && { limit: limitMs / 1000 }),
  });
  return [
    seconds(
      'floor: bare starts',
      floor.startsMs,
      undefined,
      `${workers}, ${AT_ONCE} at a time; mean of before and after`,
    ),
    seconds('floor: bare Updates', floor.updatesMs),
    seconds('all machines exist', lives.existMs, EXIST_LIMIT_S * 1000),
    seconds('all registered', lives.registeredMs, 2 * floorMs + BOOT_MS, '2 × (starts + Updates) + boot'),
    seconds('removals answered', lives.removalsAnsweredMs),
    seconds('all machines gone', lives.goneMs, 3 * removalFloorMs, '3 × (Updates + shutdown)'),
    seconds('all rows stopped', lives.stoppedMs),
    ...Object.entries(lives.cpu).map(([role, ms]): Figure => ({
      scenario,
      name: role === 'all' ? 'CPU of the process per life' : `CPU of the ${role} process per life`,
      value: ms,
      unit: 'ms',
      ...(role === 'worker' && { limit: CPU_LIMIT_MS }),
      ...(role === 'all' && { note: 'workers, API and database' }),
    })),
    { scenario, name: "the engine's CPU per life", value: lives.engineCpuMs, unit: 'ms' },
    { scenario, name: 'history from launch to running', value: lives.eventsToRunning, unit: 'events', limit: 16 },
    { scenario, name: 'history of a whole life', value: lives.eventsPerLifecycle, unit: 'events', limit: 45 },
  ];
}

const remove = (system: System, worker: WorkerResponse, { removedBy }: LivesOptions): Promise<unknown> =>
  removedBy === 'client' ? system.api.removeWorker(worker) : system.simulator.act(worker.workerId, 'remove');

const cpuOf = (system: System): Record<string, number> =>
  Object.fromEntries(system.roles.map((role) => [role, cpuMs(system.process(role).pid)]));

const latest = (lines: readonly LogLine[]): number => Math.max(...lines.map(({ time }) => Date.parse(time)));

const mean = (one: Floor, other: Floor): Floor => ({
  startsMs: (one.startsMs + other.startsMs) / 2,
  updatesMs: (one.updatesMs + other.updatesMs) / 2,
});
