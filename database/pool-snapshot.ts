import { sql, type RawBuilder } from 'kysely';
import { capacityByState, endableMachines, type OpenLaunch, type WorkerGroup } from '../domain/capacity.js';
import type { DecisionBasis } from '../domain/decision-record.js';
import type { DemandReadings } from '../domain/demand.js';
import type { CapacityByState, ScalingBounds } from '../domain/estimator.js';
import { MAX_IN_DOUBT_MS } from '../domain/launch.js';
import { type LaunchConfigOption, MAX_UNREGISTERED, smallestMachine } from '../domain/selection.js';
import type { MachineGroup } from '../domain/termination-advice.js';
import { capacityPerInstance, type LaunchConfig, type WorkerPool } from '../domain/worker-pool.js';
import { readingsOf } from './demand-readings.js';
import { selectPool } from './pools.js';
import type { Db, DemandReadingsRow, Hold, LaunchRow } from './client/schema.js';
import { bigint, camelKeys, jsonb } from './client/sql.js';
import { DAY_MS, HOUR_MS } from '../domain/durations.js';

/** Of one pool, at one moment. */
export interface PoolSnapshot extends CapacityByState {
  readonly pool: WorkerPool;
  /** The active ones, by id, in the same order as `options`. */
  readonly launchConfigs: readonly LaunchConfig[];
  readonly options: readonly LaunchConfigOption[];
  /** Oldest first. */
  readonly unfinished: readonly UnfinishedLaunch[];
  readonly hold: Hold | null;
  /** Running machines that advice may end. */
  readonly groups: readonly MachineGroup[];
  readonly readings: DemandReadings | null;
  /** The last adoption of a machine for it that is counted here; 0: none. */
  readonly lastAdoption: number;
}

export type UnfinishedLaunch = Pick<
  LaunchRow,
  | 'token'
  | 'status'
  | 'count'
  | 'inDoubtAttempts'
  | 'created'
  | 'launchConfigId'
  | 'providerId'
  | 'capacityPerMachine'
  | 'nextAttemptAt'
  | 'inDoubtSince'
  | 'reportedAt'
> &
  OpenLaunch;

/** Live workers that are alike, of one launch config. */
type LaunchConfigGroup = WorkerGroup & { readonly launchConfigId: string | null };

interface LaunchConfigHealth {
  readonly launchConfigId: string | null;
  readonly recentErrors: number;
  /** Machines of the last day that the cloud took back. */
  readonly preempted: number;
  readonly until: number | null;
  /** The last machine that came to an end did so before it had registered. */
  readonly unregistered: boolean | null;
  /** The one that `until` and `unregistered` hold for. */
  readonly revision: number | null;
}

/**
 * Everything that a reconciliation needs to know of its pool; null when there is no such pool. One statement, because a
 * launch that is recorded between two would count in both or in neither.
 */
export async function poolSnapshot(db: Db, workerPoolId: string, nowMs: number): Promise<PoolSnapshot | null> {
  const ofPool = sql`worker_pool_id = ${workerPoolId}`;
  const { rows } = await sql<{
    pool: Parameters<typeof selectPool.read>[0];
    hold: Hold | null;
    workers: Record<string, unknown>[];
    unfinished: Record<string, unknown>[];
    health: Record<string, unknown>[];
    readings: Record<string, unknown> | null;
    lastAdoption: number;
  }>`
    with pool as (${selectPool.query} where p.worker_pool_id = ${workerPoolId}),
    ${capacityTables(nowMs, ofPool)},
    ${healthTables(nowMs, ofPool)}
    select to_jsonb(pool) as pool,
      (select to_jsonb(h) from holds h where scope in (${workerPoolId}, '*') order by scope = '*' limit 1) as hold,
      coalesce((select jsonb_agg(to_jsonb(g)) from grouped g), '[]') as workers,
      coalesce((select jsonb_agg(to_jsonb(u) order by u.created, u.token) from unfinished u), '[]') as unfinished,
      coalesce((select jsonb_agg(to_jsonb(h)) from health h), '[]') as health,
      (select to_jsonb(r) from demand_readings r where ${ofPool}) as readings,
      coalesce((select max(id) from orphan_acts where ${ofPool} and act = 'adopted'), 0) as last_adoption
    from pool`.execute(db);
  const row = rows[0];
  if (!row) return null;
  const { pool, launchConfigs } = selectPool.read(row.pool);
  const workers = row.workers.map((group) => camelKeys<LaunchConfigGroup>(group));
  const unfinished = row.unfinished.map((launch) => camelKeys<UnfinishedLaunch>(launch));
  const health = new Map(
    row.health.map((each) => camelKeys<LaunchConfigHealth>(each)).map((each) => [each.launchConfigId, each]),
  );
  const open = unfinished.filter((launch) => launch.status === 'open');
  const of = <T extends { readonly launchConfigId: string | null }>(all: readonly T[], id: string) =>
    all.filter(({ launchConfigId }) => launchConfigId === id);
  return {
    pool,
    launchConfigs,
    options: launchConfigs.map((launchConfig) => {
      const { launchConfigId } = launchConfig;
      const own = of(workers, launchConfigId);
      const its = health.get(launchConfigId);
      const option = optionOf(launchConfig, own, of(open, launchConfigId), its);
      return { ...option, ...preemptedPart(pool, own, its) };
    }),
    ...capacityByState(workers, open),
    unfinished,
    hold: row.hold && camelKeys<Hold>({ ...row.hold }),
    groups: endableMachines(workers),
    readings: row.readings && readingsOf(camelKeys<DemandReadingsRow>(row.readings)),
    lastAdoption: row.lastAdoption,
  };
}

