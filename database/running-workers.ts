import { sql } from 'kysely';
import type { RunningWorker } from '../domain/inactivity.js';
import type { Db } from './client/schema.js';

/** Pools with a registered worker that a launch created: the queue is polled about their workers. */
export async function poolsWithRunningWorkers(db: Db): Promise<string[]> {
  // A probe of the index for each pool, however many workers there are. A deleted pool keeps its row while it has
  // workers.
  const { rows } = await sql<{ workerPoolId: string }>`
    select p.worker_pool_id from worker_pools p
    where exists (select 1 from workers w where w.worker_pool_id = p.worker_pool_id and w.state = 'running'
      and w.queue_inactivity_ms is not null)
    order by p.worker_pool_id`.execute(db);
  return rows.map(({ workerPoolId }) => workerPoolId);
}

/** The pool's workers that have registered and that a launch created. */
export async function runningWorkers(db: Db, workerPoolId: string): Promise<RunningWorker[]> {
  const { rows } = await sql<RunningWorker>`
    select worker_group, worker_id, registered_at, queue_inactivity_ms, quarantine_until from workers
    where worker_pool_id = ${workerPoolId} and state = 'running' and registered_at is not null
      and queue_inactivity_ms is not null`.execute(db);
  return rows;
}
