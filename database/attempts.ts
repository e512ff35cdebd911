import { sql, type RawBuilder } from 'kysely';
import type { CallAttempt } from '../providers/shared/attempts.js';
import type { Db } from './client/schema.js';
import { databaseNow, excerpt, jsonb, text } from './client/sql.js';

/** Names of one call that are kept; a deletion may be about a thousand. */
const MAX_SUBJECTS = 1_000;

/** Calls of this process whose row is written with what came of them. */
export interface ProcessAttempts {
  readonly process: string;
  readonly attempts: readonly CallAttempt[];
}

/** A statement, or a part of one, that adds rows for these calls. */
export function attemptRows({ process, attempts }: ProcessAttempts): RawBuilder<unknown> {
  const now = performance.now();
  const rows = attempts.map(({ call, endedAt, durationMs, ...attempt }) => ({
    ...{ provider: call.providerId, operation: call.operation, class: call.callClass, region: call.region },
    ...{ token: attempt.launchToken, pool: attempt.workerPoolId, subjects: attempt.subjects.slice(0, MAX_SUBJECTS) },
    ...{ waited: Math.round(attempt.waitedMs), result: attempt.result },
    code: attempt.cloudCode && excerpt(attempt.cloudCode, 100),
    message: attempt.message && excerpt(attempt.message),
    request: attempt.requestId && excerpt(attempt.requestId, 200),
    endedAgo: Math.round(now - endedAt),
    begunAgo: Math.round(now - endedAt + durationMs),
  }));
  return sql`
    insert into attempts (begun, ended, process, provider_id, operation, call_class, region, launch_token, worker_pool_id,
      subjects, waited_ms, result, cloud_code, message, request_id)
    select c.now - a."begunAgo", c.now - a."endedAgo", ${text(process)}, a.provider, a.operation, a.class, a.region, a.token,
      a.pool, a.subjects, a.waited, a.result, a.code, a.message, a.request
    from (select ${databaseNow} as now) c cross join jsonb_to_recordset(${jsonb(rows)}) as a(provider text, operation text,
      class text, region text, token text, pool text, subjects jsonb, waited int, result text, code text, message text,
      request text, "endedAgo" bigint, "begunAgo" bigint)`;
}

export async function recordAttempts(db: Db, attempts: ProcessAttempts): Promise<void> {
  await attemptRows(attempts).execute(db);
}

/** The same as the first part of a statement, `attempted`; nothing where there were none. */
export const attemptPart = (calls: ProcessAttempts | undefined): RawBuilder<unknown> =>
  calls && calls.attempts.length > 0 ? sql`attempted as (${attemptRows(calls)}),` : sql``;