/** What decides how much a pool's launch configs are used: the table `health`. */
const healthTables = (nowMs: number, ofPool: RawBuilder<unknown>) => sql`
  errors as (
    select launch_config_id,
      cast(sum(greatest(1, ceil(occurrences * least(1.0, ${HOUR_MS} / greatest(1.0, reported - first_reported))))) as int)
        as recent
    from worker_pool_errors
    where ${ofPool} and kind <> 'termination-error' and reported > ${bigint(nowMs - HOUR_MS)}
    group by launch_config_id),
  preempted as (
    select launch_config_id, cast(count(*) as int) as machines from preemptions
    where ${ofPool} and at > ${bigint(nowMs - DAY_MS)} group by launch_config_id),
  health as (
    select launch_config_id, coalesce(e.recent, 0) as recent_errors, b.until, b.revision, b.unregistered,
      coalesce(p.machines, 0) as preempted
    from errors e full join (select * from launch_backoffs where ${ofPool}) b using (launch_config_id)
    full join preempted p using (launch_config_id))`;

/** Of those that were preempted lately and those that stay, the former; only where the pool wants to know. */
function preemptedPart(
  { config }: WorkerPool,
  workers: readonly LaunchConfigGroup[],
  health: LaunchConfigHealth | undefined,
): Pick<LaunchConfigOption, 'preemptedPart'> {
  const preempted = health?.preempted ?? 0;
  if (preempted === 0 || !config.preferLongLived) return {};
  const staying = workers.filter(({ state }) => state !== 'stopping');
  return { preemptedPart: preempted / (preempted + sum(staying, ({ machines }) => machines)) };
}

function optionOf(
  launchConfig: LaunchConfig,
  workers: readonly LaunchConfigGroup[],
  open: readonly UnfinishedLaunch[],
  health: LaunchConfigHealth | undefined,
): LaunchConfigOption {
  const { launchConfigId, revision, configuration } = launchConfig;
  const requested = workers.filter(({ state }) => state === 'requested');
  const unregistered = sum(requested, ({ machines }) => machines);
  return {
    launchConfigId,
    revision,
    initialWeight: configuration.workerManager?.initialWeight ?? null,
    maxCapacity: configuration.workerManager?.maxCapacity ?? null,
    capacityPerInstance: capacityPerInstance(configuration),
    usedCapacity: sum(workers, ({ capacity, machines }) => capacity * machines) + sum(open, ({ capacity }) => capacity),
    recentErrors: health?.recentErrors ?? 0,
    backoffUntil: health?.revision === revision ? health.until : null,
    openLaunches: open.length,
    unregisteredRoom:
      health?.unregistered && health.revision === revision
        ? Math.max(0, MAX_UNREGISTERED - unregistered - sum(open, ({ count }) => count))
        : null,
  };
}

const sum = <T>(rows: readonly T[], of: (row: T) => number): number => rows.reduce((total, row) => total + of(row), 0);

/**
 * Live workers that are alike. Only columns of the index `workers_capacity`, so that stopped workers cost nothing, and
 * grouped in its order, so that nothing is sorted: quarantine, which the order leaves out, divides the groups
 * afterwards.
 */
