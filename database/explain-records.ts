import { sql, type RawBuilder } from 'kysely';
import { HOUR_MS, MINUTE_MS } from '../domain/durations.js';
import type { EstimatorKind } from '../domain/estimator.js';
import type { PollEntry } from '../domain/evidence.js';
import type {
  AttemptRecord,
  LaunchRecord,
  PollRecord,
  PoolRecords,
  ReconciliationRecord,
  RevisionRecord,
  SpanRecord,
  WorkerEventRecord,
} from '../domain/explain/records.js';
import { REGISTRATIONS_MEASURED } from '../domain/explain/registrations.js';
import type { Db } from './client/schema.js';
import { bigint, int, jsonb, text } from './client/sql.js';

/** A poll with all pools is no older; from it on the state of each is known. */
const POLL_HISTORY_MS = 31 * MINUTE_MS;
/** Reconciliations before the span of time: the last one, and what of earlier ones still says something. */
const EARLIER_RECONCILIATIONS = 30;
const EVENT_HISTORY_MS = HOUR_MS;
/** Of a longer span no worker is told apart: polls count them. */
const MAX_EVENT_SPAN_MS = 10 * MINUTE_MS;
const MAX_ROWS = 20_000;

export interface Window {
  readonly from: number;
  readonly to: number;
}

/** What is recorded of a pool in a window of time, and before it as far as it holds in it. */
export async function poolRecords(
  db: Db,
  workerPoolId: string,
  window: Window,
  estimator: EstimatorKind,
): Promise<PoolRecords> {
  const [polls, revisions, spans, reconciliations, launches, workerEvents, other] = await Promise.all([
    pollsOf(db, workerPoolId, window),
    revisionsOf(db, workerPoolId, window),
    spansOf(db, workerPoolId, window),
    reconciliationsOf(db, workerPoolId, window),
    launchesOf(db, workerPoolId, window),
    workerEventsOf(db, workerPoolId, window),
    recordedSinceAndRegistrations(db, workerPoolId, window),
  ]);
  const tokens = [
    ...launches.map(({ token }) => token),
    ...spans.flatMap(({ data }) => ('launchToken' in data ? (data.launchToken ?? []) : [])),
  ];
  const attempts = await attemptsOf(db, tokens, window);
  return {
    workerPoolId,
    estimator,
    polls,
    revisions,
    spans,
    reconciliations,
    launches,
    workerEvents,
    attempts,
    ...other,
  };
}

interface PollRow {
  readonly id: number;
  readonly fullId: number | null;
  readonly at: number;
  readonly intervalMs: number;
  readonly present: boolean;
  readonly entry: PollEntry | null;
  readonly failure: string | null;
}

/**
 * A row has only the pools that changed since the row before it of the same process; the first of these has all. The
 * poll after the window comes too.
 */
async function pollsOf(db: Db, workerPoolId: string, { from, to }: Window): Promise<PollRecord[]> {
  const { rows } = await sql<PollRow>`
    select id, full_id, ended as at, interval_ms, pools -> ${text(workerPoolId)} is not null as present,
      pools -> ${text(workerPoolId)} as entry,
      errors ->> cast(pools -> ${text(workerPoolId)} ->> 'error' as int) as failure
    from demand_polls
    where ended >= coalesce((select max(ended) from demand_polls where ended <= ${bigint(from)}), ${bigint(from)})
        - ${int(POLL_HISTORY_MS)}
      and ended <= coalesce((select min(ended) from demand_polls where ended > ${bigint(to)}), ${bigint(to)})
    order by ended, id limit ${MAX_ROWS}`.execute(db);
  const known = new Map<number, Pick<PollRow, 'entry' | 'failure'>>();
  return rows.map((row) => {
    const chain = row.fullId ?? row.id;
    if (row.present || row.fullId === null) known.set(chain, { entry: row.entry, failure: row.failure });
    const { entry = null, failure = null } = known.get(chain) ?? {};
    return { id: row.id, at: row.at, intervalMs: row.intervalMs, entry, failure };
  });
}

async function revisionsOf(db: Db, workerPoolId: string, { from, to }: Window): Promise<RevisionRecord[]> {
  const { rows } = await sql<RevisionRecord>`
    select id, at, client_id, action, definition from pool_revisions
    where worker_pool_id = ${workerPoolId} and at <= ${bigint(to)} and at >= coalesce(
      (select max(at) from pool_revisions where worker_pool_id = ${workerPoolId} and at <= ${bigint(from)}), 0)
    order by at, id limit ${MAX_ROWS}`.execute(db);
  return rows;
}

