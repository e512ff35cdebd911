import { sql } from 'kysely';
import { storeError, type NewWorkerPoolError } from './errors.js';
import type { Db } from './schema.js';
import { bigint, int, storable, text } from './sql.js';

export interface Backoff {
  readonly failureClass: string;
  /** In a row, this one included. */
  readonly failures: number;
  readonly backoffUntil: number;
}

/**
 * Closes an open launch of which the cloud made nothing, lets its launch config rest, and stores the error. False, and
 * nothing written, when the launch is not open any more.
 */
export async function failLaunch(
  db: Db,
  token: string,
  failed: Backoff & { failure: string; error: NewWorkerPoolError; nowMs: number },
): Promise<boolean> {
  const { rows } = await sql`
    with failed as (
      update launches set status = 'failed', failure = ${text(storable(failed.failure))}, closed = ${bigint(failed.nowMs)},
        machines = 0
      where token = ${token} and status = 'open'
      returning *),
    rests as (
      insert into launch_backoffs (worker_pool_id, launch_config_id, failure_class, failures, until)
      select worker_pool_id, launch_config_id, ${text(failed.failureClass)}, ${int(failed.failures)},
        ${bigint(failed.backoffUntil)}
      from failed
      on conflict (worker_pool_id, launch_config_id) do update
        set failure_class = excluded.failure_class, failures = excluded.failures, until = excluded.until),
    ${storeError(failed.error, failed.nowMs, sql`exists (select 1 from failed)`)}
    select 1 from failed`.execute(db);
  return rows.length > 0;
}

/**
 * A launch was booked with fewer machines than asked: its launch config rests and the error is stored. Repeated with the
 * same number of failures it changes nothing. True when it did.
 */
export async function noteCapacityShortage(
  db: Db,
  shortage: Backoff & { workerPoolId: string; launchConfigId: string; error: NewWorkerPoolError; nowMs: number },
): Promise<boolean> {
  const { rows } = await sql`
    with rests as (
      insert into launch_backoffs as b (worker_pool_id, launch_config_id, failure_class, failures, until)
      values (${shortage.workerPoolId}, ${shortage.launchConfigId}, ${shortage.failureClass}, ${int(shortage.failures)},
        ${bigint(shortage.backoffUntil)})
      on conflict (worker_pool_id, launch_config_id) do update
        set failure_class = excluded.failure_class, failures = excluded.failures, until = excluded.until
        where b.failures < excluded.failures
      returning 1),
    ${storeError(shortage.error, shortage.nowMs, sql`exists (select 1 from rests)`)}
    select 1 from rests`.execute(db);
  return rows.length > 0;
}
