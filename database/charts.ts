import { sql } from 'kysely';
import {
  ALL_POOLS,
  type DemandSeries,
  demandFigures,
  endOf,
  maximumOver,
  seriesOf,
  type Spans,
  thinned,
} from '../domain/demand-history.js';
import { type Duration, durationsOver, type Line, type Occurrences, type Percentiles } from '../domain/charts.js';
import type { Db } from './client/schema.js';
import { bigint, int, text } from './client/sql.js';
import { keptDemand, KEPT_SPAN_MS, polledDemand } from './demand-history.js';

/** Figures of a pool (or of ALL_POOLS) over time, from evidence. */

/** The newest workers of a pool whose time until they registered is measured; of all pools, so many of each. */
const WORKERS_OF_POOL = 5_000;
const WORKERS_OF_EACH = 100;
const MAX_POOLS = 1_000;

const ofPool = (workerPoolId: string) =>
  workerPoolId === ALL_POOLS ? sql`true` : sql`worker_pool_id = ${text(workerPoolId)}`;

/** The most that polls saw in each span, and the pool's maximum then. */
export async function demandLines(db: Db, workerPoolId: string, spans: Spans): Promise<Line[]> {
  const series = await demandOf(db, workerPoolId, spans);
  const lines = demandFigures.map((name) => ({ name, values: series?.[name] ?? emptyLine(spans) }));
  if (workerPoolId === ALL_POOLS) return lines;
  return [...lines, { name: 'maximum', values: maximumOver(await maxima(db, workerPoolId, spans), spans) }];
}

const emptyLine = ({ count }: Spans): null[] => Array<null>(count).fill(null);

async function demandOf(db: Db, workerPoolId: string, spans: Spans): Promise<DemandSeries | null> {
  if (spans.spanMs < KEPT_SPAN_MS) return await polledDemand(db, workerPoolId, spans);
  const times = spans.spanMs / KEPT_SPAN_MS;
  const kept = await keptDemand(db, workerPoolId, {
    from: spans.from,
    spanMs: KEPT_SPAN_MS,
    count: spans.count * times,
  });
  return seriesOf((figure) => thinned(kept[figure], times));
}

async function maxima(
  db: Db,
  workerPoolId: string,
  spans: Spans,
): Promise<{ at: number; maxCapacity: number | null }[]> {
  const { rows } = await sql<{ at: number; maxCapacity: number | null }>`
    select at, case when action <> 'deleted' and jsonb_typeof(definition -> 'config' -> 'maxCapacity') = 'number'
      then cast(definition -> 'config' ->> 'maxCapacity' as double precision) end as max_capacity
    from pool_revisions where worker_pool_id = ${workerPoolId} and at < ${bigint(endOf(spans))} and at >= coalesce(
      (select max(at) from pool_revisions where worker_pool_id = ${workerPoolId} and at <= ${bigint(spans.from)}), 0)
    order by at, id`.execute(db);
  return rows;
}

/** By their code, or by what they say where they have none. */
export async function errorOccurrences(db: Db, workerPoolId: string, spans: Spans): Promise<Occurrences[]> {
  const { rows } = await sql<Occurrences>`
    select coalesce(code, title) as name, hour as at, cast(sum(occurrences) as int) as count from error_hours
    where ${ofPool(workerPoolId)} and hour >= ${bigint(spans.from)} and hour < ${bigint(endOf(spans))}
    group by 1, 2`.execute(db);
  return rows;
}

/** Calls that may change something in a cloud, by what came of them. */
export async function callOccurrences(db: Db, workerPoolId: string, spans: Spans): Promise<Occurrences[]> {
  const { from, spanMs } = spans;
  const { rows } = await sql<Occurrences>`
    select result as name, ${bigint(from)} + (begun - ${bigint(from)}) / ${int(spanMs)} * ${int(spanMs)} as at,
      cast(count(*) as int) as count
    from attempts
    where ${ofPool(workerPoolId)} and begun >= ${bigint(from)} and begun < ${bigint(endOf(spans))} group by 1, 2`.execute(
    db,
  );
  return rows;
}

/** How long machines took from their launch to their registration, by launch config. */
export async function registrationLines(
  db: Db,
  workerPoolId: string,
  spans: Spans,
): Promise<{ lines: Line[]; percentiles: Percentiles[] }> {
  const isOne = workerPoolId !== ALL_POOLS;
  const pools = isOne
    ? sql`(select ${text(workerPoolId)} as worker_pool_id)`
    : sql`(select worker_pool_id from worker_pools order by worker_pool_id limit ${int(MAX_POOLS)})`;
  const { rows } = await sql<Duration>`
    select ${isOne ? sql`w.launch_config_id` : sql`w.worker_pool_id || ' ' || w.launch_config_id`} as name,
      w.created as at, greatest(0, w.registered_at - w.created) as ms
    from ${pools} p cross join lateral (
      select * from workers where worker_pool_id = p.worker_pool_id and created >= ${bigint(spans.from)}
        and created < ${bigint(endOf(spans))}
      order by created desc limit ${int(isOne ? WORKERS_OF_POOL : WORKERS_OF_EACH)}) w
    where w.registered_at is not null and w.launch_token is not null and w.launch_config_id is not null`.execute(db);
  return durationsOver(rows, spans);
}
