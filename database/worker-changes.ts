import { sql, type RawBuilder } from 'kysely';
import { WORKER_CLIENT_PREFIX, type WorkerKey, workerKeyText } from '../domain/ids.js';
import type { Worker } from '../domain/worker.js';
import { auditRow } from './audit.js';
import { errorIdOf, storeError, type NewWorkerPoolError } from './errors.js';
import { announceWorkers } from './events.js';
import { recoveryOfWorker, type Backoff, backoffOfWorker } from './launch-failures.js';
import type { Db } from './client/schema.js';
import { bigint, int, isWorker, jsonb, storable, text } from './client/sql.js';
import { registeredData, requestedData, stoppingData, workerEvent } from './worker-events.js';

/**
 * What a worker's lifecycle writes of it. Each is one statement, holds for a row in the states it names only, and gives
 * the row that it changed: repeated after a lost answer, it changes nothing, announces nothing and gives null. Nothing
 * leaves `stopped`.
 */

export interface Credentials {
  readonly terminateAfter: number | null;
  /** Null leaves it as it is. */
  readonly expires: number | null;
  /** Never goes back: a late repeat of an older answer changes nothing. */
  readonly secretGeneration: number;
  readonly nowMs: number;
}

/**
 * From requested, or from running when a registration is repeated: then the first registration's time stands, and
 * `isFirst` is false. That a machine registers is the first proof that its launch config works: `endsBackoff` says
 * whether that was needed.
 */
export function recordRunning(
  db: Db,
  key: WorkerKey,
  change: Credentials & { registeredAt: number; queueInactivityMs?: number; systemBootTime?: number | null },
): Promise<(Worker & { readonly isFirst: boolean; readonly endsBackoff: boolean }) | null> {
  return execute(
    db,
    sql`
    with changed as (
      update workers w set state = 'running', registered_at = ${bigint(change.registeredAt)}, ${credentials(change)},
        queue_inactivity_ms = case when w.launch_token is null then null else ${bigint(change.queueInactivityMs ?? null)} end,
        system_boot_time = ${bigint(change.systemBootTime ?? null)},
        last_modified = ${bigint(change.nowMs)}
      where ${isWorker(key)} and w.state = 'requested' and w.secret_generation <= ${int(change.secretGeneration)}
      returning w.*),
    announced as (${announceWorkers('worker-running', change.nowMs)}),
    noted as (${workerEvent('registered', { data: registeredData })}),
    ${recoveryOfWorker()},
    again as (
      update workers w set registered_at = coalesce(w.registered_at, ${bigint(change.registeredAt)}), ${credentials(change)}
      where ${isWorker(key)} and w.state = 'running' and w.secret_generation <= ${int(change.secretGeneration)}
        and ${differs(change)}
      returning w.*)
    select *, true as is_first, exists (select 1 from proven union all select 1 from recovered) as ends_backoff from changed
    union all select *, false, false from again`,
  );
}

/** What the queue says of a running worker's quarantine; null when the row says the same. */
export function recordQuarantine(db: Db, key: WorkerKey, quarantineUntil: number | null): Promise<Worker | null> {
  return execute(
    db,
    sql`
    update workers w set quarantine_until = ${bigint(quarantineUntil)}
    where ${isWorker(key)} and w.state = 'running' and w.quarantine_until is distinct from ${bigint(quarantineUntil)}
    returning w.*`,
  );
}

/** New credentials of a running worker. */
export function recordCredentials(db: Db, key: WorkerKey, change: Credentials): Promise<Worker | null> {
  return execute(
    db,
    sql`
    update workers w set ${credentials(change)}
    where ${isWorker(key)} and w.state = 'running' and w.secret_generation <= ${int(change.secretGeneration)} and ${differs(change)}
    returning w.*`,
  );
}

