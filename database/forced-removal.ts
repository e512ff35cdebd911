import { sql } from 'kysely';
import type { ForcedRemovalCandidate, ForcedRemovalInput } from '../domain/forced-removal.js';
import type { Db } from './client/schema.js';
import { bigint } from './client/sql.js';

/** The pool's running workers that a launch created and that are not quarantined. */
export async function runningCandidates(
  db: Db,
  workerPoolId: string,
  nowMs: number,
): Promise<Omit<ForcedRemovalCandidate, 'busy'>[]> {
  const { rows } = await sql<Omit<ForcedRemovalCandidate, 'busy'>>`
    select w.worker_group, w.worker_id, w.capacity, w.created, coalesce(c.is_archived, true) as archived,
      w.provider_id <> p.provider_id as of_former_provider
    from workers w join worker_pools p using (worker_pool_id)
    left join launch_configs c using (worker_pool_id, launch_config_id)
    where w.worker_pool_id = ${workerPoolId} and w.state = 'running' and w.launch_config_id is not null
      and coalesce(w.quarantine_until, 0) <= ${bigint(nowMs)}`.execute(db);
  return rows;
}

export async function runningMachines(
  db: Db,
  workerPoolId: string,
): Promise<Pick<ForcedRemovalInput, 'runningMachines' | 'stoppingMachines'>> {
  const { rows } = await sql<Pick<ForcedRemovalInput, 'runningMachines' | 'stoppingMachines'>>`
    select cast(count(*) filter (where state = 'running') as int) as running_machines,
      cast(count(*) filter (where state = 'stopping') as int) as stopping_machines
    from workers where worker_pool_id = ${workerPoolId} and state <> 'stopped'`.execute(db);
  return rows[0]!;
}
