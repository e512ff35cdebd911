import { sql } from 'kysely';
import { auditRow } from './audit.js';
import type { Db, PoolRevisionRow } from './client/schema.js';
import { text } from './client/sql.js';
import { spanClock } from './spans.js';

/** The pool `p` with its active launch configs (domain/evidence.ts, `PoolDefinition`). */
const definition = sql`jsonb_build_object('providerId', p.provider_id, 'description', p.description, 'owner', p.owner,
  'emailOnError', p.email_on_error, 'config', p.config, 'launchConfigs', coalesce((
    select jsonb_agg(jsonb_build_object('launchConfigId', c.launch_config_id, 'revision', c.revision,
      'configuration', r.configuration) order by c.launch_config_id)
    from launch_configs c join launch_config_revisions r using (worker_pool_id, launch_config_id, revision)
    where c.worker_pool_id = p.worker_pool_id and not c.is_archived), '[]'))`;

/**
 * After a change of a pool, in its transaction: who made it, and the definition that is in force from then on, unless
 * it is the one before. Numbers of revisions go on when a name is used again.
 */
export async function recordRevision(
  db: Db,
  workerPoolId: string,
  {
    action,
    clientId,
    nowMs,
  }: Pick<PoolRevisionRow, 'clientId'> & {
    readonly action: 'created' | 'updated' | 'deleted';
    readonly nowMs: number;
  },
): Promise<void> {
  await sql`
    with ${spanClock},
    present as materialized (select ${definition} as definition from worker_pools p where worker_pool_id = ${workerPoolId}),
    last as materialized (
      select revision, action, definition from pool_revisions where worker_pool_id = ${workerPoolId}
      order by revision desc limit 1),
    revised as (
      insert into pool_revisions (worker_pool_id, revision, at, client_id, action, definition)
      select ${text(workerPoolId)}, coalesce(l.revision, 0) + 1, c.now, ${text(clientId)}, ${text(action)}, p.definition
      from clock c cross join present p left join last l on true
      where l.action is null or l.action = 'deleted' or ${text(action)} <> 'updated' or l.definition <> p.definition)
    ${auditRow({ at: nowMs, clientId, entityType: 'worker-pool', entityId: workerPoolId, action, detail: null })}`.execute(
    db,
  );
}
