import { sql } from 'kysely';
import { DAY_MS, HOUR_MS, startOf } from '../domain/durations.js';
import type { Db } from './client/schema.js';
import { bigint } from './client/sql.js';

export interface ErrorStats {
  /** Of the seven days. */
  readonly total: number;
  /** Begin of each of the last seven days in UTC, today's last, and the errors of that day. */
  readonly daily: readonly ErrorsSince[];
  /** The same of the last 24 hours. */
  readonly hourly: readonly ErrorsSince[];
  /** Of all errors that are kept, by what they are; the most frequent ones. */
  readonly title: Readonly<Record<string, number>>;
  readonly code: Readonly<Record<string, number>>;
  readonly workerPool: Readonly<Record<string, number>>;
  /** Only of one pool's. */
  readonly launchConfig: Readonly<Record<string, number>>;
}

export interface ErrorsSince {
  readonly since: number;
  readonly errors: number;
}

/** Days that statistics of errors look back. */
export const ERROR_STATS_DAYS = 7;
const HOURS = 24;
/** Titles are as many as workers invent; an answer that holds the most frequent ones stays readable, and small. */
const MAX_NAMES = 1_000;
/** What an error without a code, or without a launch config, is counted under. */
const OTHER_CODE = 'other';
const NO_LAUNCH_CONFIG = 'unknown';

interface Counted {
  kind: 'hour' | 'title' | 'code' | 'workerPool' | 'launchConfig';
  name: string;
  errors: number;
}

/** How often what went wrong, of one pool or (null) of all: each occurrence counts. */
export async function errorStats(db: Db, workerPoolId: string | null, nowMs: number): Promise<ErrorStats> {
  const firstDay = startOf(nowMs, DAY_MS) - (ERROR_STATS_DAYS - 1) * DAY_MS;
  const ofPool = workerPoolId === null ? sql`true` : sql`worker_pool_id = ${workerPoolId}`;
  const { rows } = await sql<Counted>`
    with named as (
      select sum(occurrences) as errors, title, left(coalesce(extra ->> 'code', ${OTHER_CODE}), 256) as code,
        worker_pool_id, coalesce(launch_config_id, ${NO_LAUNCH_CONFIG}) as launch_config_id
      from worker_pool_errors where ${ofPool} group by 2, 3, 4, 5),
    counted as (
      select 'title' as kind, title as name, errors from named
      union all select 'code', code, errors from named
      union all select 'workerPool', worker_pool_id, errors from named
      union all select 'launchConfig', launch_config_id, errors from named where ${workerPoolId === null ? sql`false` : sql`true`}),
    ranked as (
      select kind, name, sum(errors) as errors, row_number() over (partition by kind order by sum(errors) desc, name) as rank
      from counted group by kind, name)
    select kind, name, cast(errors as bigint) as errors from ranked where rank <= ${MAX_NAMES}
    union all
    select 'hour', cast(hour as text), cast(sum(occurrences) as bigint) from worker_pool_error_hours
    where ${ofPool} and hour >= ${bigint(firstDay)} group by hour`.execute(db);
  const of = (kind: Counted['kind']) => rows.filter((row) => row.kind === kind);
  const names = (kind: Counted['kind']) => Object.fromEntries(of(kind).map(({ name, errors }) => [name, errors]));
  const hours = of('hour').map(({ name, errors }) => ({ since: Number(name), errors }));
  const daily = spans(hours, firstDay, DAY_MS, ERROR_STATS_DAYS);
  return {
    total: daily.reduce((sum, { errors }) => sum + errors, 0),
    daily,
    hourly: spans(hours, startOf(nowMs, HOUR_MS) - (HOURS - 1) * HOUR_MS, HOUR_MS, HOURS),
    title: names('title'),
    code: names('code'),
    workerPool: names('workerPool'),
    launchConfig: names('launchConfig'),
  };
}

/** The errors of `count` spans, one after the other from `first` on; without any it is 0. */
const spans = (hours: readonly ErrorsSince[], first: number, lengthMs: number, count: number): ErrorsSince[] =>
  Array.from({ length: count }, (_, n) => {
    const since = first + n * lengthMs;
    const within = hours.filter((hour) => hour.since >= since && hour.since < since + lengthMs);
    return { since, errors: within.reduce((sum, { errors }) => sum + errors, 0) };
  });
