import { sql, type RawBuilder } from 'kysely';
import type { FailureClass } from '../domain/backoff.js';
import { HOUR_MS, startOf } from '../domain/durations.js';
import type { Db } from './client/schema.js';
import { bigint } from './client/sql.js';

/** A pool with what its last poll and its last reconciliation say, beside its workers. */
export interface PoolOverview {
  readonly workerPoolId: string;
  readonly providerId: string;
  /** As submitted: a definition may leave it out. */
  readonly maxCapacity: unknown;
  /** The last poll that read its queue; null before the first. */
  readonly polledAt: number | null;
  readonly pendingTasks: number | null;
  readonly claimedTasks: number | null;
  /** The last reconciliation; null before the first. */
  readonly decidedAt: number | null;
  readonly wantedCapacity: number | null;
  readonly limitedBy: readonly string[] | null;
}

/** Pools by id, or the one that is named: two steps in indexes for each, and nothing of its history. */
export async function poolOverviews(db: Db, limit: number, workerPoolId: string | null): Promise<PoolOverview[]> {
  const ofPool = workerPoolId === null ? sql`true` : sql`worker_pool_id = ${workerPoolId}`;
  const { rows } = await sql<PoolOverview>`
    select p.worker_pool_id, p.provider_id, p.config -> 'maxCapacity' as max_capacity,
      r.read_at as polled_at, r.pending_tasks, r.claimed_tasks,
      d.last_at as decided_at,
      cast(d.decision -> 'estimate' ->> 'wantedCapacity' as double precision) as wanted_capacity,
      d.decision -> 'limitedBy' as limited_by
    from (select * from worker_pools where ${ofPool} order by worker_pool_id limit ${bigint(limit)}) p
    left join demand_readings r on r.worker_pool_id = p.worker_pool_id
    left join lateral (
      select last_at, decision from decisions d where d.worker_pool_id = p.worker_pool_id
      order by d.id desc limit 1) d on true
    order by p.worker_pool_id`.execute(db);
  return rows;
}

/**
 * Errors of the last 60 minutes by pool, from hourly counts: those of the hour before count for what is left of it, as
 * if they had come evenly.
 */
export async function errorsOfLastHour(db: Db, nowMs: number): Promise<ReadonlyMap<string, number>> {
  const hour = startOf(nowMs, HOUR_MS);
  const left = 1 - (nowMs - hour) / HOUR_MS;
  const { rows } = await sql<{ workerPoolId: string; errors: number }>`
    select worker_pool_id, cast(round(sum(case when hour >= ${bigint(hour)} then occurrences
      else occurrences * cast(${left} as double precision) end)) as bigint) as errors
    from worker_pool_error_hours where hour >= ${bigint(hour - HOUR_MS)} group by worker_pool_id`.execute(db);
  return new Map(rows.map(({ workerPoolId, errors }) => [workerPoolId, errors]));
}

/** A launch config's backoff. */
export interface PoolBackoff {
  readonly failureClass: FailureClass;
  readonly until: number;
}

/** Pools of which every launch config backs off, with the backoff that ends first. */
export async function backedOffPools(db: Db, nowMs: number): Promise<ReadonlyMap<string, PoolBackoff>> {
  const backsOff = (pool: RawBuilder<unknown>, launchConfig: RawBuilder<unknown>) => sql`
    exists (select 1 from launch_configs c join launch_backoffs b using (worker_pool_id, launch_config_id, revision)
      where c.worker_pool_id = ${pool} and c.launch_config_id = ${launchConfig} and not c.is_archived
        and b.until > ${bigint(nowMs)})`;
  const { rows } = await sql<PoolBackoff & { readonly workerPoolId: string }>`
    select distinct on (o.worker_pool_id) o.worker_pool_id, o.failure_class, o.until
    from launch_backoffs o
    where o.until > ${bigint(nowMs)} and ${backsOff(sql`o.worker_pool_id`, sql`o.launch_config_id`)}
      and not exists (
        select 1 from launch_configs a where a.worker_pool_id = o.worker_pool_id and not a.is_archived
          and not ${backsOff(sql`a.worker_pool_id`, sql`a.launch_config_id`)})
    order by o.worker_pool_id, o.until`.execute(db);
  return new Map(rows.map(({ workerPoolId, ...backoff }) => [workerPoolId, backoff]));
}
