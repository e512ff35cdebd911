import { sql, type RawBuilder } from 'kysely';
import type { BucketStore, BucketView, CallLimit, CallReservation, Shortage } from '../providers/rate-limit.js';
import type { CallPauseData } from '../domain/evidence.js';
import type { Db } from './client/schema.js';
import { jsonb } from './client/sql.js';

export const bucketStore = (db: Db): BucketStore => ({
  reserve: (bucket, limit, maxWaitMs) => reserve(db, bucket, limit, maxWaitMs),
  lower: (bucket, limit, shortage) => lower(db, bucket, limit, shortage),
  pauseOf: (bucket) => pauseOf(db, bucket),
});

/**
 * The generic cell rate algorithm in one statement: the row is the instant at which the bucket would be full again, in
 * the database's clock. Whoever waited for the row's lock judges by the clock from before, and so waits rather too
 * long. A bucket that was written in the clock's future is moved to its present first, so that no step of the clock
 * closes it.
 */
async function reserve(db: Db, bucket: string, limit: CallLimit, maxWaitMs: number): Promise<CallReservation> {
  for (;;) {
    const { inFuture, ...reservation } = await tryReserve(db, bucket, limit, maxWaitMs);
    if (!inFuture) return reservation;
    await moveToPresent(db, bucket);
  }
}

async function tryReserve(
  db: Db,
  bucket: string,
  limit: CallLimit,
  maxWaitMs: number,
): Promise<CallReservation & { readonly inFuture: boolean }> {
  const intervalMs = 1000 / limit.perSecond;
  const interval = float(intervalMs);
  const allowance = float(intervalMs * (limit.burst - 1));
  const { rows } = await sql<CallReservation & { readonly inFuture: boolean }>`
    with clock as (${clock}),
    taken as (
      insert into rate_limits as r (bucket, arrival, at) select ${bucket}, now + ${interval}, now from clock
      on conflict (bucket) do update set arrival = greatest(r.arrival, (select now from clock)) + ${interval},
          at = greatest(r.at, (select now from clock))
        where greatest(greatest(r.arrival, (select now from clock)) - ${allowance}, r.paused_until)
          - (select now from clock) <= ${float(maxWaitMs)} and not ${inFuture}
      returning arrival - ${interval} as begins, arrival, paused_until),
    seen as (
      select true as reserved, false as in_future, begins, arrival, paused_until from taken
      union all
      select false, ${inFuture}, greatest(arrival, now), arrival, paused_until from rate_limits r, clock
        where bucket = ${bucket} and not exists (select 1 from taken))
    select coalesce(reserved, false) as reserved, coalesce(in_future, false) as in_future,
      coalesce(paused_until, 0) as paused_until,
      greatest(0, greatest(begins - ${allowance}, paused_until) - now) as wait_ms,
      greatest(0, arrival - now) as full_in_ms
    from clock left join seen on true`.execute(db);
  const seen = rows[0]!;
  // A place that others took while this statement ran is not in what it read: the wait is longer than that says.
  return seen.reserved ? seen : { ...seen, waitMs: Math.max(seen.waitMs, maxWaitMs) };
}

async function lower(db: Db, bucket: string, limit: CallLimit, { left, pauseMs }: Shortage): Promise<BucketView> {
  const intervalMs = 1000 / limit.perSecond;
  const full = float(intervalMs * limit.burst);
  // What is left when the pause is over, as the instant at which the bucket would be full.
  const lowered = float(pauseMs + intervalMs * (limit.burst - left));
  const pause = float(pauseMs);
  const data: CallPauseData = { left };
  const { rows } = await sql<BucketView>`
    with clock as (${clock}),
    paused as (
      insert into spans (kind, subject, begins, ends, data)
      select 'call-pause', ${bucket}, now, now + ${pause}, ${jsonb(data)} from clock
      -- Many calls are refused at once, and each says nearly the same.
      where ${pause} > 0 and not exists (select 1 from spans s where s.kind = 'call-pause' and s.subject = ${bucket}
        and s.ends > cast(now + ${pause} - ${PAUSE_TOLERANCE_MS} as bigint)))
    insert into rate_limits as r (bucket, arrival, paused_until, at)
      select ${bucket}, now + ${lowered}, case when ${pause} > 0 then now + ${pause} else 0 end, now from clock
    on conflict (bucket) do update set
      arrival = greatest(
        case when ${pause} > 0 and (select now from clock) + ${pause} > ${pausedUntil}
          then least(${arrival}, (select now from clock) + ${full}) else ${arrival} end,
        (select now from clock) + ${lowered}),
      paused_until = case when ${pause} > 0
        then greatest(${pausedUntil}, (select now from clock) + ${pause}) else ${pausedUntil} end,
      at = case when ${inFuture} then (select now from clock) else greatest(r.at, (select now from clock)) end
    returning paused_until, greatest(0, arrival - (select now from clock)) as full_in_ms`.execute(db);
  return rows[0]!;
}

/** A pause that ends later by less than this is the one that is on record. */
const PAUSE_TOLERANCE_MS = 1_000;

async function pauseOf(db: Db, bucket: string): Promise<number> {
  const row = await db.selectFrom('rateLimits').select('pausedUntil').where('bucket', '=', bucket).executeTakeFirst();
  return row?.pausedUntil ?? 0;
}

/**
 * Statements that waited for a row's lock write an earlier instant than the one before them, so only more than this is
 * a step of the clock; a smaller one delays calls by no more than itself.
 */
const SMALLEST_STEP_MS = 10_000;

/** Whether the clock has stepped back since the bucket `r` was written, in a statement with `clock`. */
const inFuture = sql<boolean>`(r.at > (select now from clock) + ${sql.lit(SMALLEST_STEP_MS)})`;
/** How far the bucket `r` has to move for that; 0 when the clock has not stepped. */
const step = sql<number>`(case when ${inFuture} then r.at - (select now from clock) else 0 end)`;
const arrival = sql<number>`(r.arrival - ${step})`;
const pausedUntil = sql<number>`(r.paused_until - ${step})`;

/** What was left of the bucket and of its pause when the clock stepped back is what is left now. */
async function moveToPresent(db: Db, bucket: string): Promise<void> {
  await sql`
    with clock as (${clock})
    update rate_limits r set arrival = ${arrival}, paused_until = ${pausedUntil}, at = (select now from clock)
    where bucket = ${bucket} and ${inFuture}`.execute(db);
}

/** Milliseconds of the database's clock. */
const clock = sql`select cast(extract(epoch from clock_timestamp()) * 1000 as float8) as now`;

const float = (value: number): RawBuilder<number> => sql`cast(${value} as float8)`;
