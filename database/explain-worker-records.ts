import { sql } from 'kysely';
import type { RegistrationRecord } from '../domain/explain/records.js';
import { medianRegistrationAt } from '../domain/explain/registrations.js';
import type { Deletion, WorkerEvidence } from '../domain/explain/worker-evidence.js';
import { lifeAt } from '../domain/explain/worker-life.js';
import type { WorkerKey } from '../domain/ids.js';
import type { ShouldTerminate } from '../domain/worker.js';
import type { Db } from './client/schema.js';
import { registrationsBefore } from './explain-records.js';
import { deletionCalls, eventsOfWorker, type WorkerEventRow } from './histories.js';
import { getWorker } from './workers.js';

/** What is recorded of one worker at an instant; its row says what no event does, of its last life. */
export async function workerEvidence(db: Db, key: WorkerKey, at: number): Promise<Omit<WorkerEvidence, 'minimum'>> {
  const { events, isLast } = lifeAt(await eventsOfWorker(db, key), at);
  const row = isLast ? await getWorker(db, key) : null;
  const { since, registrations } = await recordsOfOthers(db, key.workerPoolId, at);
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
    verdict: verdictAt(events, at) ?? verdictOfRow(row, at),
    medianRegistrationMs: medianRegistrationAt(registrations, at),
    launch: token === null ? null : { source: { kind: 'launch', id: token, at: created }, requestIds: [] },
  };
}

/** The row has the last one, whatever was said before. */
function verdictOfRow(row: Row, at: number): ShouldTerminate | null {
  const verdict = row?.shouldTerminate ?? null;
  return verdict !== null && verdict.decidedAt <= at ? verdict : null;
}

const firstOf = (events: readonly WorkerEventRow[], event: string): WorkerEventRow | undefined =>
  events.find((each) => each.event === event);

const sourceOf = ({ id, at }: WorkerEventRow) => ({ kind: 'worker-event' as const, id: String(id), at });

async function recordsOfOthers(
  db: Db,
  workerPoolId: string,
  at: number,
): Promise<{ readonly since: number | null; readonly registrations: readonly RegistrationRecord[] }> {
  const { rows } = await sql<{ since: number | null; registrations: readonly RegistrationRecord[] }>`
    select (select min(at) from worker_events) as since, (
      select coalesce(jsonb_agg(jsonb_build_object('at', at, 'tookMs', took) order by at), '[]')
      from (${registrationsBefore(workerPoolId, at)}) registered) as registrations`.execute(db);
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
