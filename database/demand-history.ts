import { sql } from 'kysely';
import {
  ALL_POOLS,
  type DemandSeries,
  demandSeries,
  endOf,
  type PollRow,
  seriesOf,
  type Spans,
} from '../domain/demand-history.js';
import { HOUR_MS, MINUTE_MS, startOf } from '../domain/durations.js';
import type { Db } from './client/schema.js';
import { bigint, int, jsonb, text } from './client/sql.js';

/** A poll with all pools is no older; from it on the state of each is known. */
const POLL_HISTORY_MS = 31 * MINUTE_MS;
/** The shortest span of which hours of polls are kept. */
export const KEPT_SPAN_MS = 10 * MINUTE_MS;
const KEPT_SPANS = HOUR_MS / KEPT_SPAN_MS;
/** A poll that began in an hour has left its row by then. */
const SETTLED_MS = MINUTE_MS;
/** Polls are read for the time that no row sums up yet, and for no longer than this. */
export const MAX_POLLS_MS = 3 * HOUR_MS;

/**
 * Sums up the polls of hours that are over and have no row yet, one after the other, until `isOver`. Says how many.
 * Two that do it at once write the same.
 */
export async function sumUpDemand(db: Db, nowMs: number, isOver: () => boolean = () => false): Promise<number> {
  let hours = 0;
  for (let hour = await firstHour(db, null); hour !== null && !isOver(); hour = await firstHour(db, hour)) {
    if (hour + HOUR_MS + SETTLED_MS > nowMs) break;
    const polls = await pollsOf(db, { from: hour, to: hour + HOUR_MS }, ALL_POOLS);
    const series = demandSeries(polls, { from: hour, spanMs: KEPT_SPAN_MS, count: KEPT_SPANS });
    await sql`
      insert into demand_hours (worker_pool_id, hour, series)
      select pool, ${bigint(hour)}, series from jsonb_to_recordset(${jsonb(
        [...series].map(([pool, of]) => ({ pool, series: of })),
      )}) as s(pool text, series jsonb)
      on conflict do nothing`.execute(db);
    hours += 1;
  }
  return hours;
}

/** The first hour with a poll after the last one that was summed up. */
async function firstHour(db: Db, after: number | null): Promise<number | null> {
  const { rows } = await sql<{ ended: number | null }>`
    select min(ended) as ended from demand_polls where ended >= greatest(${bigint(after === null ? 0 : after + HOUR_MS)},
      (select coalesce(max(hour), ${bigint(-HOUR_MS)}) + ${int(HOUR_MS)} from demand_hours where worker_pool_id = ${ALL_POOLS}))`.execute(
    db,
  );
  const ended = rows[0]?.ended ?? null;
  return ended === null ? null : startOf(ended, HOUR_MS);
}

/** What polls saw of one pool, or of all together, from their own rows. */
export async function polledDemand(db: Db, workerPoolId: string, spans: Spans): Promise<DemandSeries | null> {
  const polls = await pollsOf(db, { from: spans.from, to: endOf(spans) }, workerPoolId);
  return demandSeries(polls, spans, (pool) => pool === workerPoolId).get(workerPoolId) ?? null;
}

/** The same from hours that were summed up, and from polls since the last of them; of spans of KEPT_SPAN_MS. */
export async function keptDemand(db: Db, workerPoolId: string, spans: Spans): Promise<DemandSeries> {
  const to = endOf(spans);
  const first = startOf(spans.from, HOUR_MS);
  const { rows } = await sql<{ hour: number; series: DemandSeries | null }>`
    select h.hour, s.series from demand_hours h
    left join demand_hours s on s.worker_pool_id = ${workerPoolId} and s.hour = h.hour
      and s.hour >= ${bigint(first)} and s.hour < ${bigint(to)}
    where h.worker_pool_id = ${ALL_POOLS} and h.hour >= ${bigint(first)} and h.hour < ${bigint(to)}
    order by h.hour`.execute(db);
  const summed = (rows.at(-1)?.hour ?? -Infinity) + HOUR_MS;
  const from = Math.max(spans.from, summed, to - MAX_POLLS_MS - HOUR_MS);
  const rest = Math.floor((from - spans.from) / KEPT_SPAN_MS);
  const polled =
    rest < spans.count
      ? await polledDemand(db, workerPoolId, {
          ...spans,
          from: spans.from + rest * KEPT_SPAN_MS,
          count: spans.count - rest,
        })
      : null;
  return seriesOf((figure) => {
    const values = Array<number | null>(spans.count).fill(null);
    const place = (begin: number, kept: readonly (number | null)[]) => {
      for (const [n, value] of kept.entries()) {
        const at = (begin - spans.from) / KEPT_SPAN_MS + n;
        if (at >= 0 && at < spans.count) values[at] = value;
      }
    };
    for (const { hour, series } of rows) if (series) place(hour, series[figure]);
    if (polled) place(spans.from + rest * KEPT_SPAN_MS, polled[figure]);
    return values;
  });
}

/** With those before it that say how its first one was. Of one pool, no other is read. */
async function pollsOf(
  db: Db,
  { from, to }: { readonly from: number; readonly to: number },
  workerPoolId: string,
): Promise<PollRow[]> {
  const pools =
    workerPoolId === ALL_POOLS
      ? sql`pools`
      : sql`case when jsonb_exists(pools, ${text(workerPoolId)})
          then jsonb_build_object(${text(workerPoolId)}, pools -> ${text(workerPoolId)}) else '{}' end`;
  const { rows } = await sql<PollRow>`
    select id, full_id, ended as at, interval_ms, ${pools} as pools from demand_polls
    where ended >= ${bigint(from - POLL_HISTORY_MS)} and ended < ${bigint(to)} order by ended, id`.execute(db);
  return rows;
}