async function spansOf(db: Db, workerPoolId: string, { from, to }: Window): Promise<SpanRecord[]> {
  const { rows } = await sql<SpanRecord>`
    select id, kind, subject, part, begins, ends, data, ended_by from spans
    where ((kind = 'hold' and subject in (${workerPoolId}, '*'))
        or (kind in ('schedule', 'backoff') and subject = ${workerPoolId})
        or kind in ('provider', 'call-pause', 'outage'))
      and (ends is null or ends > ${bigint(from)}) and begins <= ${bigint(to)}
    order by begins, id limit ${MAX_ROWS}`.execute(db);
  return rows;
}

async function reconciliationsOf(db: Db, workerPoolId: string, { from, to }: Window): Promise<ReconciliationRecord[]> {
  const columns = sql`select id, began, ended, evidence from reconciliations where worker_pool_id = ${workerPoolId}`;
  const { rows } = await sql<ReconciliationRecord>`
    select * from (
      (${columns} and ended <= ${bigint(from)} order by ended desc limit ${EARLIER_RECONCILIATIONS})
      union all
      (${columns} and ended > ${bigint(from)} and ended <= ${bigint(to)} order by ended limit ${MAX_ROWS})) r
    order by ended, id`.execute(db);
  return rows;
}

async function launchesOf(db: Db, workerPoolId: string, { from, to }: Window): Promise<LaunchRecord[]> {
  const columns = sql`
    select token, launch_config_id, provider_id, location ->> 'region' as region, count as machines,
      count * capacity_per_machine as capacity, created, case status when 'open' then null else closed end as closed,
      status = 'failed' as failed, in_doubt_since
    from launches where worker_pool_id = ${workerPoolId} and created <= ${bigint(to)}`;
  const { rows } = await sql<LaunchRecord>`
    ${columns} and status in ('open', 'fulfilled')
    union
    ${columns} and created > ${bigint(from - EVENT_HISTORY_MS)}
    order by created, token limit ${MAX_ROWS}`.execute(db);
  return rows;
}

async function attemptsOf(db: Db, tokens: readonly string[], { to }: Window): Promise<AttemptRecord[]> {
  if (tokens.length === 0) return [];
  const { rows } = await sql<AttemptRecord>`
    select id, begun, ended, launch_token, waited_ms, result, request_id from attempts
    where launch_token in (select jsonb_array_elements_text(${jsonb([...new Set(tokens)])}))
      and begun - waited_ms <= ${bigint(to)}
    order by begun, id limit ${MAX_ROWS}`.execute(db);
  return rows;
}

async function workerEventsOf(db: Db, workerPoolId: string, { from, to }: Window): Promise<WorkerEventRecord[]> {
  if (to - from > MAX_EVENT_SPAN_MS) return [];
  const { rows } = await sql<WorkerEventRecord>`
    with events as materialized (
      select id, at, worker_pool_id, worker_group, worker_id, event, data from worker_events
      where worker_pool_id = ${workerPoolId} and at > ${bigint(from - EVENT_HISTORY_MS)} and at <= ${bigint(to)}
        and event in ('requested', 'registered', 'stopping', 'stopped')
      order by at, id limit ${MAX_ROWS})
    select e.at, e.worker_group || '/' || e.worker_id as key, e.event, e.data ->> 'launchToken' as launch_token,
      e.data ->> 'from' as from, coalesce(cast(e.data ->> 'capacity' as int), w.capacity, 1) as capacity,
      coalesce(e.data ->> 'launchConfigId', w.launch_config_id) as launch_config_id
    from events e left join workers w using (worker_pool_id, worker_group, worker_id)
    order by e.at, e.id`.execute(db);
  return rows;
}

/** Not the times of the workers' rows: these go before their evidence, and know registrations that came later. */
const registrations = (workerPoolId: string, when: RawBuilder<unknown>): RawBuilder<unknown> => sql`
  select at, cast(data ->> 'tookMs' as bigint) as took from worker_events
  where worker_pool_id = ${workerPoolId} and event = 'registered' and data ->> 'tookMs' is not null and ${when}`;

/** The last ones that were known at the instant. */
export const registrationsBefore = (workerPoolId: string, at: number): RawBuilder<unknown> => sql`
  ${registrations(workerPoolId, sql`at <= ${bigint(at)}`)} order by at desc limit ${REGISTRATIONS_MEASURED}`;

async function recordedSinceAndRegistrations(
  db: Db,
  workerPoolId: string,
  { from, to }: Window,
): Promise<Pick<PoolRecords, 'recordedSince' | 'registrations'>> {
  const { rows } = await sql<Pick<PoolRecords, 'recordedSince' | 'registrations'>>`
    select (select min(ended) from demand_polls) as recorded_since, (
      select coalesce(jsonb_agg(jsonb_build_object('at', at, 'tookMs', took) order by at), '[]') from (
        (${registrationsBefore(workerPoolId, from)})
        union all
        (${registrations(workerPoolId, sql`at > ${bigint(from)} and at <= ${bigint(to)}`)}
          order by at limit ${MAX_ROWS})) registered) as registrations`.execute(db);
  return rows[0]!;
}
