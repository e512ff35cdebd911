import { sql, type RawBuilder } from 'kysely';
import type { Db } from '../../database/client/schema.js';
import { text } from '../../database/client/sql.js';
import { ALL_POOLS } from '../../domain/demand-history.js';
import { HOUR_MS } from '../../domain/durations.js';

/** Tables of evidence: they grow with all that happens. */
export const EVIDENCE = [
  ...[
    'demand_polls',
    'demand_hours',
    'queue_waits',
    'reconciliations',
    'spans',
    'attempts',
    'worker_events',
    'error_hours',
    'pool_revisions',
  ],
] as const;

interface Size {
  readonly pools: number;
  readonly stoppedWorkers: number;
  readonly decisions: number;
}

/** How rows are made: `rows` completes a statement by `from … n`; of a week, the last are the newest. */
interface Rows {
  readonly rows: (db: Db, count: number, statement: () => RawBuilder<unknown>) => Promise<void>;
  readonly pool: RawBuilder<unknown>;
  readonly at: (rows: number) => RawBuilder<unknown>;
  readonly nowMs: number;
}

/** Summed up, of each pool and of all. */
const HOURS = 165;

/** A week of evidence; of its spans all have ended. */
export async function loadEvidence(db: Db, size: Size, label: string, how: Rows): Promise<void> {
  await loadOfPools(db, size, label, how);
  await loadSummedUp(db, size, label, how);
  await loadOfMachines(db, size, label, how);
}

async function loadOfPools(db: Db, { decisions, pools }: Size, label: string, { rows, pool, at }: Rows): Promise<void> {
  const polls = Math.ceil(decisions / 16);
  await rows(
    db,
    polls,
    () => sql`
    insert into demand_polls (begun, ended, process, full_id, interval_ms, pools, errors)
    select ${at(polls)}, ${at(polls)}, 'p', case when n % 60 = 0 then null else n - n % 60 end, 10000,
      jsonb_build_object(${pool}, jsonb_build_object('pending', n)), '[]'`,
  );
  await rows(
    db,
    decisions,
    () => sql`
    insert into reconciliations (worker_pool_id, reconciliation_id, began, ended, outcome, process, version, triggered_by,
      decision_id, pool_revision, evidence)
    select ${pool}, ${label} || '-' || n, ${at(decisions)}, ${at(decisions)}, 'concluded', 'p', 1, '["poll"]', n, 1,
      jsonb_build_object('inputs', jsonb_build_object('pendingTasks', n))`,
  );
  const spans = Math.ceil(decisions / 8);
  await rows(
    db,
    spans,
    () => sql`
    insert into spans (kind, subject, part, begins, ends, data)
    select case n % 8 when 0 then 'hold' when 1 then 'provider' when 2 then 'call-pause' when 3 then 'schedule' else 'backoff' end,
      case n % 8 when 1 then 'aws' when 2 then 'aws/us-west-2/create' else ${pool} end,
      case when n % 8 > 3 then 'lc-' || n % 100 else '' end, ${at(spans)}, ${at(spans)}, '{}'`,
  );
  await rows(
    db,
    pools * 50,
    () => sql`
    insert into pool_revisions (worker_pool_id, revision, at, client_id, action, definition)
    select ${pool}, (select coalesce(max(revision), 0) from pool_revisions) + n, ${at(pools * 50)}, 'client', 'updated',
      jsonb_build_object('config', jsonb_build_object('maxCapacity', n % 100), 'description', repeat('x', 700))`,
  );
}

/** What is summed up by the hour, and waits by the minute. */
async function loadSummedUp(db: Db, { pools }: Size, label: string, { rows, nowMs }: Rows): Promise<void> {
  // A pool has one row for each hour, and one for each minute: more of the same times are other pools'.
  const isFirst = label === 'old';
  const all = text(isFirst ? ALL_POOLS : `${label}/all`);
  const names = text(isFirst ? 'fleet/pool-' : `${label}/pool-`);
  await rows(
    db,
    HOURS * (pools + 1),
    () => sql`
    insert into demand_hours (worker_pool_id, hour, series)
    select case n % ${sql.lit(pools + 1)} when 0 then ${all} else ${names} || n % ${sql.lit(pools + 1)} end,
      ${sql.lit(HOUR_MS)} * (cast(${sql.lit(nowMs)} as bigint) / ${sql.lit(HOUR_MS)} - 1 - (n - 1) / ${sql.lit(pools + 1)}), '{"pending":[1,2,3,4,5,6],"claimed":[0,0,0,0,0,0],
      "requested":[0,0,0,0,0,0],"running":[1,1,1,1,1,1],"stopping":[0,0,0,0,0,0]}'`,
  );
  // Fifty pools wait all the time.
  await rows(
    db,
    HOURS * 60 * 51,
    () => sql`
    insert into queue_waits (worker_pool_id, at, tasks, complete, oldest_ms, p50_ms, p95_ms)
    select case n % 51 when 0 then ${all} else ${names} || n % 51 end,
      cast(${sql.lit(nowMs)} as bigint) - 60000 * (1 + (n - 1) / 51), 100, true, 60000, 30000, 50000`,
  );
}

async function loadOfMachines(
  db: Db,
  { decisions, stoppedWorkers }: Size,
  label: string,
  { rows, pool, at }: Rows,
): Promise<void> {
  const calls = Math.ceil(stoppedWorkers / 10);
  await rows(
    db,
    calls,
    () => sql`
    insert into attempts (begun, ended, process, provider_id, operation, call_class, region, launch_token, worker_pool_id,
      subjects, waited_ms, result, request_id)
    select ${at(calls)}, ${at(calls)}, 'p', 'aws', 'RunInstances', 'create', 'us-west-2', ${label} || '-' || n, ${pool}, '[]',
      0, 'ok', 'request-' || n`,
  );
  await rows(
    db,
    2 * stoppedWorkers,
    () => sql`
    insert into worker_events (at, worker_pool_id, worker_group, worker_id, event, data)
    select ${at(2 * stoppedWorkers)}, ${pool}, 'us-west-2', ${label} || '-' || n / 2,
      case n % 2 when 0 then 'requested' else 'stopped' end, '{}'`,
  );
  const errors = Math.ceil(decisions / 20);
  await rows(
    db,
    errors,
    () => sql`
    insert into error_hours (error_id, hour, worker_pool_id, kind, title, description, occurrences, first_at, last_at)
    select ${label} || n, ${at(errors)}, ${pool}, 'creation-error', 'no capacity', 'no capacity', 1, ${at(errors)}, ${at(errors)}`,
  );
}