/** From requested or running. `failure` is stored with it; with `backoff` the launch config backs off. */
export async function recordStopping(
  db: Db,
  key: WorkerKey,
  change: {
    reason: string;
    nowMs: number;
    failure?: NewWorkerPoolError;
    backoff?: Backoff;
    preempted?: boolean;
    /** Who wanted it; null or left out: the worker manager itself. */
    clientId?: string | null;
  },
): Promise<Worker | null> {
  const backoffs = change.backoff ? sql`, ${await backoffOfWorker(db, key, change.backoff, change.failure)}` : sql``;
  const failure =
    change.failure === undefined
      ? sql``
      : sql`, ${storeError(change.failure, change.nowMs, sql`exists (select 1 from changed)`)}`;
  const preemption = change.preempted
    ? sql`, preempted as (
      insert into preemptions (worker_pool_id, launch_config_id, worker_group, worker_id, at, lived_ms)
      select worker_pool_id, launch_config_id, worker_group, worker_id, ${bigint(change.nowMs)},
        ${bigint(change.nowMs)} - created
      from changed where launch_config_id is not null
      on conflict do nothing)`
    : sql``;
  return await execute(
    db,
    sql`
    with changed as (
      update workers w set state = 'stopping', stop_reason = ${text(storable(change.reason))}, last_modified = ${bigint(change.nowMs)}
      where ${isWorker(key)} and w.state in ('requested', 'running')
      returning w.*),
    announced as (${announceWorkers('worker-removed', change.nowMs, change.reason)}),
    noted as (${workerEvent('stopping', {
      ...{ cause: change.reason, clientId: change.clientId ?? null },
      data: stoppingData(change.failure ? { errorId: errorIdOf(change.failure) } : {}),
    })})
    ${removedBy(key, change)}
    ${failure} ${backoffs} ${preemption}
    select * from changed`,
  );
}

/** From anything but stopped; static workers go here from running, and `reason` says why. */
export function recordStopped(
  db: Db,
  key: WorkerKey,
  change: { nowMs: number; expires: number; reason?: string },
): Promise<Worker | null> {
  return execute(
    db,
    sql`
    with changed as (
      update workers w set state = 'stopped', stopped_at = ${bigint(change.nowMs)}, expires = ${bigint(change.expires)},
        last_modified = ${bigint(change.nowMs)}, stop_reason = coalesce(w.stop_reason, ${text(change.reason === undefined ? null : storable(change.reason))})
      where ${isWorker(key)} and w.state <> 'stopped'
      returning w.*),
    announced as (${announceWorkers('worker-stopped', change.nowMs)}),
    noted as (${workerEvent('stopped', { cause: change.reason ?? null })})
    select * from changed`,
  );
}

/** An operator's removal is audited; a worker that removes itself is none. */
function removedBy(
  key: WorkerKey,
  { clientId, reason, nowMs }: { clientId?: string | null; reason: string; nowMs: number },
): RawBuilder<unknown> {
  if (clientId == null || clientId.startsWith(WORKER_CLIENT_PREFIX)) return sql``;
  const about = { entityType: 'worker', entityId: workerKeyText(key), action: 'removed', detail: jsonb({ reason }) };
  const entry = { at: nowMs, clientId, ...about };
  return sql`, audited as (${auditRow(entry, sql`exists (select 1 from changed)`)})`;
}

/**
 * Adds to what is known of the resources that a machine consists of; ids are in any case, and the first writing stands.
 * Gives the row that it changed, null where all were known or the worker has stopped.
 */
export function recordResourceIds(db: Db, key: WorkerKey, resourceIds: readonly string[]): Promise<Worker | null> {
  const added = sql`
    select distinct on (lower(id)) id from jsonb_array_elements_text(${jsonb(resourceIds)}) as id
    where not exists (select 1 from jsonb_array_elements_text(w.resource_ids) as known where lower(known) = lower(id))`;
  return execute(
    db,
    sql`
    update workers w set resource_ids = w.resource_ids || (select jsonb_agg(id) from (${added}) as added)
    where ${isWorker(key)} and w.state <> 'stopped' and exists (${added})
    returning w.*`,
  );
}

export interface NewStaticWorker extends WorkerKey {
  readonly providerId: string;
  readonly capacity: number;
  readonly expires: number;
  /** The row's only identity attribute, `secretFingerprint`. */
  readonly secretFingerprint: string;
  readonly nowMs: number;
}

