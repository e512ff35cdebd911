import { sql } from 'kysely';
import type { TerminationCandidate, TerminationDecision } from '../domain/termination-advice.js';
import type { Db } from './client/schema.js';
import { bigint, jsonb } from './client/sql.js';

/** The pool's running workers that a launch created and that are not quarantined. */
export async function terminationCandidates(
  db: Db,
  workerPoolId: string,
  nowMs: number,
): Promise<TerminationCandidate[]> {
  const { rows } = await sql<TerminationCandidate>`
    select w.worker_group, w.worker_id, w.capacity, w.created, cast(null as boolean) as busy,
      coalesce(c.is_archived, true) as archived
    from workers w left join launch_configs c using (worker_pool_id, launch_config_id)
    where w.worker_pool_id = ${workerPoolId} and w.state = 'running' and w.launch_config_id is not null
      and coalesce(w.quarantine_until, 0) <= ${bigint(nowMs)}`.execute(db);
  return rows;
}

/**
 * Writes the verdicts that changed, in one statement, in the order of the workers' ids so that two cannot deadlock;
 * gives how many did. `decidedAt` is when a verdict last changed.
 */
export async function setShouldTerminate(
  db: Db,
  workerPoolId: string,
  decisions: readonly TerminationDecision[],
  nowMs: number,
): Promise<number> {
  if (decisions.length === 0) return 0;
  const { rows } = await sql`
    with d as (
      select * from jsonb_to_recordset(${jsonb(decisions)})
        as d("workerGroup" text, "workerId" text, terminate boolean, reason text)),
    locked as materialized (
      select w.worker_group, w.worker_id from workers w
      join d on w.worker_group = d."workerGroup" and w.worker_id = d."workerId"
      where w.worker_pool_id = ${workerPoolId} and w.state <> 'stopped'
        and (w.should_terminate ->> 'terminate', w.should_terminate ->> 'reason')
          is distinct from (cast(d.terminate as text), d.reason)
      order by w.worker_group, w.worker_id for update of w)
    update workers w set should_terminate =
      jsonb_build_object('terminate', d.terminate, 'reason', d.reason, 'decidedAt', ${bigint(nowMs)})
    from locked join d on locked.worker_group = d."workerGroup" and locked.worker_id = d."workerId"
    where w.worker_pool_id = ${workerPoolId} and w.worker_group = locked.worker_group and w.worker_id = locked.worker_id
    returning 1`.execute(db);
  return rows.length;
}
