import { sql } from 'kysely';
import { NULL_PROVIDER } from '../domain/ids.js';
import type { Db } from './schema.js';
import { bigint, inTransaction, jsonb } from './sql.js';

/** Configuration `retention`. */
export interface Retention {
  readonly stoppedWorkersDays: number;
  readonly errorsDays: number;
  readonly decisionsDays: number;
}

const DAY_MS = 86_400_000;
/** Rows that nobody is promised to find: events that no publisher takes, old scans, rests that are long over. */
const SHORT_DAYS = 7;

/**
 * Deletes what is older than it need be. A worker's row goes only when the worker has stopped, its time is over, and its
 * launch only when no worker of it is left.
 */
export async function expireRows(db: Db, retention: Retention, nowMs: number): Promise<void> {
  const before = (days: number) => bigint(Math.floor(nowMs - days * DAY_MS));
  const stopped = before(retention.stoppedWorkersDays);
  await sql`delete from workers where state = 'stopped' and expires < ${bigint(nowMs)} and stopped_at < ${stopped}`.execute(
    db,
  );
  await sql`delete from signs_of_life s where not exists (select 1 from workers w where w.worker_pool_id = s.worker_pool_id
    and w.worker_group = s.worker_group and w.worker_id = s.worker_id)`.execute(db);
  await sql`delete from scan_notes s where not exists (select 1 from workers w where w.worker_pool_id = s.worker_pool_id
    and w.worker_group = s.worker_group and w.worker_id = s.worker_id and w.state <> 'stopped')`.execute(db);
  await sql`delete from launches l where status in ('done', 'failed') and closed < ${stopped}
    and not exists (select 1 from workers w where w.launch_token = l.token)`.execute(db);
  await sql`delete from worker_pool_errors where reported < ${before(retention.errorsDays)}`.execute(db);
  await sql`delete from decisions where last_at < ${before(retention.decisionsDays)}`.execute(db);
  await sql`delete from events where at < ${before(SHORT_DAYS)}`.execute(db);
  await sql`delete from scans s where begun < ${before(SHORT_DAYS)} and begun <
    (select max(l.begun) from scans l where l.provider_id = s.provider_id and l.complete)`.execute(db);
  await sql`delete from launch_backoffs where until < ${before(1)}`.execute(db);
}

/** Archived launch configs that no worker row and no launch of their own pool points at, with all their revisions. */
export async function removeArchivedLaunchConfigs(db: Db): Promise<{ workerPoolId: string; launchConfigId: string }[]> {
  const { rows } = await sql<{ workerPoolId: string; launchConfigId: string }>`
    with removed as (
      delete from launch_configs c where is_archived
        and not exists (select 1 from workers w
          where w.worker_pool_id = c.worker_pool_id and w.launch_config_id = c.launch_config_id)
        and not exists (select 1 from launches l where l.worker_pool_id = c.worker_pool_id
          and l.launch_config_id = c.launch_config_id and l.status in ('open', 'booked'))
      returning worker_pool_id, launch_config_id),
    revisions as (
      delete from launch_config_revisions r using removed c
      where r.worker_pool_id = c.worker_pool_id and r.launch_config_id = c.launch_config_id)
    select * from removed`.execute(db);
  return rows;
}

/** Everything that belongs to a pool and to nothing else. The audit trail stays. */
const OF_A_POOL = [
  'launch_configs',
  'launch_config_revisions',
  'workers',
  'signs_of_life',
  'scan_notes',
  'launch_backoffs',
  'worker_pool_errors',
  'decisions',
  'worker_pools',
];

/**
 * Removes deleted pools that have no live worker and no unfinished launch, with all that is theirs, so that a pool of
 * the same name begins anew (W41). Gives their ids.
 */
export function removeDeletedPools(db: Db): Promise<string[]> {
  return inTransaction(db, async (trx) => {
    // The lock keeps a reservation or an update of the pool from coming in between.
    const { rows } = await sql<{ workerPoolId: string }>`
      select worker_pool_id from worker_pools p where provider_id = ${NULL_PROVIDER}
        and not exists (select 1 from workers w where w.worker_pool_id = p.worker_pool_id and w.state <> 'stopped')
        and not exists (select 1 from launches l where l.worker_pool_id = p.worker_pool_id and l.status in ('open', 'booked'))
      for update skip locked`.execute(trx);
    const ids = rows.map((row) => row.workerPoolId);
    if (ids.length === 0) return [];
    const removed = sql`(select jsonb_array_elements_text(${jsonb(ids)}))`;
    for (const table of OF_A_POOL) {
      await sql`delete from ${sql.raw(table)} where worker_pool_id in ${removed}`.execute(trx);
    }
    await sql`delete from holds where scope in ${removed}`.execute(trx);
    return ids;
  });
}
