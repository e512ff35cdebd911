import { sql, type RawBuilder } from 'kysely';
import type { CallLimit } from '../providers/provider.js';
import type { Db } from './schema.js';

/** What one statement has seen of a bucket. */
export interface BucketView {
  /** The end of its latest pause, in the database's clock; 0 when there was none. Places taken under another value are void. */
  readonly pausedUntil: number;
  /** Until the bucket would be full, if nobody asked any more. */
  readonly fullInMs: number;
}

export interface CallReservation extends BucketView {
  /** Until the call may be sent. */
  readonly waitMs: number;
  readonly reserved: boolean;
}

/** What the cloud has said of a bucket that we believed to hold more. */
export interface Shortage {
  /** Calls that it answers at once when the pause is over, 0 to the limit's burst. */
  readonly left: number;
  /** Milliseconds in which it answers none; 0 for no pause. */
  readonly pauseMs: number;
}

/**
 * Takes a call's place in a bucket that all processes share: `burst` calls at once, then `perSecond` (both > 0), and none
 * before the bucket's pause is over. When the wait would be longer than `maxWaitMs` nothing is taken, and `waitMs` says how
 * long it would have been.
 *
 * The generic cell rate algorithm in one statement: the row is the instant at which the bucket would be full again, in
 * the database's clock. Whoever waited for the row's lock judges by the clock from before, and so waits rather too long.
 */
export async function reserveCall(
  db: Db,
  bucket: string,
  limit: CallLimit,
  maxWaitMs: number,
): Promise<CallReservation> {
  const intervalMs = 1000 / limit.perSecond;
  const interval = float(intervalMs);
  const allowance = float(intervalMs * (limit.burst - 1));
  const { rows } = await sql<CallReservation>`
    with clock as (${clock}),
    taken as (
      insert into rate_limits as r (bucket, arrival) select ${bucket}, now + ${interval} from clock
      on conflict (bucket) do update set arrival = greatest(r.arrival, (select now from clock)) + ${interval}
        where greatest(greatest(r.arrival, (select now from clock)) - ${allowance}, r.paused_until)
          - (select now from clock) <= ${float(maxWaitMs)}
      returning arrival - ${interval} as begins, arrival, paused_until),
    seen as (
      select true as reserved, begins, arrival, paused_until from taken
      union all
      select false, greatest(arrival, now), arrival, paused_until from rate_limits, clock
        where bucket = ${bucket} and not exists (select 1 from taken))
    select coalesce(reserved, false) as reserved, coalesce(paused_until, 0) as paused_until,
      greatest(0, greatest(begins - ${allowance}, paused_until) - now) as wait_ms,
      greatest(0, arrival - now) as full_in_ms
    from clock left join seen on true`.execute(db);
  const seen = rows[0]!;
  // A place that others took while this statement ran is not in what it read: the wait is longer than that says.
  return seen.reserved ? seen : { ...seen, waitMs: Math.max(seen.waitMs, maxWaitMs) };
}

/**
 * Makes a bucket hold no more than the cloud has said, for all processes; it never makes it hold more. A pause that ends
 * later than the one before makes void the places that callers wait for, since they lie where the cloud wants nobody: it
 * takes them back, and the callers must take others.
 */
export async function lowerBudget(
  db: Db,
  bucket: string,
  limit: CallLimit,
  { left, pauseMs }: Shortage,
): Promise<BucketView> {
  const intervalMs = 1000 / limit.perSecond;
  const full = float(intervalMs * limit.burst);
  // What is left when the pause is over, as the instant at which the bucket would be full.
  const lowered = float(pauseMs + intervalMs * (limit.burst - left));
  const pause = float(pauseMs);
  const { rows } = await sql<BucketView>`
    with clock as (${clock})
    insert into rate_limits as r (bucket, arrival, paused_until)
      select ${bucket}, now + ${lowered}, case when ${pause} > 0 then now + ${pause} else 0 end from clock
    on conflict (bucket) do update set
      arrival = greatest(
        case when ${pause} > 0 and (select now from clock) + ${pause} > r.paused_until
          then least(r.arrival, (select now from clock) + ${full}) else r.arrival end,
        (select now from clock) + ${lowered}),
      paused_until = case when ${pause} > 0
        then greatest(r.paused_until, (select now from clock) + ${pause}) else r.paused_until end
    returning paused_until, greatest(0, arrival - (select now from clock)) as full_in_ms`.execute(db);
  return rows[0]!;
}

/** The end of the bucket's latest pause, as in BucketView. */
export async function pauseOf(db: Db, bucket: string): Promise<number> {
  const row = await db.selectFrom('rateLimits').select('pausedUntil').where('bucket', '=', bucket).executeTakeFirst();
  return row?.pausedUntil ?? 0;
}

/** Milliseconds of the database's clock. */
const clock = sql`select cast(extract(epoch from clock_timestamp()) * 1000 as float8) as now`;

const float = (value: number): RawBuilder<number> => sql`cast(${value} as float8)`;
