import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { inParallel } from '../activities/in-parallel.js';
import { openRecords, type Records } from '../records/open.js';
import { awsPool } from '../test/support/api-client.js';
import { startSystem, type System } from '../test/support/system.js';
import { withEngine } from './engine.js';
import { cpuMs } from './process-use.js';
import type { Figure } from './report.js';
import { until } from './until.js';
import { waitsOf, type Demand, type LaunchCall, type Waits } from './waits.js';

export interface ChurnOptions {
  readonly pools: number;
  /** Machines that work all the time. */
  readonly live: number;
  readonly minutes: number;
}

const DEMAND_SECONDS = 10;
const LIMIT_S = DEMAND_SECONDS + 3;
/** A task is added this often, for one pool after the other. */
const DEMAND_EVERY_MS = 200;
const TASK_SECONDS = 60;
const LONG_TASK_SECONDS = 36_000;
/** More than the tasks of a minute for one of twenty pools, so that no task waits for room. */
const SPARE_CAPACITY = 50;
const AT_ONCE = 16;

interface Counts {
  readonly reconciliations: number;
  readonly withoutEffect: number;
  readonly launches: number;
}

/** A fleet at work while tasks come for one pool after the other, and their machines go when they have done them. */
export async function measureChurn(options: ChurnOptions): Promise<Figure[]> {
  return await withEngine(async (address, enginePid) => {
    const system = await startSystem({
      records: 'postgres',
      roles: 'split',
      temporal: address,
      simulator: { latencyMs: 60, bootMs: 3_000, shutdownMs: 2_000, listDelayMs: 2_000, idleMs: 2_000 },
      config: {
        limits: { launchesPerMinute: 20_000, machines: 20_000 },
        intervals: { demandSeconds: DEMAND_SECONDS, provisionSeconds: 300, scanSeconds: 30, sweepSeconds: 300 },
      },
    });
    const records = await openRecords({ url: system.recordsUrl, maxConnections: 1 });
    try {
      return await churn(system, records, enginePid, options);
    } finally {
      await records.close();
      await system.stop();
    }
  });
}

async function churn(system: System, records: Records, enginePid: number, options: ChurnOptions): Promise<Figure[]> {
  const pools = Array.from({ length: options.pools }, (_, n) => `bench/fleet-${n + 1}`);
  const busy = Math.ceil(options.live / options.pools);
  await inParallel(pools, AT_ONCE, async (pool) => {
    await system.api.createPool(pool, awsPool({ maxCapacity: busy + SPARE_CAPACITY }));
    await system.simulator.addTasks(pool, busy, LONG_TASK_SECONDS);
  });
  await until(async () => (await system.openLifecycles()) >= busy * options.pools, 'the fleet lives', 2_000);
  const [before, begun, cpuBefore] = [await countsOf(records), Date.now(), cpuOf(system, enginePid)];
  const demands: Demand[] = [];
  for (let n = 0; Date.now() - begun < options.minutes * 60_000; n += 1) {
    const pool = pools[n % pools.length]!;
    demands.push({ pool, atMs: Date.now() });
    await system.simulator.addTasks(pool, 1, TASK_SECONDS);
    await delay(Math.max(0, begun + (n + 1) * DEMAND_EVERY_MS - Date.now()));
  }
  const seconds = (Date.now() - begun) / 1000;
  const cpu = Object.entries(cpuOf(system, enginePid)).map(([name, ms]) => [name, ms - cpuBefore[name]!] as const);
  const after = await countsOf(records);
  // The last demand has its machine by then, or is late.
  await delay(3 * LIMIT_S * 1000);
  const { pools: states } = await system.simulator.state();
  const pending = Object.fromEntries(Object.entries(states).map(([pool, { pendingTasks }]) => [pool, pendingTasks]));
  return figuresOf(options, {
    waits: waitsOf(demands, await launchCalls(system, records, begun), pending, Date.now()),
    cpu: cpu.map(([name, ms]) => [name, ms / 10 / seconds] as const),
    reconciliations: after.reconciliations - before.reconciliations,
    withoutEffect: after.withoutEffect - before.withoutEffect,
    launches: after.launches - before.launches,
  });
}

/** The first call with each launch's token; a repeated one launches nothing. */
async function launchCalls(system: System, { db }: Records, sinceMs: number): Promise<LaunchCall[]> {
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
async function countsOf({ db }: Records): Promise<Counts> {
  const { rows } = await sql<Counts>`
    select cast(coalesce(sum(occurrences), 0) as int) as reconciliations,
      cast(coalesce(sum(occurrences) filter (where jsonb_array_length(decision -> 'launches') = 0
        and decision ->> 'terminations' = '0'), 0) as int) as without_effect,
      (select cast(count(*) as int) from launches) as launches
    from decisions`.execute(db);
  return rows[0]!;
}

interface Measured extends Counts {
  readonly waits: Waits;
  /** Percent of a core, by process. */
  readonly cpu: readonly (readonly [string, number])[];
}

function figuresOf({ pools, live, minutes }: ChurnOptions, measured: Measured): Figure[] {
  const scenario = `${pools} pools, ${live} live lifecycles and ${60_000 / DEMAND_EVERY_MS} tasks a minute, ${minutes} minutes`;
  const { waits, launches, reconciliations, withoutEffect } = measured;
  const figure = (name: string, value: number, unit: Figure['unit'], more: Partial<Figure> = {}): Figure => ({
    scenario,
    name,
    value,
    unit,
    ...more,
  });
  return [
    ...measured.cpu.map(([name, percent]) =>
      figure(`CPU of the ${name} process`, percent, '%', { note: 'of one core' }),
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
  ];
}

const cpuOf = (system: System, enginePid: number): Record<string, number> => ({
  ...Object.fromEntries(system.roles.map((role) => [role, cpuMs(system.process(role).pid)])),
  engine: cpuMs(enginePid),
});

const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN;
