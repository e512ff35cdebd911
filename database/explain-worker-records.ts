import { sql } from 'kysely';
import type { Deletion, WorkerEvidence } from '../domain/explain/worker-evidence.js';
import type { WorkerKey } from '../domain/ids.js';
import type { ShouldTerminate } from '../domain/worker.js';
import type { Db } from './client/schema.js';
import { deletionCalls, eventsOfWorker, type WorkerEventRow } from './histories.js';
import { getWorker } from './workers.js';

/** What is recorded of one worker at an instant; its row says what no event does. */
export async function workerEvidence(db: Db, key: WorkerKey, at: number): Promise<Omit<WorkerEvidence, 'minimum'>> {
  const events = await eventsOfWorker(db, key);
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

const firstOf = (events: readonly WorkerEventRow[], event: string): WorkerEventRow | undefined =>
  events.find((each) => each.event === event);

const sourceOf = ({ id, at }: WorkerEventRow) => ({ kind: 'worker-event' as const, id: String(id), at });

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
function timesOf(events: readonly WorkerEventRow[], row: Row): WorkerEvidence['life'] {
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

const endOf = (stopping: WorkerEventRow, end: number | null) => ({
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

function verdictAt(events: readonly WorkerEventRow[], at: number): ShouldTerminate | null {
  const last = events.findLast(({ event, at: when }) => when <= at && (event === 'advised' || event === 'spared'));
  if (!last) return null;
  const terminate = last.event === 'advised';
  const reason = (last.cause ?? (terminate ? 'over capacity' : 'needed')) as ShouldTerminate['reason'];
  return { terminate, reason, decidedAt: last.at };
}

async function deletionsOf(db: Db, { workerId }: WorkerKey, from: number, to: number): Promise<Deletion[]> {
  const calls = await deletionCalls(db, workerId, from, to);
  return calls.map(({ id, ended, result, cloudCode, requestId }) => ({
    ...{ at: ended, requestId, code: result === 'ok' ? null : (cloudCode ?? result) },
    source: { kind: 'attempt', id: String(id), at: ended },
  }));
}
