import { sql, type RawBuilder } from 'kysely';
import {
  MAX_ATTEMPT_INTERVAL_MS,
  MAX_IN_DOUBT_MS,
  MIN_ATTEMPT_INTERVAL_MS,
  SETTLED_AFTER_MS,
} from '../domain/launch.js';
import { attemptPart, type ProcessAttempts } from './attempts.js';
import { storeError, type NewWorkerPoolError } from './errors.js';
import type { Db, LaunchRow } from './client/schema.js';
import { bigint, int, jsonb, text, storable } from './client/sql.js';

/**
 * Attempts of a launch. Each is in doubt from before its call until an answer proves what it did, and may be alive
 * after the engine has given it up: nothing is decided on a row that was read before. Whoever closes a launch states
 * what he knows (`Proof`), and the statement that closes it compares that with the row
 * (ARCHITECTURE.md#closed-by-proof).
 */

/** What an attempt, or a search, begins with. */
export interface BegunAttempt {
  /** As it was before. */
  readonly launch: LaunchRow;
  /** How many attempts there have been, this one included. */
  readonly attempts: number;
  /** Whether this is an attempt, in doubt from now on; else the cloud may only be searched. */
  readonly maySend: boolean;
}

/**
 * Why a launch may be closed although attempts were sent: none of them can have created a machine that is not known.
 */
export interface Proof {
  /** How many attempts there had been when the proof began: one that has begun since makes it void. */
  readonly attempts: number;
  /**
   * `refused`: the attempt of this number got a definite refusal, and no other attempt is in doubt.
   * `unsent`: no attempt of this launch sends anything, so that it has no machines until they have rows.
   * `settled`: the cloud says that the launch has ended, whatever attempts there were.
   * Else the instant at which a list began: long enough after the last attempt, it shows all that any of them created.
   */
  readonly by: 'refused' | 'unsent' | 'settled' | { readonly listedFrom: number };
}

/** The row `l` allows to be closed by this proof. */
export function isProven({ attempts, by }: Proof): RawBuilder<boolean> {
  if (by === 'unsent') return sql`l.status = 'open'`;
  const isLast = sql`l.status = 'open' and l.attempts = ${int(attempts)}`;
  if (by === 'settled') return sql`${isLast}`;
  if (by === 'refused') return sql`${isLast} and l.in_doubt_attempts <= 1`;
  return sql`${isLast} and coalesce(l.last_attempt_at, 0) <= ${bigint(by.listedFrom - SETTLED_AFTER_MS)}`;
}

export interface AttemptBegin {
  readonly nowMs: number;
  readonly mayLaunch: boolean;
  /** By provider: how long after the first attempt its cloud knows a token. A provider that is not in it sends none. */
  readonly maxTokenAgesMs?: Readonly<Record<string, number>>;
}

/**
 * Begins an attempt, in doubt until it is recorded, refused or settled; or, where the launch must not be sent (any
 * more), a search. A launch that is not open stays as it is, and then the cloud must not be called. Null when there is
 * none.
 *
 * `nowMs` may lie before the last attempt's: whoever was paused before this begins after one that was scheduled later.
 */
export async function beginAttempt(
  db: Db,
  token: string,
  { nowMs, mayLaunch, maxTokenAgesMs = {} }: AttemptBegin,
): Promise<BegunAttempt | null> {
  const { rows } = await sql<LaunchRow & { maySend: boolean; begun: number }>`
    with before as (
      select l.*, l.status = 'open' and cast(${mayLaunch} as boolean)
        and coalesce(l.in_doubt_since > ${bigint(nowMs - MAX_IN_DOUBT_MS)}, true)
        and coalesce(l.first_attempt_at > ${bigint(nowMs)} - cast(${jsonb(maxTokenAgesMs)} ->> l.provider_id as bigint), true)
          as may_send
      from launches l where token = ${token} for update),
    begun as (
      update launches l set
        attempts = l.attempts + b.one, in_doubt_attempts = l.in_doubt_attempts + b.one,
        first_attempt_at = coalesce(l.first_attempt_at, case when b.may_send then ${bigint(nowMs)} end),
        last_attempt_at = case when b.may_send then greatest(l.last_attempt_at, ${bigint(nowMs)}) else l.last_attempt_at end,
        in_doubt_since = coalesce(l.in_doubt_since, case when b.may_send then ${bigint(nowMs)} end),
        next_attempt_at = ${bigint(nowMs)} + ${attemptInterval}
      from (select *, case when may_send then 1 else 0 end as one from before) b
      where l.token = b.token and b.status = 'open'
      returning l.attempts)
    select b.*, coalesce((select attempts from begun), b.attempts) as begun from before b`.execute(db);
  const [row] = rows;
  if (!row) return null;
  const { maySend, begun, ...launch } = row;
  return { launch, attempts: begun, maySend };
}

/** 10 s doubling, by the attempts before; a search waits as long as the cap. */
const attemptInterval = sql`cast(case when b.may_send
  then least(${int(MIN_ATTEMPT_INTERVAL_MS)} * power(2, least(l.attempts, 20)), ${int(MAX_ATTEMPT_INTERVAL_MS)})
  else ${int(MAX_ATTEMPT_INTERVAL_MS)} end as bigint)`;

/**
 * The attempt of this number did nothing: it is in doubt no more. The last attempt is the one before it again
 * (`lastAttemptAt` of the row that it began with), unless another has begun meanwhile.
 */
export async function resolveAttempt(
  db: Db,
  { launch, attempts }: Pick<BegunAttempt, 'launch' | 'attempts'>,
  failure: string,
  calls?: ProcessAttempts,
): Promise<void> {
  await sql`
    with ${attemptPart(calls)} one as (select 1)
    update launches set in_doubt_attempts = in_doubt_attempts - 1,
      in_doubt_since = case when in_doubt_attempts > 1 then in_doubt_since end,
      last_attempt_at = case when attempts = ${int(attempts)} then ${bigint(launch.lastAttemptAt)} else last_attempt_at end,
      last_failure = ${text(storable(failure))}
    where token = ${launch.token} and status = 'open' and in_doubt_attempts > 0`.execute(db);
}

/** What an attempt failed with that stays in doubt. */
export async function noteFailure(db: Db, token: string, failure: string, calls?: ProcessAttempts): Promise<void> {
  await sql`
    with ${attemptPart(calls)} one as (select 1)
    update launches set last_failure = ${text(storable(failure))} where token = ${token} and status = 'open'`.execute(
    db,
  );
}

/** Stores the error of a launch that has been in doubt for too long; true the first time, later nothing is written. */
export async function reportInDoubt(db: Db, token: string, error: NewWorkerPoolError, nowMs: number): Promise<boolean> {
  const { rows } = await sql`
    with reported as (
      update launches set reported_at = ${bigint(nowMs)}
      where token = ${token} and status = 'open' and reported_at is null
        and in_doubt_since <= ${bigint(nowMs - MAX_IN_DOUBT_MS)}
      returning 1),
    ${storeError(error, nowMs, sql`exists (select 1 from reported)`)}
    select 1 from reported`.execute(db);
  return rows.length > 0;
}