const aliveGroups = (nowMs: number, ofPools: RawBuilder<unknown>) => sql`
  select a.worker_pool_id, a.launch_config_id, a.state, a.capacity, q.quarantined, q.machines
  from (
    select worker_pool_id, launch_config_id, state, capacity, count(*) as machines,
      count(*) filter (where quarantine_until > ${bigint(nowMs)}) as quarantined_machines
    from workers where state <> 'stopped' and ${ofPools}
    group by worker_pool_id, launch_config_id, state, capacity) a
  cross join lateral (
    values (false, a.machines - a.quarantined_machines), (true, a.quarantined_machines)) q (quarantined, machines)
  where q.machines > 0`;

/** The groups with what their launch configs are; workers without one are static. */
const withArchived = (groups: RawBuilder<unknown>) => sql`
  select g.worker_pool_id, g.launch_config_id, g.state, g.quarantined, g.capacity, g.machines,
    g.launch_config_id is not null as launched, g.launch_config_id is not null and coalesce(c.is_archived, true) as archived
  from ${groups} g left join launch_configs c using (worker_pool_id, launch_config_id)`;

/** Launches that are not done, with the columns of OpenLaunch. */
const unfinishedLaunches = (nowMs: number, ofPools: RawBuilder<unknown>) => sql`
  select worker_pool_id, l.token, l.status, l.count, l.in_doubt_attempts, l.created, l.closed, launch_config_id,
    l.provider_id, l.capacity_per_machine, l.next_attempt_at, l.in_doubt_since, l.reported_at,
    l.count * l.capacity_per_machine as capacity, coalesce(c.is_archived, true) as archived,
    coalesce(l.in_doubt_since <= ${bigint(nowMs - MAX_IN_DOUBT_MS)}, false) as overdue
  from launches l left join launch_configs c using (worker_pool_id, launch_config_id)
  where l.status in ('open', 'fulfilled') and ${ofPools}`;

/** What the capacity of a pool, or of all pools, is counted from: the tables `grouped` and `unfinished`. */
const capacityTables = (nowMs: number, ofPools: RawBuilder<unknown>) => sql`
  alive as (${aliveGroups(nowMs, ofPools)}),
  grouped as (${withArchived(sql`alive`)}),
  unfinished as (${unfinishedLaunches(nowMs, ofPools)})`;

export interface PoolCapacity extends CapacityByState, ScalingBounds {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly held: boolean;
  /** Whether an active launch config is not backed off. */
  readonly launchable: boolean;
  /** Running machines that advice may end. */
  readonly groups: readonly MachineGroup[];
  /** Capacity of the smallest machine that a launch config can launch; null when none can launch any. */
  readonly machineCapacity: number | null;
  /** The latest poll's reading; the one before it is not needed. */
  readonly readings: DemandReadings | null;
  /** When that was, and when the queue is to be read again. */
  readonly reading: { readonly readAt: number; readonly dueAt: number } | null;
  readonly created: number;
  /** What its last decision left; null when there was none. */
  readonly basis: DecisionBasis | null;
  /** When a reconciliation can do something about one of its unfinished launches; null when none can. */
  readonly launchDueAt: number | null;
}

/** A launch that waits this long for the reconciliation that began it has lost it. */
const LOST_AFTER_MS = 10_000;

/** Each pool's open launches, and when a reconciliation can do something about one of its unfinished ones. */
const launchesByPool = (providerIds: readonly string[]) => sql`
  select l.worker_pool_id, jsonb_agg(jsonb_build_object('archived', l.archived, 'overdue', l.overdue,
      'capacity', l.capacity)) filter (where l.status = 'open') as open, min(l.due_at) as due_at
  from (
    select l.*,
      case
        when l.provider_id in (select jsonb_array_elements_text(${jsonb(providerIds)})) or (l.status = 'open' and l.in_doubt_attempts = 0)
          then coalesce(case l.status when 'open' then l.next_attempt_at end, coalesce(l.closed, l.created) + ${LOST_AFTER_MS})
        when l.status = 'open' and l.reported_at is null then l.in_doubt_since + ${MAX_IN_DOUBT_MS}
      end as due_at
    from unfinished l) l
  group by l.worker_pool_id`;

/** What decides how large the machines of each pool's active launch configs are. */
const machineSizes = (ofPools: RawBuilder<unknown>) => sql`
  select m.worker_pool_id, jsonb_agg(to_jsonb(m)) as sizes
  from (
    select distinct c.worker_pool_id, s ->> 'initialWeight' as initial_weight, s ->> 'maxCapacity' as max_capacity,
      coalesce(s ->> 'capacityPerInstance', r.configuration ->> 'capacityPerInstance', '1') as capacity_per_instance
    from launch_configs c join launch_config_revisions r using (worker_pool_id, launch_config_id, revision)
    cross join lateral (select r.configuration -> 'workerManager' as s) s
    where not c.is_archived and ${ofPools}) m
  group by m.worker_pool_id`;

