import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { inParallel } from '../../activities/support/in-parallel.js';
import { openDatabase, type Database } from '../../database/client/open.js';
import { jsonb } from '../../database/client/sql.js';
import { DAY_MS } from '../../domain/durations.js';
import { EVIDENCE } from '../testing/fleet-evidence.js';
import { awsPool } from '../testing/api-client.js';
import { eventually } from '../testing/eventually.js';
import { startSystem, type System } from '../testing/system.js';
import { withEngine } from './engine.js';
import { busyMs, cpuMs, familyCpuMs, processorWaitMs } from './process-use.js';
import type { Figure } from './report.js';
import { waitsOf, type Demand, type LaunchCall, type Waits } from './waits.js';

export interface ChurnOptions {
  readonly pools: number;
  /** Machines that work all the time. */
  readonly live: number;
  readonly minutes: number;
}

const DEMAND_SECONDS = 10;
const LIMIT_S = DEMAND_SECONDS + 3;
/**
 * Each pool gets a task this often, one pool after the other: as many launches as 5,000 machines that live an hour
 * need, and the machine of a pool's last task has gone.
 */
const DEMAND_EVERY_MS = 5 * 60_000;
const TASK_SECONDS = 45;
const LONG_TASK_SECONDS = 36_000;
/**
 * All that the simulator has. EC2 lets one account begin two launches a second in each: one region would be the limit.
 */
const REGIONS = ['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2'];
/** No task waits for room. */
const SPARE_CAPACITY = 20;
const AT_ONCE = 16;
const START_TIMEOUT_MS = 20 * 60_000;

interface Counts {
  readonly reconciliations: number;
  readonly withoutEffect: number;
  readonly launches: number;
}

/** A fleet at work while tasks come for one pool after the other, and their machines go when they have done them. */
export async function measureChurn(options: ChurnOptions, databasePid: number): Promise<Figure[]> {
  return await withEngine(async (address, enginePid) => {
    const system = await startSystem({
      database: 'postgres',
      roles: 'split',
      temporal: address,
      simulator: { latencyMs: 60, bootMs: 3_000, shutdownMs: 2_000, listDelayMs: 2_000, idleMs: 2_000 },
      config: {
        providers: { aws: { regions: REGIONS } },
        limits: { launchesPerMinute: 20_000, machines: 20_000 },
        intervals: { demandSeconds: DEMAND_SECONDS, provisionSeconds: 300, scanSeconds: 30, sweepSeconds: 300 },
      },
    });
    const database = await openDatabase({ url: system.databaseUrl, maxConnections: 1 });
    try {
      return await churn({ system, database, use: () => useOf(system, enginePid, databasePid) }, options);
    } finally {
      await database.close();
      await system.stop();
    }
  });
}

interface Deployment {
  readonly system: System;
  readonly database: Database;
  readonly use: () => Use;
}

async function churn({ system, database, use }: Deployment, options: ChurnOptions): Promise<Figure[]> {
  const pools = Array.from({ length: options.pools }, (_, n) => `bench/fleet-${n + 1}`);
  const startMs = Date.now();
  await startFleet(system, pools, Math.ceil(options.live / options.pools));
  const sizesBefore = await evidenceSizes(database);
  const [before, begun, useBefore] = [await countsOf(database), Date.now(), use()];
  const demands = await addTasks(system, pools, begun + options.minutes * 60_000);
  const [elapsedMs, useAfter, after] = [Date.now() - begun, use(), await countsOf(database)];
  const sizes = await evidenceSizes(database);
  // The last task has its machine by then, or is late.
  await delay(3 * LIMIT_S * 1000);
  return figuresOf(options, {
    startSeconds: (begun - startMs) / 1000,
    waits: waitsOf(demands, await launchCalls(system, database, begun), await pendingTasks(system), Date.now()),
    use: shares(useBefore, useAfter, elapsedMs),
    reconciliations: after.reconciliations - before.reconciliations,
    withoutEffect: after.withoutEffect - before.withoutEffect,
    launches: after.launches - before.launches,
    evidence: growthPerDay(sizesBefore, sizes, elapsedMs),
  });
}

/** Every machine has registered and taken a task that it will work on all the time. */
async function startFleet(system: System, pools: readonly string[], busy: number): Promise<void> {
  await inParallel([...pools.entries()], AT_ONCE, async ([n, pool]) => {
    const regions = [REGIONS[n % REGIONS.length]!];
    await system.api.createPool(pool, awsPool({ maxCapacity: busy + SPARE_CAPACITY, regions }));
    await system.simulator.addTasks(pool, busy, LONG_TASK_SECONDS);
  });
  const isAtWork = async () =>
    (await system.openLifecycles()) >= busy * pools.length &&
    Object.values(await pendingTasks(system)).every((pending) => pending === 0);
  await eventually(isAtWork, { withinMs: START_TIMEOUT_MS, everyMs: 2_000, what: 'all machines are at work' });
}

async function addTasks(system: System, pools: readonly string[], endMs: number): Promise<Demand[]> {
  const demands: Demand[] = [];
  const begun = Date.now();
  for (let n = 0; Date.now() < endMs; n += 1) {
    const pool = pools[n % pools.length]!;
    demands.push({ pool, atMs: Date.now() });
    await system.simulator.addTasks(pool, 1, TASK_SECONDS);
    await delay(Math.max(0, begun + ((n + 1) * DEMAND_EVERY_MS) / pools.length - Date.now()));
  }
  return demands;
}

