import { createHash } from 'node:crypto';
import { sql, type RawBuilder } from 'kysely';
import { iso } from './events.js';
import { boundedPage, type Page, type PageOf } from './client/paging.js';
import type { Db, WorkerPoolErrorRow } from './client/schema.js';
import { bigint, jsonb, storable, text } from './client/sql.js';
import { HOUR_MS, startOf } from '../domain/durations.js';

export interface NewWorkerPoolError {
  readonly workerPoolId: string;
  readonly launchConfigId: string | null;
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  readonly extra: Readonly<Record<string, unknown>>;
}

export type WorkerPoolError = Omit<WorkerPoolErrorRow, 'fingerprint'>;

/**
 * Stores an error and announces it. One that equals an earlier error of its pool and launch config in kind, title,
 * description and worker (where it is a worker's) becomes that one's latest occurrence: same id, the new `extra`.
 */
export async function insertError(db: Db, error: NewWorkerPoolError, nowMs: number): Promise<WorkerPoolError> {
  const { rows } = await sql<WorkerPoolError>`
    with ${storeError(error, nowMs, sql`true`)} select ${columns} from stored`.execute(db);
  return rows[0]!;
}

/** As insertError, unless an equal one was reported at or after `sinceMs`; whether it was stored. */
export async function insertErrorOnce(
  db: Db,
  error: NewWorkerPoolError,
  sinceMs: number,
  nowMs: number,
): Promise<boolean> {
  const isUnreported = sql`not exists (select from worker_pool_errors where error_id = ${errorIdOf(error)}
    and reported >= ${bigint(sinceMs)})`;
  const { rows } = await sql`with ${storeError(error, nowMs, isUnreported)} select 1 from stored`.execute(db);
  return rows.length > 0;
}

/** Newest first. */
export async function listErrors(
  db: Db,
  workerPoolId: string,
  filter: { launchConfigId?: string; errorId?: string },
  page: Page,
): Promise<PageOf<WorkerPoolError>> {
  const [reported, errorId] = page.after?.split('/') ?? [];
  const conditions = [sql`worker_pool_id = ${workerPoolId}`];
  if (filter.launchConfigId !== undefined) conditions.push(sql`launch_config_id = ${filter.launchConfigId}`);
  if (filter.errorId !== undefined) conditions.push(sql`error_id = ${filter.errorId}`);
  if (reported !== undefined && errorId !== undefined) {
    conditions.push(sql`(reported, error_id) < (${bigint(Number(reported))}, ${errorId})`);
  }
  return await boundedPage<WorkerPoolError>(db, page, {
    rows: sql`select ${columns} from worker_pool_errors where ${sql.join(conditions, sql` and `)}`,
    order: sql`reported desc, error_id desc`,
    length: sql`(length(cast(extra as text)) + length(description))`,
    keyOf: (error) => `${error.reported}/${error.errorId}`,
  });
}

const columns = sql.raw(`error_id, worker_pool_id, launch_config_id, kind, title, description, extra, reported,
  first_reported, occurrences`);

/** As storeErrors, of one. */
export const storeError = (
  error: NewWorkerPoolError,
  nowMs: number,
  condition: RawBuilder<unknown>,
): RawBuilder<unknown> => storeErrors([error], nowMs, condition);

/**
 * Parts of a statement, `stored`, `counted_error`, `error_evidence` and `announced_error`: what insertError does with
 * each, when `condition` holds (it may read the statement's other parts). An error of a pool that has gone meanwhile is
 * stored but not announced (docs/taskcluster-compatibility.md#worker-pool-errors).
 */
export function storeErrors(
  errors: readonly NewWorkerPoolError[],
  nowMs: number,
  condition: RawBuilder<unknown>,
): RawBuilder<unknown> {
  // One statement cannot store the same error twice.
  const distinct = [...new Map(errors.map((error) => [errorIdOf(error), error])).entries()];
  const rows = distinct.map(
    ([errorId, error]) => sql`
      select ${errorId}, ${text(error.workerPoolId)}, ${text(error.launchConfigId)}, ${text(fingerprint(error))},
        ${text(storable(error.kind))}, ${text(storable(error.title))}, ${text(storable(error.description))},
        ${jsonb(error.extra)}, ${bigint(nowMs)}, ${bigint(nowMs)}
      where ${condition}`,
  );
  return sql`
    stored as (
      insert into worker_pool_errors as e (error_id, worker_pool_id, launch_config_id, fingerprint, kind, title,
        description, extra, reported, first_reported)
      ${sql.join(rows, sql` union all `)}
      on conflict (error_id) do update set occurrences = e.occurrences + 1,
        reported = greatest(e.reported, excluded.reported), extra = excluded.extra
      returning *),
    counted_error as (
      insert into worker_pool_error_hours as h (error_id, hour, worker_pool_id, occurrences)
      select error_id, ${bigint(startOf(nowMs, HOUR_MS))}, worker_pool_id, 1 from stored
      on conflict (error_id, hour) do update set occurrences = h.occurrences + 1),
    error_evidence as (
      insert into error_hours as h (error_id, hour, worker_pool_id, launch_config_id, kind, title, description, code,
        occurrences, first_at, last_at)
      select error_id, ${bigint(startOf(nowMs, HOUR_MS))}, worker_pool_id, launch_config_id, kind, left(title, 200),
        left(description, 500), left(extra ->> 'code', 100), 1, ${bigint(nowMs)}, ${bigint(nowMs)} from stored
      on conflict (error_id, hour) do update set occurrences = h.occurrences + 1,
        last_at = greatest(h.last_at, excluded.last_at)),
    announced_error as (
      insert into events (at, topic, payload)
      select ${bigint(nowMs)}, 'worker-pool-error', jsonb_strip_nulls(jsonb_build_object(
        'workerPoolId', s.worker_pool_id, 'providerId', p.provider_id, 'errorId', s.error_id, 'kind', s.kind,
        'title', s.title, 'timestamp', cast(${iso(nowMs)} as text), 'launchConfigId', s.launch_config_id,
        'workerGroup', ${textMember('workerGroup')}, 'workerId', ${textMember('workerId')}))
      from stored s join worker_pools p on p.worker_pool_id = s.worker_pool_id)`;
}

/** A member of the stored error's `extra`; null where it is no text. */
const textMember = (name: string): RawBuilder<unknown> =>
  sql`case when jsonb_typeof(s.extra -> ${text(name)}) = 'string' then s.extra -> ${text(name)} end`;

/** Errors of different workers are never equal: a search for a worker's finds it. */
const fingerprint = ({ launchConfigId, kind, title, description, extra }: NewWorkerPoolError): string => {
  const worker = extra.workerId === undefined ? [] : [extra.workerGroup, extra.workerId];
  return createHash('sha256')
    .update(JSON.stringify([launchConfigId, kind, title, description, ...worker]))
    .digest('base64url');
};

/**
 * The id of an error and of all that equal it: a slugid, the 16 bytes of a version 4 UUID as base64url, made of what
 * they have in common. So whoever stores one knows its id, and can log it.
 */
export function errorIdOf(error: NewWorkerPoolError): string {
  const bytes = createHash('sha256')
    .update(`${error.workerPoolId} ${fingerprint(error)}`)
    .digest()
    .subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('base64url');
}
