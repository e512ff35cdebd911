import { sql } from 'kysely';
import type { WorkerEventData } from '../domain/evidence.js';
import type { Deletion, WorkerEvidence } from '../domain/explain/worker-evidence.js';
import type { WorkerKey } from '../domain/ids.js';
import type { ShouldTerminate } from '../domain/worker.js';
import type { Db } from './client/schema.js';
import { bigint, isWorker, jsonb } from './client/sql.js';
import { getWorker } from './workers.js';

/** Of one worker; it has a handful. */
const MAX_EVENTS = 1000;
const MAX_DELETIONS = 100;

interface EventRow {
  readonly id: number;
  readonly at: number;
  readonly event: string;
  readonly cause: string | null;
  readonly clientId: string | null;
  readonly data: WorkerEventData;
}

/** What is recorded of one worker at an instant; its row says what no event does. */
export async function workerEvidence(db: Db, key: WorkerKey, at: number): Promise<Omit<WorkerEvidence, 'minimum'>> {
  const { rows: events } = await sql<EventRow>`
    select id, at, event, cause, client_id, data from worker_events w where ${isWorker(key)}
    order by at, id limit ${MAX_EVENTS}`.execute(db);
  const row = await getWorker(db, key);
  const { since, median } = await recordsOfOthers(db, key.workerPoolId);
  const life = timesOf(events, row);
  const created = life?.created ?? at;
  const token = firstOf(events, 'requested')?.data.launchToken ?? row?.launchToken ?? null;
  return {
    ...key,
    recordedSince: life === null ? since : null,
    life,
    refusals: events
      .filter((each) => each.event === 'refused' && each.at <= at)
      .map((each) => ({ at: each.at, who: null, reason: each.cause ?? 'no reason', source: sourceOf(each) })),
    deletions: await deletionsOf(db, key, created, at),
    verdict: verdictAt(events, at) ?? row?.shouldTerminate ?? null,
    medianRegistrationMs: median,
    launch: token === null ? null : { source: { kind: 'launch', id: token, at: created }, requestIds: [] },
  };
}

const firstOf = (events: readonly EventRow[], event: string): EventRow | undefined =>
  events.find((each) => each.event === event);

const sourceOf = ({ id, at }: EventRow) => ({ kind: 'worker-event' as const, id: String(id), at });

async function recordsOfOthers(
  db: Db,
  workerPoolId: string,
): Promise<{ readonly since: number | null; readonly median: number | null }> {
  const { rows } = await sql<{ since: number | null; median: number | null }>`
    select (select min(at) from worker_events) as since, (
      select percentile_cont(0.5) within group (order by took) from (
        select registered_at - created as took from workers
        where worker_pool_id = ${workerPoolId} and registered_at is not null and launch_token is not null
        order by created desc limit 50) m) as median`.execute(db);
  return rows[0]!;
}

type Row = Awaited<ReturnType<typeof getWorker>>;

/** Null: nothing is known of it. */
function timesOf(events: readonly EventRow[], row: Row): WorkerEvidence['life'] {
  const instantOf = (event: string, ofRow: number | null | undefined) => firstOf(events, event)?.at ?? ofRow ?? null;
  const created = instantOf('requested', row?.created) ?? events[0]?.at;
  if (created === undefined) return null;
  const requested = firstOf(events, 'requested');
  const stopping = firstOf(events, 'stopping');
  const stoppedAt = instantOf('stopped', row?.stoppedAt);
  return {
    created,
    registeredAt: instantOf('registered', row?.registeredAt),
    stopping: stopping ? endOf(stopping, stoppedAt) : endOfRow(row),
    stoppedAt,
    source: requested ? sourceOf(requested) : null,
  };
}

const endOf = (stopping: EventRow, end: number | null) => ({
  ...{ begin: stopping.at, end, reason: stopping.cause, who: stopping.clientId },
  source: sourceOf(stopping),
});

/** Of a worker that is older than its events. */
const endOfRow = (row: Row) =>
  row?.stopReason != null && (row.state === 'stopping' || row.stoppedAt !== null)
    ? {
        ...{ begin: row.stoppedAt ?? row.lastModified, end: row.stoppedAt, reason: row.stopReason },
        ...{ who: null, source: null },
      }
    : null;

function verdictAt(events: readonly EventRow[], at: number): ShouldTerminate | null {
  const last = events.findLast(({ event, at: when }) => when <= at && (event === 'advised' || event === 'spared'));
  if (!last) return null;
  const terminate = last.event === 'advised';
  const reason = (last.cause ?? (terminate ? 'over capacity' : 'needed')) as ShouldTerminate['reason'];
  return { terminate, reason, decidedAt: last.at };
}

async function deletionsOf(db: Db, { workerId }: WorkerKey, from: number, to: number): Promise<Deletion[]> {
  const { rows } = await sql<{ id: number; at: number; code: string | null; requestId: string | null }>`
    select id, ended as at, case result when 'ok' then null else coalesce(cloud_code, result) end as code, request_id
    from attempts where call_class = 'delete' and begun >= ${bigint(from)} and begun <= ${bigint(to)}
      and subjects @> ${jsonb([workerId])}
    order by begun, id limit ${MAX_DELETIONS}`.execute(db);
  return rows.map(({ id, ...each }) => ({ ...each, source: { kind: 'attempt', id: String(id), at: each.at } }));
}
