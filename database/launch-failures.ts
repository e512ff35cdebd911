import { sql, type RawBuilder } from 'kysely';
import type { FailureClass } from '../domain/backoff.js';
import type { WorkerKey } from '../domain/ids.js';
import { attemptPart, type ProcessAttempts } from './attempts.js';
import type { BackoffData, SpanEnd } from '../domain/evidence.js';
import { errorIdOf, storeError, storeErrors, type NewWorkerPoolError } from './errors.js';
import { isProven, type Proof } from './launch-attempts.js';
import { lockedLaunches } from './launches.js';
import type { Db } from './client/schema.js';
import { bigint, excerpt, int, isWorker, jsonb, storable, text } from './client/sql.js';
import { spanClock } from './spans.js';

/** How long a launch config backs off after a failure. */
export interface Backoff {
  readonly failureClass: FailureClass;
  /** Milliseconds, by the number of failures in a row of this revision, this one included. */
  readonly durationMs: (failures: number) => number;
  readonly nowMs: number;
  /** The failure is a machine that was there and ended, or ran out of time, before it had registered. */
  readonly unregistered?: boolean;
}

/**
 * Closes an open launch of which the cloud created nothing, lets its launch config back off, and stores the errors.
 * False, and nothing written, when `proof` does not hold (any more).
 */
export async function failLaunch(
  db: Db,
  token: string,
  failed: Backoff & {
    failure: string;
    errors: readonly NewWorkerPoolError[];
    proof: Proof;
    /** They were made whether the proof holds or not. */
    calls?: ProcessAttempts;
  },
): Promise<boolean> {
  const { failures, until } = await nextBackoffEnd(db, failed, launchConfigOf(token));
  const { rows } = await sql`
    with ${attemptPart(failed.calls)} failed as (
      update launches l set status = 'failed', failure = ${text(storable(failed.failure))}, machines = 0,
        in_doubt_attempts = 0, closed = ${bigint(failed.nowMs)}
      where token = ${token} and ${isProven(failed.proof)}
      returning worker_pool_id, launch_config_id, launch_config_revision as revision),
    ${backoffParts(sql`failed`, failed, { failures, until }, { launchToken: token, error: failed.errors[0] })},
    ${storeErrors(failed.errors, failed.nowMs, sql`exists (select 1 from failed)`)}
    select 1 from failed`.execute(db);
  return rows.length > 0;
}

/**
 * A launch was recorded with fewer machines than it requested: its launch config backs off and the errors are stored.
 * True the first time; repeated for the same launch it changes nothing.
 */
export async function noteShortage(
  db: Db,
  token: string,
  shortage: Backoff & { errors: readonly NewWorkerPoolError[] },
): Promise<boolean> {
  const { failures, until } = await nextBackoffEnd(db, shortage, launchConfigOf(token));
  const { rows } = await sql`
    with short as (
      update launches set failure = 'short: ' || machines || ' of ' || count
      where token = ${token} and status in ('fulfilled', 'done') and failure is null
      returning worker_pool_id, launch_config_id, launch_config_revision as revision),
    ${backoffParts(sql`short`, shortage, { failures, until }, { launchToken: token, error: shortage.errors[0] })},
    ${storeErrors(shortage.errors, shortage.nowMs, sql`exists (select 1 from short)`)}
    select 1 from short`.execute(db);
  return rows.length > 0;
}

export const GIVEN_UP = 'given up before it was sent';

/** Closes intents of which no attempt is in doubt, so that they are never sent. Others stay as they are. */
export async function dropLaunches(db: Db, tokens: readonly string[], nowMs: number): Promise<void> {
  if (tokens.length === 0) return;
  await sql`
    with ${lockedLaunches(tokens)}
    update launches l set status = 'failed', failure = ${GIVEN_UP}, machines = 0, closed = ${bigint(nowMs)}
    from locked k where l.token = k.token and l.status = 'open' and l.in_doubt_attempts = 0`.execute(db);
}

/**
 * Closes a launch that must not be carried out (any more) and of which no attempt sends anything; its launch config
 * does not back off. False when it is not open, or `proof` does not hold.
 */
export async function dropUnsent(db: Db, token: string, proof: Proof, nowMs: number): Promise<boolean> {
  const { rows } = await sql`
    update launches l set status = 'failed', failure = ${GIVEN_UP}, machines = 0, in_doubt_attempts = 0,
      closed = ${bigint(nowMs)}
    where token = ${token} and ${isProven(proof)}
    returning 1`.execute(db);
  return rows.length > 0;
}

/** A launch config of which no request can be made: it backs off and the error is stored. There was no launch. */
export async function recordLaunchFailure(
  db: Db,
  failed: Backoff & { workerPoolId: string; launchConfigId: string; revision: number; error: NewWorkerPoolError },
): Promise<void> {
  const launchConfig = sql`select ${text(failed.workerPoolId)} as worker_pool_id,
    ${text(failed.launchConfigId)} as launch_config_id, ${int(failed.revision)} as revision`;
  const { failures, until } = await nextBackoffEnd(db, failed, launchConfig);
  await sql`
    with failed as (${launchConfig}),
    ${backoffParts(sql`failed`, failed, { failures, until }, { launchToken: null, error: failed.error })},
    ${storeError(failed.error, failed.nowMs, sql`true`)}
    select 1`.execute(db);
}

