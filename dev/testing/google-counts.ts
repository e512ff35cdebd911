import { inParallel } from '../../activities/support/in-parallel.js';
import { eventually } from './eventually.js';
import { googlePool, googleProviderConfig } from './google-pool.js';
import { SimulatedGoogle } from './simulated-google.js';
import type { LogLine } from './simulator.js';
import { startSystem, type System } from './system.js';

/** What one pool's machines cost in calls of Compute Engine, from the simulator's log. Refused calls are calls too. */
export interface GoogleCounts {
  readonly workers: number;
  /** Zones with machines. */
  readonly zones: number;
  /** All calls until every machine has its row, scans left out. */
  readonly launchCalls: number;
  /** Of these the ones that create. */
  readonly insertions: number;
  /** Scans of machines that all run: calls of them all, and how many scans these were. */
  readonly scanCalls: number;
  readonly scans: number;
  /** All calls from the first removal until every row is stopped. */
  readonly removalCalls: number;
  /** Of these: operations that delete, lists of machines, and lists of operations. */
  readonly deletions: number;
  readonly lists: number;
  readonly operationLists: number;
  /** Calls that Google refused for their rate. */
  readonly throttled: number;
  /** From the end of the last operation until every machine has its row. */
  readonly recordedAfterMs: number;
  /** From the first removal until all are answered, until no machine is left, and until all rows are stopped. */
  readonly answeredMs: number;
  readonly goneMs: number;
  readonly stoppedMs: number;
  /** Machines and disks that are left, and rows that are not stopped. */
  readonly remaining: number;
  readonly unfinished: number;
}

export interface GoogleCountsOptions {
  readonly workers: number;
  readonly zones: readonly string[];
  /** From an insertion's acceptance until its operation is DONE, and the same of a deletion. */
  readonly insertMs: number;
  readonly deleteMs: number;
  readonly scanSeconds: number;
  readonly temporal?: string;
}

const POOL = 'counts/google';
const REMOVALS_AT_ONCE = 32;
const LONG_TASK_SECONDS = 3_600;
const COUNTED_SCANS = 2;
const WITHIN_MS = 10 * 60_000;

/**
 * One pool from its creation until all its workers are stopped: as many tasks as `workers`, calls of 60 ms, machines
 * that boot in 3 s, Compute Engine's usual limits.
 */
export async function countsOfGooglePool(options: GoogleCountsOptions): Promise<GoogleCounts> {
  const { insertMs, deleteMs, scanSeconds, temporal } = options;
  const system = await startSystem({
    providers: async (simulator) => ({ google: await googleProviderConfig(simulator) }),
    database: 'postgres',
    roles: 'split',
    temporal,
    simulator: {
      ...{ latencyMs: 60, bootMs: 3_000, idleMs: LONG_TASK_SECONDS * 1_000 },
      ...{ googleLimits: 'compute', googleInsertMs: insertMs, googleDeleteMs: deleteMs },
    },
    config: {
      limits: { launchesPerMinute: 20_000, machines: 20_000 },
      // A sweep lists all zones too.
      intervals: { demandSeconds: 10, provisionSeconds: 300, scanSeconds, sweepSeconds: 3_600 },
    },
  });
  let failed = true;
  try {
    const counts = await live(system, options);
    failed = false;
    return counts;
  } finally {
    await system.stop({ keepLogs: failed });
  }
}

