import { sql } from 'kysely';
import { endOf, type Spans } from '../domain/demand-history.js';
import type { QueueWait } from '../domain/queue-waits.js';
import type { Line } from '../domain/charts.js';
import type { Db } from './client/schema.js';
import { bigint, databaseNow, int, jsonb } from './client/sql.js';

/** Pools that had pending tasks when their queue was last read. */
export async function waitingPools(db: Db): Promise<string[]> {
  const { rows } = await sql<{ workerPoolId: string }>`
    select worker_pool_id from demand_readings where pending_tasks > 0 order by 1`.execute(db);
  return rows.map(({ workerPoolId }) => workerPoolId);
}

export async function recordWaits(db: Db, waits: readonly QueueWait[]): Promise<void> {
  if (waits.length === 0) return;
  await sql`
    with clock as materialized (select ${databaseNow} as now)
    insert into queue_waits (worker_pool_id, at, tasks, complete, oldest_ms, p50_ms, p95_ms)
    select w."workerPoolId", c.now, w.tasks, w.complete, w."oldestMs", w."p50Ms", w."p95Ms"
    from clock c, jsonb_to_recordset(${jsonb(waits)}) as w("workerPoolId" text, tasks int, complete boolean,
      "oldestMs" bigint, "p50Ms" bigint, "p95Ms" bigint)
    on conflict do nothing`.execute(db);
}

/** The longest of each that was read in a span. */
export async function waitLines(db: Db, workerPoolId: string, spans: Spans): Promise<Line[]> {
  const { from, spanMs, count } = spans;
  const { rows } = await sql<{ span: number; oldest: number; p95: number; p50: number }>`
    select cast((at - ${bigint(from)}) / ${int(spanMs)} as int) as span, max(oldest_ms) as oldest, max(p95_ms) as p95,
      max(p50_ms) as p50
    from queue_waits
    where worker_pool_id = ${workerPoolId} and at >= ${bigint(from)} and at < ${bigint(endOf(spans))}
    group by 1`.execute(db);
  if (rows.length === 0) return [];
  const bySpan = new Map(rows.map((row) => [row.span, row]));
  return (['oldest', 'p95', 'p50'] as const).map((name) => ({
    name,
    values: Array.from({ length: count }, (_, span) => bySpan.get(span)?.[name] ?? null),
  }));
}
