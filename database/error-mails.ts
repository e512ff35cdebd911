import { sql, type RawBuilder } from 'kysely';
import { DAY_MS, HOUR_MS } from '../domain/durations.js';
import type { MailedError } from '../domain/error-mail.js';
import { NULL_PROVIDER } from '../domain/ids.js';
import type { Db } from './client/schema.js';
import { bigint, jsonb, text } from './client/sql.js';

/** Errors of one mail; the next one has more. */
const MAX_ERRORS = 20;
/** Older errors are no news, and stand in the pool's list. */
const MAX_AGE_MS = DAY_MS;

/** Errors of a pool that were marked as mailed to its owner. */
export interface ErrorMail {
  readonly owner: string;
  /** Latest first. */
  readonly errors: readonly ClaimedError[];
  /** How many more wait for the next mail. */
  readonly waiting: number;
}

export interface ClaimedError extends MailedError {
  readonly errorKey: string;
  readonly reported: number;
  /** Of all that are kept. */
  readonly allOccurrences: number;
}

/** Pools whose owners want mail about errors, and have not heard of some. */
export async function poolsWithUnmailedErrors(db: Db, nowMs: number): Promise<string[]> {
  const { rows } = await sql<{ workerPoolId: string }>`
    with ${dueErrors(nowMs, sql`true`)} select distinct worker_pool_id from due order by worker_pool_id`.execute(db);
  return rows.map(({ workerPoolId }) => workerPoolId);
}

/** Marks what the owner is to hear of as mailed; null where somebody else has, or there is nothing. */
export async function claimErrorMail(db: Db, workerPoolId: string, nowMs: number): Promise<ErrorMail | null> {
  const { rows } = await sql<ClaimedError & { owner: string; waiting: number }>`
    with ${dueErrors(nowMs, sql`p.worker_pool_id = ${workerPoolId}`)},
    claimed as (
      insert into error_mails as m (worker_pool_id, error_key, mailed_at)
      select worker_pool_id, error_key, ${bigint(nowMs)} from due order by reported desc, error_key limit ${MAX_ERRORS}
      on conflict (worker_pool_id, error_key) do update set mailed_at = excluded.mailed_at
        where m.mailed_at <= ${bigint(nowMs - HOUR_MS)}
      returning error_key)
    select d.owner, d.error_key, d.reported, d.all_occurrences, d.occurrences, d.last_mailed_at, e.kind, e.title,
      e.description, e.error_id, e.launch_config_id, e.extra,
      cast((select count(*) from due) - (select count(*) from claimed) as int) as waiting
    from claimed join due d using (error_key) join worker_pool_errors e on e.error_id = d.error_id
    order by d.reported desc, d.error_key`.execute(db);
  const [first] = rows;
  return first ? { owner: first.owner, waiting: first.waiting, errors: rows } : null;
}

/** The owner has heard of them. */
export async function recordErrorMail(db: Db, workerPoolId: string, errors: readonly ClaimedError[]): Promise<void> {
  const heard = errors.map(({ errorKey, reported, allOccurrences }) => ({ errorKey, reported, allOccurrences }));
  await sql`
    update error_mails m set heard_until = h.reported, heard_occurrences = h."allOccurrences"
    from jsonb_to_recordset(${jsonb(heard)}) as h("errorKey" text, reported bigint, "allOccurrences" bigint)
    where m.worker_pool_id = ${workerPoolId} and m.error_key = h."errorKey"`.execute(db);
}

/**
 * Parts of a statement. `due`: for each distinct error of the pools of `condition` that their owners may hear of now,
 * the latest of those that equal it, and how many there were since the last mail.
 */
const dueErrors = (nowMs: number, condition: RawBuilder<unknown>) => sql`
  recent as (
    select p.worker_pool_id, p.owner, e.error_id, e.reported, e.occurrences,
      encode(sha256(convert_to(cast(jsonb_build_array(e.kind, e.title, e.description) as text), 'UTF8')), 'hex') as error_key
    from worker_pools p join worker_pool_errors e on e.worker_pool_id = p.worker_pool_id
    where p.email_on_error and p.provider_id <> ${text(NULL_PROVIDER)}
      and e.reported > ${bigint(nowMs - MAX_AGE_MS)} and ${condition}),
  distinct_errors as (
    select worker_pool_id, error_key, min(owner) as owner, max(reported) as reported,
      cast(sum(occurrences) as bigint) as all_occurrences,
      (array_agg(error_id order by reported desc, error_id))[1] as error_id
    from recent group by worker_pool_id, error_key),
  due as (
    select d.*, m.mailed_at as last_mailed_at,
      greatest(d.all_occurrences - coalesce(m.heard_occurrences, 0), 1) as occurrences
    from distinct_errors d left join error_mails m using (worker_pool_id, error_key)
    where m.mailed_at is null or (m.mailed_at <= ${bigint(nowMs - HOUR_MS)} and d.reported > m.heard_until))`;