async function live(system: System, { workers: wanted, zones }: GoogleCountsOptions): Promise<GoogleCounts> {
  const { api, simulator } = system;
  const google = new SimulatedGoogle(simulator);
  const until = (condition: () => Promise<boolean>, what: string) =>
    eventually(condition, { withinMs: WITHIN_MS, everyMs: 250, what });
  const inState = async (state: 'running' | 'stopped') => (await api.workers(POOL, state)).length >= wanted;

  await simulator.addTasks(POOL, wanted, LONG_TASK_SECONDS);
  await api.createPool(POOL, googlePool({ maxCapacity: wanted * 3, zones }));
  const recordedAt = await momentOf(() => countRows(system), wanted);
  await until(() => inState('running'), 'all running');
  const launched = computeCalls(simulator.log());
  const workers = await api.workers(POOL);

  await api.holdPool(POOL, 'all of it goes');
  const scans = await countScans(system);
  const before = computeCalls(simulator.log()).length;
  const removedAt = Date.now();
  await inParallel(workers, REMOVALS_AT_ONCE, (worker) => api.removeWorker(worker));
  const answeredMs = Date.now() - removedAt;
  await until(async () => (await google.state()).instances.length === 0, 'all gone');
  const goneMs = Date.now() - removedAt;
  await until(() => inState('stopped'), 'all stopped');
  const stoppedMs = Date.now() - removedAt;

  const all = computeCalls(simulator.log());
  const removed = all.slice(before);
  const { instances, disks } = await google.state();
  return {
    ...{ workers: workers.length, zones: new Set(workers.map(({ workerGroup }) => workerGroup)).size },
    launchCalls: launched.filter((call) => !isScan(call)).length,
    insertions: launched.filter(({ operation }) => operation === 'instances.bulkInsert').length,
    ...scans,
    removalCalls: removed.length,
    deletions: removed.filter((call) => call.operation === 'instances.delete' && isFirst(call)).length,
    lists: removed.filter(({ operation }) => operation === 'instances.list').length,
    operationLists: removed.filter(({ operation }) => operation === 'zoneOperations.list').length,
    throttled: all.filter(({ outcome }) => outcome === 'rateLimitExceeded').length,
    recordedAfterMs: recordedAt - latest(launchEnds(simulator.log())),
    ...{ answeredMs, goneMs, stoppedMs, remaining: instances.length + disks.length },
    unfinished: (await api.workers(POOL)).filter(({ state }) => state !== 'stopped').length,
  };
}

/** When there are so many, to a twentieth of a second. */
async function momentOf(count: () => Promise<number>, wanted: number): Promise<number> {
  await eventually(async () => (await count()) >= wanted, { withinMs: WITHIN_MS, everyMs: 50, what: 'all on record' });
  return Date.now();
}

async function countRows(system: System): Promise<number> {
  const [row] = await system.query<{ rows: number }>('select cast(count(*) as int) as rows from workers');
  return row?.rows ?? 0;
}

/** Of the Schedule's scans while all machines run: no removal makes lists of its own then. */
async function countScans(system: System): Promise<{ scans: number; scanCalls: number }> {
  const ended = async (): Promise<number> => {
    const [row] = await system.query<{ begun: number; ended: number }>(
      'select cast(count(*) as int) as begun, cast(count(ended) as int) as ended from scans',
    );
    return row && row.begun === row.ended ? row.ended : -1;
  };
  /** When at least so many have ended and none is under way. */
  const between = (least: number) =>
    eventually(
      async () => {
        const before = await ended();
        const calls = computeCalls(system.simulator.log()).filter(isScan).length;
        return before >= least && before === (await ended()) && { scans: before, calls };
      },
      { withinMs: WITHIN_MS, everyMs: 100, what: 'the next scan' },
    );
  const first = await between(1);
  const last = await between(first.scans + COUNTED_SCANS);
  return { scans: last.scans - first.scans, scanCalls: last.calls - first.calls };
}

/** Requests of Compute Engine; its other services have no part in its limits. */
const computeCalls = (log: readonly LogLine[]): LogLine[] =>
  log.filter(({ kind, operation }) => kind === 'gce' && /^(instances|zoneOperations)\./.test(operation));

/** It has begun an operation. */
const isFirst = ({ outcome, repeated }: LogLine): boolean => outcome === 'ok' && repeated !== true;

/** A launch lists by its own label. */
const isScan = ({ operation, filter }: LogLine): boolean =>
  operation === 'instances.list' && !String(filter).includes('worker-manager-launch');

const launchEnds = (log: readonly LogLine[]): string[] =>
  log.filter(({ operation }) => operation === 'end of instances.bulkInsert').map(({ time }) => time);

const latest = (times: readonly string[]): number => Math.max(...times.map((time) => Date.parse(time)));
