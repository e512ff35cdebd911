import { sql } from 'kysely';
import type { WorkerKey } from '../domain/ids.js';
import type { ShouldTerminate } from '../domain/worker.js';
import type { TerminationCandidate, TerminationDecision } from '../domain/termination-advice.js';
import type { Db } from './client/schema.js';
import { bigint, databaseNow, isWorker, jsonb } from './client/sql.js';

/**
 * Where commits say, by the worker's key, that advice has changed or a worker's row is gone. The table's triggers send
 * it.
 */
export const ADVICE_CHANNEL = 'worker_advice';

export type Advice = Pick<ShouldTerminate, 'terminate' | 'reason'>;

const NO_ADVICE: Advice = { terminate: false, reason: 'none' };

/** What a worker is advised; null where there is no such worker. */
export async function terminationAdvice(db: Db, key: WorkerKey): Promise<Advice | null> {
  const { rows } = await sql<{ shouldTerminate: ShouldTerminate | null }>`
    select w.should_terminate from workers w where ${isWorker(key)}`.execute(db);
  const [row] = rows;
  if (!row) return null;
  return row.shouldTerminate === null
    ? NO_ADVICE
    : { terminate: row.shouldTerminate.terminate, reason: row.shouldTerminate.reason };
}

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
      select w.worker_group, w.worker_id, coalesce(w.should_terminate ->> 'terminate' = 'true', false) as was_advised
      from workers w
      join d on w.worker_group = d."workerGroup" and w.worker_id = d."workerId"
      where w.worker_pool_id = ${workerPoolId} and w.state <> 'stopped'
        and (w.should_terminate ->> 'terminate', w.should_terminate ->> 'reason')
          is distinct from (cast(d.terminate as text), d.reason)
      order by w.worker_group, w.worker_id for update of w),
    changed as (
      update workers w set should_terminate =
        jsonb_build_object('terminate', d.terminate, 'reason', d.reason, 'decidedAt', ${bigint(nowMs)})
      from locked join d on locked.worker_group = d."workerGroup" and locked.worker_id = d."workerId"
      where w.worker_pool_id = ${workerPoolId} and w.worker_group = locked.worker_group and w.worker_id = locked.worker_id
      returning w.worker_pool_id, w.worker_group, w.worker_id, d.terminate, d.reason, locked.was_advised),
    noted as (
      insert into worker_events (at, worker_pool_id, worker_group, worker_id, event, cause, data)
      select ${databaseNow}, worker_pool_id, worker_group, worker_id, case when terminate then 'advised' else 'spared' end,
        reason, '{}' from changed where terminate or was_advised)
    select 1 from changed`.execute(db);
  return rows.length;
}