interface CapacityRequest {
  readonly nowMs: number;
  /**
   * Those that this deployment can call: of a launch that was sent to another one nothing can be done but to report it
   * once.
   */
  readonly providerIds: readonly string[];
}

/**
 * Every pool that is not deleted, and those deleted ones that a reconciliation still has work for, in one statement.
 */
export const allPoolsCapacity = (db: Db, request: CapacityRequest): Promise<PoolCapacity[]> =>
  capacityOfPools(db, request, sql`true`);

/** The same of one pool; null when it is none of these. */
export async function poolCapacity(
  db: Db,
  workerPoolId: string,
  request: CapacityRequest,
): Promise<PoolCapacity | null> {
  return (await capacityOfPools(db, request, sql`worker_pool_id = ${workerPoolId}`))[0] ?? null;
}

async function capacityOfPools(
  db: Db,
  { nowMs, providerIds }: CapacityRequest,
  ofPools: RawBuilder<unknown>,
): Promise<PoolCapacity[]> {
  const { rows } = await sql<
    Omit<PoolCapacity, keyof CapacityByState | 'groups' | 'machineCapacity' | 'readings' | 'reading'> & {
      workers: WorkerGroup[] | null;
      open: OpenLaunch[] | null;
      readings: Record<string, unknown> | null;
      sizes: Record<string, string | null>[] | null;
    }
  >`
    with ${capacityTables(nowMs, ofPools)},
    live as (
      select worker_pool_id, jsonb_agg(to_jsonb(g)) as workers
      from (
        select worker_pool_id, state, quarantined, capacity, launched, archived, sum(machines) as machines
        from grouped group by worker_pool_id, state, quarantined, capacity, launched, archived) g
      group by worker_pool_id),
    open_launches as (${launchesByPool(providerIds)}),
    machines as (${machineSizes(ofPools)})
    select p.worker_pool_id, p.provider_id, p.created, l.workers, u.open, u.due_at as launch_due_at, m.sizes,
      cast(coalesce(p.config ->> 'minCapacity', '0') as float8) as min_capacity,
      cast(coalesce(p.config ->> 'maxCapacity', '0') as float8) as max_capacity,
      cast(coalesce(p.config ->> 'scalingRatio', '1') as float8) as scaling_ratio,
      exists (select 1 from holds h where h.scope in (p.worker_pool_id, '*')) as held,
      exists (
        select 1 from launch_configs c
        left join launch_backoffs b using (worker_pool_id, launch_config_id, revision)
        where c.worker_pool_id = p.worker_pool_id and not c.is_archived and coalesce(b.until, 0) <= ${bigint(nowMs)}
      ) as launchable,
      to_jsonb(r) as readings, d.basis
    from worker_pools p
    left join live l using (worker_pool_id)
    left join open_launches u using (worker_pool_id)
    left join machines m using (worker_pool_id)
    left join demand_readings r using (worker_pool_id)
    left join lateral (
      select basis from decisions d where d.worker_pool_id = p.worker_pool_id order by d.id desc limit 1) d on true
    where (p.provider_id <> 'null-provider' or l.worker_pool_id is not null or u.worker_pool_id is not null) and ${ofPools}
    order by p.worker_pool_id`.execute(db);
  return rows.map(({ workers, open, readings, sizes, ...row }) => ({
    ...row,
    ...capacityByState(workers ?? [], open ?? []),
    groups: endableMachines(workers ?? []),
    machineCapacity: smallestMachine((sizes ?? []).map(sizeOf), row.maxCapacity),
    ...readingOf(readings && camelKeys<DemandReadingsRow>(readings)),
  }));
}

const readingOf = (row: DemandReadingsRow | null): Pick<PoolCapacity, 'readings' | 'reading'> => ({
  readings: row && readingsOf(row),
  reading: row && { readAt: row.readAt, dueAt: Number(row.dueAt) },
});

const sizeOf = (row: Record<string, string | null>) => ({
  initialWeight: numberOrNull(row['initial_weight']),
  maxCapacity: numberOrNull(row['max_capacity']),
  capacityPerInstance: Number(row['capacity_per_instance']),
});

const numberOrNull = (text: string | null | undefined): number | null => (text == null ? null : Number(text));
