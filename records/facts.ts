import { sql } from 'kysely';
import type { CapacityByState } from '../domain/estimator.js';
import { isOverdue, MAX_IN_DOUBT_MS } from '../domain/launch.js';
import { type LaunchConfigOption, MAX_UNREGISTERED } from '../domain/selection.js';
import { capacityPerInstance, type LaunchConfig, type WorkerPool } from '../domain/worker-pool.js';
import { getPool } from './pools.js';
import type { Db, Hold, LaunchRow } from './schema.js';
import { holdOf } from './holds.js';
import { bigint } from './sql.js';

/** Of one pool. An open launch counts as requested capacity, because it may exist; one in doubt for long only takes room. */
export interface PoolFacts extends CapacityByState {
  readonly pool: WorkerPool;
  /** The active ones, by id, in the same order as `options`. */
  readonly launchConfigs: readonly LaunchConfig[];
  readonly options: readonly LaunchConfigOption[];
  /** Oldest first. */
  readonly unfinished: readonly UnfinishedLaunch[];
  readonly hold: Hold | null;
}

export type UnfinishedLaunch = Pick<
  LaunchRow,
  | 'token'
  | 'status'
  | 'count'
  | 'doubtfulAttempts'
  | 'created'
  | 'launchConfigId'
  | 'providerId'
  | 'capacityPerMachine'
  | 'nextAttemptAt'
  | 'inDoubtSince'
  | 'reportedAt'
>;

const HOUR_MS = 3_600_000;

/** Everything that a tick needs to know of its pool; null when there is no such pool. Four queries. */
export async function poolFacts(db: Db, workerPoolId: string, nowMs: number): Promise<PoolFacts | null> {
  const [found, hold, unfinished, used] = await Promise.all([
    getPool(db, workerPoolId),
    holdOf(db, workerPoolId),
    unfinishedOf(db, workerPoolId),
    usageOf(db, workerPoolId, nowMs),
  ]);
  if (found === null) return null;
  const usage = new Map(used.map((row) => [row.launchConfigId, row]));
  const open = unfinished.filter((launch) => launch.status === 'open');
  const overdue = open.filter((launch) => isOverdue(launch, nowMs));
  const awaited = open.filter((launch) => !overdue.includes(launch));
  const requested = sum(used, (row) => row.requested) + sum(awaited, capacityOf);
  const running = sum(used, (row) => row.running);
  const existingOf = (launchConfigId: string): number => {
    const of = usage.get(launchConfigId);
    const openOfIt = awaited.filter((launch) => launch.launchConfigId === launchConfigId);
    return (of ? of.requested + of.running : 0) + sum(openOfIt, capacityOf);
  };
  return {
    pool: found.pool,
    launchConfigs: found.launchConfigs,
    options: found.launchConfigs.map((launchConfig) => {
      const of = usage.get(launchConfig.launchConfigId);
      const openOfIt = open.filter((launch) => launch.launchConfigId === launchConfig.launchConfigId);
      return {
        launchConfigId: launchConfig.launchConfigId,
        revision: launchConfig.revision,
        initialWeight: launchConfig.configuration.workerManager?.initialWeight ?? null,
        maxCapacity: launchConfig.configuration.workerManager?.maxCapacity ?? null,
        capacityPerInstance: capacityPerInstance(launchConfig.configuration),
        usedCapacity: (of ? of.requested + of.running + of.stopping : 0) + sum(openOfIt, capacityOf),
        recentErrors: of?.recentErrors ?? 0,
        backoffUntil: of?.revision === launchConfig.revision ? of.until : null,
        openLaunches: openOfIt.length,
        unregisteredRoom:
          of?.unregistered && of.revision === launchConfig.revision
            ? Math.max(0, MAX_UNREGISTERED - of.requestedMachines - sum(openOfIt, ({ count }) => count))
            : null,
      };
    }),
    requestedCapacity: requested,
    runningCapacity: running,
    stoppingCapacity: sum(used, (row) => row.stopping),
    quarantinedCapacity: 0,
    inDoubtCapacity: sum(overdue, capacityOf),
    currentCapacity: sum(found.launchConfigs, ({ launchConfigId }) => existingOf(launchConfigId)),
    unfinished,
    hold,
  };
}

