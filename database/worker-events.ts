import { sql, type RawBuilder } from 'kysely';
import type { WorkerKey } from '../domain/ids.js';
import type { WorkerEvent, WorkerEventData } from '../domain/evidence.js';
import type { Db } from './client/schema.js';
import { bigint, databaseNow, excerpt, isWorker, jsonb, text } from './client/sql.js';

interface EventOf {
  readonly cause?: string | null;
  /** Null: the worker manager itself. */
  readonly clientId?: string | null;
  /** May read the statement's `changed` as `w`. */
  readonly data?: RawBuilder<unknown>;
}

/** Part of a statement: each of the workers in its part `changed` leaves this event. */
export const workerEvent = (
  event: WorkerEvent,
  { cause = null, clientId = null, data = jsonb({}) }: EventOf = {},
): RawBuilder<unknown> => sql`
  insert into worker_events (at, worker_pool_id, worker_group, worker_id, event, cause, client_id, data)
  select ${databaseNow}, w.worker_pool_id, w.worker_group, w.worker_id, ${text(event)},
    ${text(cause === null ? null : excerpt(cause))}, ${text(clientId)}, ${data} from changed w`;

/** Of a worker that is there from now on. */
export const requestedData = sql`jsonb_build_object('providerId', w.provider_id, 'launchConfigId', w.launch_config_id,
  'launchConfigRevision', w.launch_config_revision, 'launchToken', w.launch_token, 'capacity', w.capacity,
  'terminateAfter', w.terminate_after)`;

/** Of a worker that registers for the first time. */
export const registeredData = sql`case when w.launch_token is null then '{}'
  else jsonb_build_object('tookMs', w.registered_at - w.created) end`;

/** Of a worker that stops. */
export const stoppingData = (more: Pick<WorkerEventData, 'errorId'>): RawBuilder<unknown> =>
  sql`${jsonb(more)} || jsonb_build_object('from', case when w.registered_at is null then 'requested' else 'running' end)`;

/** A machine that is refused again and again leaves one event in this time. */
const REFUSED_INTERVAL_MS = 60_000;

/** A registration of this worker was refused. */
export async function recordRefusal(db: Db, key: WorkerKey, reason: string): Promise<void> {
  await sql`
    with changed as (
      select * from workers w where ${isWorker(key)} and not exists (
        select 1 from worker_events e where e.worker_pool_id = w.worker_pool_id and e.worker_group = w.worker_group
          and e.worker_id = w.worker_id and e.event = 'refused' and e.at > ${databaseNow} - ${bigint(REFUSED_INTERVAL_MS)}))
    ${workerEvent('refused', { cause: reason })}`.execute(db);
}
