import { sql } from 'kysely';
import type { WorkerEvent, WorkerEventData } from '../domain/evidence.js';
import type { WorkerKey } from '../domain/ids.js';
import type { Db } from './client/schema.js';
import { bigint, isWorker, jsonb } from './client/sql.js';

/** What happened to one worker, or by one launch config, for whoever reads it afterwards. */

/** Of one worker; it has a handful. */
const MAX_EVENTS = 1000;
const MAX_CALLS = 100;
const MAX_LAUNCHES = 100;
const MAX_REVISIONS = 20;

export interface WorkerEventRow {
  readonly id: number;
  readonly at: number;
  readonly event: WorkerEvent;
  readonly cause: string | null;
  readonly clientId: string | null;
  readonly data: WorkerEventData;
}

/** Oldest first. */
export async function eventsOfWorker(db: Db, key: WorkerKey): Promise<WorkerEventRow[]> {
  const { rows } = await sql<WorkerEventRow>`
    select id, at, event, cause, client_id, data from worker_events w where ${isWorker(key)}
    order by at, id limit ${MAX_EVENTS}`.execute(db);
  return rows;
}

/** A call to a cloud. */
export interface CallRow {
  readonly id: number;
  readonly begun: number;
  readonly ended: number;
  readonly operation: string;
  readonly region: string | null;
  /** For its place among all calls, before it began. */
  readonly waitedMs: number;
  /** `ok`, or what kind of failure it was. */
  readonly result: string;
  readonly cloudCode: string | null;
  readonly message: string | null;
  readonly requestId: string | null;
}

const callColumns = sql`id, begun, ended, operation, region, waited_ms, result, cloud_code, message, request_id`;

/** Calls of a launch, oldest first. */
export async function callsOfLaunch(db: Db, launchToken: string): Promise<CallRow[]> {
  const { rows } = await sql<CallRow>`
    select ${callColumns} from attempts where launch_token = ${launchToken}
    order by begun, id limit ${MAX_CALLS}`.execute(db);
  return rows;
}

/** Calls that were to delete a worker's machine, of a span of time, oldest first. */
export async function deletionCalls(db: Db, workerId: string, from: number, to: number): Promise<CallRow[]> {
  const { rows } = await sql<CallRow>`
    select ${callColumns} from attempts
    where call_class = 'delete' and begun >= ${bigint(from)} and begun <= ${bigint(to)}
      and subjects @> ${jsonb([workerId])}
    order by begun, id limit ${MAX_CALLS}`.execute(db);
  return rows;
}

export interface LaunchConfigHistory {
  readonly isArchived: boolean;
  readonly created: number;
  readonly lastModified: number;
  /** Newest first. */
  readonly revisions: readonly {
    readonly revision: number;
    readonly created: number;
    readonly configuration: unknown;
  }[];
  /** Newest first. */
  readonly launches: readonly LaunchRow[];
}

export interface LaunchRow {
  readonly token: string;
  readonly revision: number;
  readonly created: number;
  /** Null: it goes on. */
  readonly closed: number | null;
  readonly status: 'open' | 'fulfilled' | 'done' | 'failed';
  readonly wanted: number;
  readonly machines: number | null;
  readonly attempts: number;
  readonly failure: string | null;
  /** For their places among all calls, all attempts together. */
  readonly waitedMs: number;
  readonly requestIds: readonly string[];
}

/** Null: the pool has no such launch config. */
export async function launchConfigHistory(
  db: Db,
  workerPoolId: string,
  launchConfigId: string,
): Promise<LaunchConfigHistory | null> {
  const found = await db
    .selectFrom('launchConfigs')
    .select(['isArchived', 'created', 'lastModified'])
    .where('workerPoolId', '=', workerPoolId)
    .where('launchConfigId', '=', launchConfigId)
    .executeTakeFirst();
  if (!found) return null;
  const revisions = await db
    .selectFrom('launchConfigRevisions')
    .select(['revision', 'created', 'configuration'])
    .where('workerPoolId', '=', workerPoolId)
    .where('launchConfigId', '=', launchConfigId)
    .orderBy('revision', 'desc')
    .limit(MAX_REVISIONS)
    .execute();
  const { rows: launches } = await sql<LaunchRow>`
    select l.token, l.launch_config_revision as revision, l.created, l.closed, l.status, l.count as wanted, l.machines,
      l.attempts, l.failure, a.waited_ms, a.request_ids
    from (
      select * from launches where worker_pool_id = ${workerPoolId} and launch_config_id = ${launchConfigId}
      order by created desc, token limit ${MAX_LAUNCHES}) l
    cross join lateral (
      select cast(coalesce(sum(waited_ms), 0) as int) as waited_ms,
        coalesce(jsonb_agg(request_id order by begun) filter (where request_id is not null), '[]') as request_ids
      from attempts where launch_token = l.token) a
    order by l.created desc, l.token`.execute(db);
  return { ...found, revisions, launches };
}