const sum = <T>(rows: readonly T[], of: (row: T) => number): number => rows.reduce((total, row) => total + of(row), 0);
const capacityOf = (launch: UnfinishedLaunch): number => launch.count * launch.capacityPerMachine;

async function unfinishedOf(db: Db, workerPoolId: string): Promise<UnfinishedLaunch[]> {
  return await db
    .selectFrom('launches')
    .select([
      'token',
      'status',
      'count',
      'doubtfulAttempts',
      'created',
      'launchConfigId',
      'providerId',
      'capacityPerMachine',
      'nextAttemptAt',
      'inDoubtSince',
      'reportedAt',
    ])
    .where('workerPoolId', '=', workerPoolId)
    .where('status', 'in', ['open', 'booked'])
    .orderBy('created')
    .orderBy('token')
    .execute();
}

interface Usage {
  /** Null: workers and errors without one. */
  launchConfigId: string | null;
  requested: number;
  running: number;
  stopping: number;
  requestedMachines: number;
  recentErrors: number;
  until: number | null;
  /** The last machine that came to an end did so before it had registered. */
  unregistered: boolean | null;
  /** The one that `until` and `unregistered` hold for. */
  revision: number | null;
}

/**
 * By launch config: capacity, errors of the last hour, back-off. An error that occurred over a longer time than an hour
 * is one row with a count; it is taken to have occurred evenly.
 */
async function usageOf(db: Db, workerPoolId: string, nowMs: number): Promise<Usage[]> {
  const { rows } = await sql<Usage>`
    with capacity as (
      select launch_config_id,
        coalesce(sum(capacity) filter (where state = 'requested'), 0) as requested,
        coalesce(sum(capacity) filter (where state = 'running'), 0) as running,
        coalesce(sum(capacity) filter (where state = 'stopping'), 0) as stopping,
        count(*) filter (where state = 'requested') as requested_machines
      from workers where worker_pool_id = ${workerPoolId} and state <> 'stopped' group by launch_config_id),
    errors as (
      select launch_config_id,
        cast(sum(greatest(1, ceil(occurrences * least(1.0, ${HOUR_MS} / greatest(1.0, reported - first_reported))))) as int) as recent
      from worker_pool_errors where worker_pool_id = ${workerPoolId} and kind <> 'termination-error' and reported > ${bigint(nowMs - HOUR_MS)}
      group by launch_config_id),
    backoffs as (
      select b.launch_config_id, b.until, b.revision, b.unregistered
      from launch_backoffs b join launch_configs c using (worker_pool_id, launch_config_id)
      where b.worker_pool_id = ${workerPoolId}),
    ids as (
      select launch_config_id from capacity union select launch_config_id from errors
      union select launch_config_id from backoffs)
    select i.launch_config_id, coalesce(c.requested, 0) as requested, coalesce(c.running, 0) as running,
      coalesce(c.stopping, 0) as stopping, coalesce(e.recent, 0) as recent_errors, b.until, b.revision,
      b.unregistered, coalesce(c.requested_machines, 0) as requested_machines
    from ids i
    left join capacity c on c.launch_config_id is not distinct from i.launch_config_id
    left join errors e on e.launch_config_id is not distinct from i.launch_config_id
    left join backoffs b on b.launch_config_id = i.launch_config_id`.execute(db);
  return rows;
}