async function pendingTasks(system: System): Promise<Record<string, number>> {
  const { pools } = await system.simulator.state();
  return Object.fromEntries(Object.entries(pools).map(([pool, { pendingTasks: pending }]) => [pool, pending]));
}

/** The first call with each launch's token; a repeated one launches nothing. */
async function launchCalls(system: System, { db }: Database, sinceMs: number): Promise<LaunchCall[]> {
  const launches = await db.selectFrom('launches').select(['token', 'workerPoolId', 'count']).execute();
  const first = new Map<string, number>();
  for (const { operation, clientToken, time } of system.simulator.log()) {
    if (operation !== 'RunInstances' || clientToken === null || clientToken === undefined) continue;
    first.set(clientToken, Math.min(first.get(clientToken) ?? Infinity, Date.parse(time)));
  }
  return launches.flatMap(({ token, workerPoolId, count }) => {
    const atMs = first.get(token);
    return atMs === undefined || atMs < sinceMs ? [] : [{ pool: workerPoolId, atMs, machines: count }];
  });
}

/** Each decision is one reconciliation's. */
async function countsOf({ db }: Database): Promise<Counts> {
  const { rows } = await sql<Counts>`
    select cast(coalesce(sum(occurrences), 0) as int) as reconciliations,
      cast(coalesce(sum(occurrences) filter (where jsonb_array_length(decision -> 'launches') = 0
        and decision ->> 'terminations' = '0'), 0) as int) as without_effect,
      (select cast(count(*) as int) from launches) as launches
    from decisions`.execute(db);
  return rows[0]!;
}

/** Bytes of each table, with its indexes. */
async function evidenceSizes({ db }: Database): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ name: string; bytes: number }>`
    select name, cast(pg_total_relation_size(cast(name as regclass)) as float8) as bytes
    from jsonb_array_elements_text(${jsonb(EVIDENCE)}) as e (name)`.execute(db);
  return new Map(rows.map(({ name, bytes }) => [name, bytes]));
}

const growthPerDay = (before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>, elapsedMs: number) =>
  [...after].map(([name, bytes]) => ({ name, bytes: ((bytes - before.get(name)!) * DAY_MS) / elapsedMs }));

interface Measured extends Counts {
  readonly startSeconds: number;
  readonly waits: Waits;
  /** Of each table, in a day at this rate. */
  readonly evidence: readonly { readonly name: string; readonly bytes: number }[];
  /** In percent of the time. */
  readonly use: Use;
}

function figuresOf({ pools, live, minutes }: ChurnOptions, measured: Measured): Figure[] {
  const perMinute = Math.round((pools * 60_000) / DEMAND_EVERY_MS);
  const scenario = `${pools} pools, ${live} live lifecycles and ${perMinute} tasks a minute, ${minutes} minutes`;
  const { waits, launches, reconciliations, withoutEffect } = measured;
  const figure = (name: string, value: number, unit: Figure['unit'], more: Partial<Figure> = {}): Figure => ({
    scenario,
    name,
    value,
    unit,
    ...more,
  });
  return [
    figure('all machines at work after', measured.startSeconds, 's'),
    ...Object.entries(measured.use).map(([name, { used, waited }]) =>
      figure(`CPU: ${name}`, used, '%', {
        note: `of one processor${waited === null ? '' : `; it waited for one ${waited.toFixed(0)} % of the time`}`,
      }),
    ),
    figure('demand to launch call, p50', percentile(waits.seconds, 0.5), 's'),
    figure('demand to launch call, p95', percentile(waits.seconds, 0.95), 's', {
      limit: LIMIT_S,
      note: `${waits.seconds.length} tasks, of which ${waits.pending} still wait; ${waits.tookIdle} more found an idle machine`,
    }),
    figure('reconciliations per launch', reconciliations / launches, 'calls', {
      note: `${reconciliations} for ${launches} launches`,
    }),
    figure('decisions without effect', withoutEffect, 'events'),
    figure('evidence, a day at this rate', measured.evidence.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6, 'MB', {
      note: measured.evidence
        .filter(({ bytes }) => bytes > 0)
        .map(({ name, bytes }) => `${name} ${(bytes / 1e6).toFixed(0)}`)
        .join(', '),
    }),
  ];
}

type Use = Readonly<Record<string, { readonly used: number; readonly waited: number | null }>>;

/** Milliseconds so far. That its main thread has waited for a processor is known of a Node process. */
const useOf = (system: System, enginePid: number, databasePid: number): Use => {
  const ofNode = (pid: number) => ({ used: cpuMs(pid), waited: processorWaitMs(pid) });
  return {
    ...Object.fromEntries(
      system.roles.map((role) => [`the product's ${role} process`, ofNode(system.process(role).pid)]),
    ),
    'simulator with all machines and the queue': ofNode(system.simulator.pid),
    'Temporal dev server': { used: cpuMs(enginePid), waited: null },
    Postgres: { used: familyCpuMs(databasePid), waited: null },
    'everything on this machine': { used: busyMs(), waited: null },
  };
};

const shares = (before: Use, after: Use, elapsedMs: number): Use => {
  const share = (from: number, to: number) => ((to - from) / elapsedMs) * 100;
  const of = (name: string, { used, waited }: Use[string]) => ({
    used: share(before[name]!.used, used),
    waited: waited === null ? null : share(before[name]!.waited ?? 0, waited),
  });
  return Object.fromEntries(Object.entries(after).map(([name, use]) => [name, of(name, use)]));
};

const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN;
