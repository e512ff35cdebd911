import { sql, type RawBuilder } from 'kysely';
import type { CallLimit } from '../providers/provider.js';
import type { Db } from './schema.js';

export interface CallReservation {
  /** Until the call may be sent. */
  readonly waitMs: number;
  readonly reserved: boolean;
}

/**
 * Takes a call's place in a bucket that all processes share: `burst` calls at once, then `perSecond` (both > 0). When the
 * wait would be longer than `maxWaitMs` nothing is taken, and `waitMs` says how long it would have been.
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
    with clock as (select cast(extract(epoch from clock_timestamp()) * 1000 as float8) as now),
    taken as (
      insert into rate_limits as r (bucket, arrival) select ${bucket}, now + ${interval} from clock
      on conflict (bucket) do update set arrival = greatest(r.arrival, (select now from clock)) + ${interval}
        where greatest(r.arrival, (select now from clock)) - ${allowance} - (select now from clock) <= ${float(maxWaitMs)}
      returning arrival - ${interval} as begins)
    select exists (select 1 from taken) as reserved,
      greatest(0, coalesce(
        (select begins from taken), (select greatest(arrival, now) from rate_limits where bucket = ${bucket}), now
      ) - ${allowance} - now) as wait_ms
    from clock`.execute(db);
  const { reserved, waitMs } = rows[0]!;
  // A place that others took while this statement ran is not in what it read: the wait is longer than that says.
  return reserved ? { reserved, waitMs } : { reserved, waitMs: Math.max(waitMs, maxWaitMs) };
}

const float = (value: number): RawBuilder<number> => sql`cast(${value} as float8)`;