export interface PoolCapacity extends CapacityByState {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly scalingRatio: number;
  readonly held: boolean;
  /** Whether an active launch config does not rest. */
  readonly launchable: boolean;
  /** When the oldest launch that a tick must go on with was made; null when there is none. */
  readonly oldestUnfinishedLaunch: number | null;
  /** Running workers that were told to stop when idle because there are too many. */
  readonly toldToTerminate: number;
  /** Running capacity that launches made: static workers are told nothing. */
  readonly launchedRunningCapacity: number;
  /** The same without its largest machine: when that alone reaches the target, a machine is too many. */
  readonly spareAbove: number;
}

/** Every pool that is not deleted, and those deleted ones that a tick still has work for, in one query. */
export async function allPoolsCapacity(db: Db, nowMs: number): Promise<PoolCapacity[]> {
  const { rows } = await sql<PoolCapacity>`
    with live as (
      select w.worker_pool_id,
        coalesce(sum(capacity) filter (where state = 'requested'), 0) as requested,
        coalesce(sum(capacity) filter (where state = 'running'), 0) as running,
        coalesce(sum(capacity) filter (where state = 'stopping'), 0) as stopping,
        coalesce(sum(capacity) filter (where state in ('requested', 'running') and not c.is_archived), 0) as current,
        coalesce(sum(capacity) filter (where state = 'running' and launch_token is not null), 0) as launched,
        coalesce(max(capacity) filter (where state = 'running' and launch_token is not null), 0) as largest,
        count(*) filter (where state = 'running' and should_terminate @> '{"reason": "over capacity"}') as told
      from workers w left join launch_configs c using (worker_pool_id, launch_config_id)
      where state <> 'stopped' group by w.worker_pool_id),
    unfinished as (
      select l.worker_pool_id, min(l.created) as oldest,
        coalesce(sum(count * capacity_per_machine) filter (where status = 'open' and not overdue), 0) as open,
        coalesce(sum(count * capacity_per_machine) filter (where status = 'open' and overdue), 0) as in_doubt,
        coalesce(sum(count * capacity_per_machine)
          filter (where status = 'open' and not overdue and not c.is_archived), 0) as current
      from (select *, coalesce(in_doubt_since <= ${bigint(nowMs - MAX_IN_DOUBT_MS)}, false) as overdue from launches) l left join launch_configs c using (worker_pool_id, launch_config_id)
      where status in ('open', 'booked') group by l.worker_pool_id)
    select p.worker_pool_id, p.provider_id,
      coalesce(l.current, 0) + coalesce(u.current, 0) as current_capacity, 0 as quarantined_capacity,
      coalesce(u.in_doubt, 0) as in_doubt_capacity,
      coalesce(l.requested, 0) + coalesce(u.open, 0) as requested_capacity,
      coalesce(l.running, 0) as running_capacity, coalesce(l.stopping, 0) as stopping_capacity,
      cast(coalesce(p.config ->> 'minCapacity', '0') as float8) as min_capacity,
      cast(coalesce(p.config ->> 'maxCapacity', '0') as float8) as max_capacity,
      cast(coalesce(p.config ->> 'scalingRatio', '1') as float8) as scaling_ratio,
      exists (select 1 from holds h where h.scope in (p.worker_pool_id, '*')) as held,
      exists (
        select 1 from launch_configs c
        left join launch_backoffs b using (worker_pool_id, launch_config_id, revision)
        where c.worker_pool_id = p.worker_pool_id and not c.is_archived and coalesce(b.until, 0) <= ${bigint(nowMs)}
      ) as launchable,
      u.oldest as oldest_unfinished_launch, coalesce(l.told, 0) as told_to_terminate,
      coalesce(l.launched, 0) - coalesce(l.largest, 0) as spare_above, coalesce(l.launched, 0) as launched_running_capacity
    from worker_pools p
    left join live l using (worker_pool_id)
    left join unfinished u using (worker_pool_id)
    where p.provider_id <> 'null-provider' or l.worker_pool_id is not null or u.worker_pool_id is not null
    order by p.worker_pool_id`.execute(db);
  return rows;
}
