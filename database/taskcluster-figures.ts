import { sql } from 'kysely';
import type { AdvisedWorkers, GroupCapacity, PoolFigures } from '../observability/taskcluster-metrics.js';
import type { Db } from './client/schema.js';
import { bigint } from './client/sql.js';

/** Rows for metrics under Taskcluster's names: of live workers, and of each pool's last reading and decision. */

/** By pool, provider and worker group, from an index alone. */
export async function groupCapacities(db: Db, nowMs: number): Promise<GroupCapacity[]> {
  const sum = (condition: string) =>
    sql`cast(coalesce(sum(capacity) filter (where ${sql.raw(condition)}), 0) as bigint)`;
  const { rows } = await sql<GroupCapacity>`
    select worker_pool_id, provider_id, worker_group, cast(coalesce(sum(capacity) filter (
        where state in ('requested', 'running') and coalesce(quarantine_until, 0) <= ${bigint(nowMs)}), 0) as bigint) as existing,
      ${sum(`state = 'requested'`)} as requested, ${sum(`state = 'stopping'`)} as stopping
    from workers where state <> 'stopped' group by 1, 2, 3`.execute(db);
  return rows;
}

export async function poolFigures(db: Db): Promise<PoolFigures[]> {
  const { rows } = await sql<PoolFigures>`
    select p.worker_pool_id, p.provider_id, r.pending_tasks, r.claimed_tasks,
      cast(d.decision -> 'estimate' ->> 'idleCapacity' as float8) as total_idle_capacity,
      cast(d.decision -> 'estimate' ->> 'adjustedPending' as float8) as adjusted_pending_tasks,
      cast(d.decision -> 'estimate' ->> 'existingCapacity' as float8)
        + cast(d.decision -> 'inputs' ->> 'stoppingCapacity' as float8)
        + cast(d.decision -> 'estimate' ->> 'spawnCapacity' as float8) as desired_capacity
    from demand_readings r join worker_pools p using (worker_pool_id)
    left join lateral (
      select decision from decisions d where d.worker_pool_id = p.worker_pool_id order by d.id desc limit 1) d on true`.execute(
    db,
  );
  return rows;
}

export async function advisedWorkers(db: Db): Promise<AdvisedWorkers[]> {
  const { rows } = await sql<AdvisedWorkers>`
    select worker_pool_id, provider_id, should_terminate ->> 'reason' as reason, count(*) as workers from workers
    where state = 'running' and should_terminate ->> 'terminate' = 'true' group by 1, 2, 3`.execute(db);
  return rows;
}