/**
 * The first row of a life. That of a former life, which has stopped, gives way to it: nothing of it is good for the new
 * one, not even its secrets, which hold `created`. `conflict`: there is such a worker and it is not the same, or it is
 * a cloud's (docs/taskcluster-compatibility.md#static-workers). Nothing was written.
 */
export async function insertStaticWorker(
  db: Db,
  worker: NewStaticWorker,
): Promise<{ outcome: 'created' | 'unchanged' | 'conflict' }> {
  const { rows: created } = await sql<{ workerId: string }>`
    with former as (
      delete from workers w where ${isWorker(worker)} and w.state = 'stopped' and w.launch_token is null
      returning w.worker_id),
    forgotten as (
      delete from credentials_used s where s.worker_pool_id = ${worker.workerPoolId}
        and s.worker_group = ${worker.workerGroup} and s.worker_id = ${worker.workerId} and not exists (
        select 1 from workers w where ${isWorker(worker)} and w.state <> 'stopped')),
    changed as (
    insert into workers (worker_pool_id, worker_group, worker_id, provider_id, state, capacity, created, last_modified,
      expires, location, identity_attributes)
    select ${text(worker.workerPoolId)}, ${text(worker.workerGroup)}, ${text(worker.workerId)}, ${text(worker.providerId)},
      'running', ${int(worker.capacity)}, ${bigint(worker.nowMs)}, ${bigint(worker.nowMs)}, ${bigint(worker.expires)},
      ${jsonb({ account: null, region: null, group: null })}, ${jsonb({ secretFingerprint: worker.secretFingerprint })}
    from (select count(*) from former) as after_the_former
    on conflict do nothing
    returning *),
    noted as (${workerEvent('registered', { cause: 'static', data: requestedData })})
    select worker_id from changed`.execute(db);
  if (created.length > 0) return { outcome: 'created' };
  const { rows } = await sql<Worker>`select w.* from workers w where ${isWorker(worker)}`.execute(db);
  const present = rows[0];
  const same =
    present?.state === 'running' &&
    present.providerId === worker.providerId &&
    present.capacity === worker.capacity &&
    present.expires === worker.expires &&
    present.identityAttributes['secretFingerprint'] === worker.secretFingerprint;
  return { outcome: same ? 'unchanged' : 'conflict' };
}

/** Running static workers only. A fingerprint of null leaves the secret as it is. */
export function updateStaticWorker(
  db: Db,
  key: WorkerKey,
  change: { expires: number; capacity: number; secretFingerprint: string | null; nowMs: number },
): Promise<Worker | null> {
  const identityAttributes = jsonb(
    change.secretFingerprint === null ? {} : { secretFingerprint: change.secretFingerprint },
  );
  return execute(
    db,
    sql`
    update workers w set expires = ${bigint(change.expires)}, capacity = ${int(change.capacity)}, identity_attributes = w.identity_attributes || ${identityAttributes},
      last_modified = ${bigint(change.nowMs)}
    where ${isWorker(key)} and w.state = 'running' and w.launch_token is null
      and (w.expires, w.capacity, w.identity_attributes) is distinct from (${bigint(change.expires)}, ${int(change.capacity)}, w.identity_attributes || ${identityAttributes})
    returning w.*`,
  );
}

const credentials = (change: Credentials): RawBuilder<unknown> => sql`
  terminate_after = ${bigint(change.terminateAfter)}, expires = coalesce(${bigint(change.expires)}, w.expires),
  secret_generation = ${int(change.secretGeneration)}`;

const differs = (change: Credentials): RawBuilder<unknown> => sql`
  (w.terminate_after, w.expires, w.secret_generation) is distinct from
  (${bigint(change.terminateAfter)}, coalesce(${bigint(change.expires)}, w.expires), ${int(change.secretGeneration)})`;

/** The statement's row. */
async function execute<Row extends Worker>(db: Db, statement: RawBuilder<Row>): Promise<Row | null> {
  return (await statement.execute(db)).rows[0] ?? null;
}
