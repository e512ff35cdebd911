import { sql } from 'kysely';
import type { WorkerKey } from '../domain/ids.js';
import type { Worker } from '../domain/worker.js';
import type { WorkerPool } from '../domain/worker-pool.js';
import type { Db } from './client/schema.js';
import { camelKeys, isWorker } from './client/sql.js';

export interface RegistrationSnapshot {
  readonly pool: WorkerPool | null;
  readonly worker: Worker | null;
  /** `workerConfig` of the launch config revision that the worker was launched from; null for static workers. */
  readonly workerConfig: Readonly<Record<string, unknown>> | null;
  /** When the worker first called with its credentials; null when it has not. */
  readonly credentialsUsedAt: number | null;
  /** Whether a machine of this pool and claimed provider may exist that has no row yet. */
  readonly hasOpenLaunch: boolean;
}

/** Everything that a registration is judged by, in one round trip. `providerId` is the one that the caller claims. */
export async function registrationSnapshot(db: Db, key: WorkerKey, providerId: string): Promise<RegistrationSnapshot> {
  const { rows } = await sql<{
    pool: Record<string, unknown> | null;
    worker: Record<string, unknown> | null;
    workerConfig: Record<string, unknown> | null;
    credentialsUsedAt: number | null;
    hasOpenLaunch: boolean;
  }>`
    select
      (select to_jsonb(p) from worker_pools p where p.worker_pool_id = ${key.workerPoolId}) as pool,
      to_jsonb(w) as worker,
      (select r.configuration -> 'workerConfig' from launch_config_revisions r where r.worker_pool_id = w.worker_pool_id
        and r.launch_config_id = w.launch_config_id and r.revision = w.launch_config_revision) as worker_config,
      (select s.first_call_at from credentials_used s where s.worker_pool_id = w.worker_pool_id
        and s.worker_group = w.worker_group and s.worker_id = w.worker_id) as credentials_used_at,
      exists (select 1 from launches l where l.worker_pool_id = ${key.workerPoolId} and l.status = 'open'
        and l.provider_id = ${providerId}) as has_open_launch
    from (select 1) one left join workers w on ${isWorker(key)}`.execute(db);
  const row = rows[0]!;
  return {
    pool: row.pool === null ? null : camelKeys<WorkerPool>(row.pool),
    worker: row.worker === null ? null : camelKeys<Worker>(row.worker),
    workerConfig: row.workerConfig,
    credentialsUsedAt: row.credentialsUsedAt,
    hasOpenLaunch: row.hasOpenLaunch,
  };
}
