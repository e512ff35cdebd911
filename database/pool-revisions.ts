import { sql } from 'kysely';
import type { PoolDefinition } from '../domain/evidence.js';
import { auditRow } from './audit.js';
import type { Db, PoolRevisionRow } from './client/schema.js';
import { jsonb, text } from './client/sql.js';
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
  const revised = sql`(select jsonb_build_object('revision', revision) from revised)`;
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
      where l.action is null or l.action = 'deleted' or ${text(action)} <> 'updated' or l.definition <> p.definition
      returning revision)
    ${auditRow({ at: nowMs, clientId, entityType: 'worker-pool', entityId: workerPoolId, action, detail: revised })}`.execute(
    db,
  );
}

/** A revision of a pool's definition, and the one before it; null: there was no such pool. */
export interface RevisedDefinition {
  readonly workerPoolId: string;
  readonly revision: number;
  readonly before: PoolDefinition | null;
  readonly after: PoolDefinition;
}

/** Those of these revisions that are still on record, with what they replaced. */
export async function revisedDefinitions(
  db: Db,
  revisions: readonly { readonly workerPoolId: string; readonly revision: number }[],
): Promise<RevisedDefinition[]> {
  if (revisions.length === 0) return [];
  const { rows } = await sql<RevisedDefinition>`
    select r.worker_pool_id, r.revision, r.definition as after,
      case when r.action <> 'created' then b.definition end as before
    from jsonb_to_recordset(${jsonb(revisions)}) as w("workerPoolId" text, revision int)
    join pool_revisions r on r.worker_pool_id = w."workerPoolId" and r.revision = w.revision
    left join pool_revisions b on b.worker_pool_id = r.worker_pool_id and b.revision = r.revision - 1
    -- Of one whose predecessor has gone nobody knows what it changed.
    where r.action = 'created' or b.definition is not null`.execute(db);
  return rows;
}