/**
 * Parts of a statement that has changed a worker's row (`changed`) because its machine could not be built, or ended
 * before it had registered: its launch config backs off. Machines of one launch fail together and count once: whichever
 * was launched before the backoff ends does not prolong it, and one of an older revision says nothing.
 */
export async function backoffOfWorker(
  db: Db,
  key: WorkerKey,
  backoff: Backoff,
  error: NewWorkerPoolError | undefined,
): Promise<RawBuilder<unknown>> {
  const launch = sql`
    select l.worker_pool_id, l.launch_config_id, l.launch_config_revision as revision, l.created, l.token
    from workers w join launches l on l.token = w.launch_token where ${isWorker(key)}`;
  const { failures, until } = await nextBackoffEnd(db, backoff, launch);
  const fresh = sql`(
    select l.* from (${launch}) l where exists (select 1 from changed) and not exists (
      select 1 from launch_backoffs o
      where o.worker_pool_id = l.worker_pool_id and o.launch_config_id = l.launch_config_id
        and (o.revision > l.revision or (o.revision = l.revision and o.until > l.created)))) as fresh`;
  const old = sql`
    update launch_backoffs o set unregistered = true from (${launch}) l
    where ${backoff.unregistered ?? false} and exists (select 1 from changed) and o.worker_pool_id = l.worker_pool_id
      and o.launch_config_id = l.launch_config_id and o.revision = l.revision and o.until > l.created`;
  const launchToken = sql`(select token from (${launch}) l)`;
  return sql`${backoffParts(fresh, backoff, { failures, until }, { launchToken, error })}, unproven as (${old})`;
}

/**
 * Parts of a statement that has changed a worker's row (`changed`) because its machine has registered: its launch
 * config's backoff ends, unless that began after the machine was launched. Then it only is the last outcome.
 */
export const recoveryOfWorker = (): RawBuilder<unknown> => {
  const ofChanged = sql`
    from changed w join launches l on l.token = w.launch_token
    where o.worker_pool_id = w.worker_pool_id and o.launch_config_id = w.launch_config_id
      and o.revision = w.launch_config_revision`;
  return sql`
    proven as (
      update launch_backoffs o set unregistered = false ${ofChanged} and o.until > l.created and o.unregistered returning 1),
    recovered as (
      delete from launch_backoffs o where exists (select 1 ${ofChanged} and o.until <= l.created) returning 1)`;
};

const launchConfigOf = (token: string): RawBuilder<unknown> => sql`
  select worker_pool_id, launch_config_id, launch_config_revision as revision from launches where token = ${token}`;

/** Read before it is written: of two failures at the same instant the later one stands, and both count as one. */
async function nextBackoffEnd(
  db: Db,
  backoff: Backoff,
  launchConfig: RawBuilder<unknown>,
): Promise<{ failures: number; until: number }> {
  const { rows } = await sql<{ failures: number }>`
    select failures from launch_backoffs join (${launchConfig}) c using (worker_pool_id, launch_config_id, revision)`.execute(
    db,
  );
  const failures = (rows[0]?.failures ?? 0) + 1;
  return { failures, until: backoff.nowMs + backoff.durationMs(failures) };
}

/**
 * Parts of a statement: the launch configs back off, and it is on record for how long and why, as a span that replaces
 * the one that lasts (domain/evidence.ts, `BackoffData`).
 */
const backoffParts = (
  launchConfigs: RawBuilder<unknown>,
  backoff: Backoff,
  { failures, until }: { readonly failures: number; readonly until: number },
  {
    launchToken,
    error,
  }: { readonly launchToken: RawBuilder<unknown> | string | null; readonly error: NewWorkerPoolError | undefined },
) => {
  const { failureClass, unregistered = false, nowMs } = backoff;
  const replaced: SpanEnd = { by: 'replaced' };
  const data: Omit<BackoffData, 'revision' | 'launchToken' | 'until'> = {
    ...{ failureClass, failures, unregistered },
    errorId: error ? errorIdOf(error) : null,
    title: error?.title ?? null,
    message: error ? excerpt(error.description) : null,
    code: typeof error?.extra.code === 'string' ? excerpt(error.extra.code, 100) : null,
  };
  return sql`
  backoffs as (
    insert into launch_backoffs as o (worker_pool_id, launch_config_id, revision, failure_class, failures, until, unregistered)
    select worker_pool_id, launch_config_id, revision, ${text(failureClass)}, ${int(failures)}, ${bigint(until)},
      cast(${unregistered} as boolean)
    from ${launchConfigs}
    on conflict (worker_pool_id, launch_config_id) do update set revision = excluded.revision,
      failure_class = excluded.failure_class, failures = excluded.failures, until = excluded.until,
      unregistered = excluded.unregistered or (o.unregistered and o.revision = excluded.revision)
    returning o.worker_pool_id, o.launch_config_id, o.revision),
  ${spanClock},
  replaced_spans as (
    update spans s set ends = greatest(s.begins, c.now), ended_by = ${jsonb(replaced)} from backoffs b, clock c
    where s.kind = 'backoff' and s.subject = b.worker_pool_id and s.part = b.launch_config_id and s.ends > c.now),
  backoff_spans as (
    insert into spans (kind, subject, part, begins, ends, data)
    select 'backoff', b.worker_pool_id, b.launch_config_id, c.now, c.now + ${bigint(until - nowMs)},
      ${jsonb(data)} || jsonb_build_object('revision', b.revision, 'launchToken', cast(${launchToken} as text),
        'until', c.now + ${bigint(until - nowMs)})
    from backoffs b, clock c)`;
};
