import { sql } from 'kysely';
import type { SpanEnd } from '../domain/evidence.js';
import { auditRow } from './audit.js';
import type { Db } from './client/schema.js';
import { bigint, jsonb } from './client/sql.js';
import { spanClock } from './spans.js';

/** An operator's: what kept the launch config from working has been mended. */
export interface BackoffEnd {
  readonly workerPoolId: string;
  readonly launchConfigId: string;
  readonly clientId: string;
  readonly nowMs: number;
}

/**
 * A launch config's backoff ends now. Its failures in a row stay: if it fails again it backs off for longer than last
 * time, and a machine that never registered lets only a few others try. False, and nothing written, when it does not
 * back off.
 */
export async function endBackoff(
  db: Db,
  { workerPoolId, launchConfigId, clientId, nowMs }: BackoffEnd,
): Promise<boolean> {
  const endedBy: SpanEnd = { by: 'released', clientId };
  const wasEnded = sql`exists (select 1 from ended)`;
  const about = { entityType: 'worker-pool', entityId: workerPoolId, action: 'backoff-ended' };
  const { rows } = await sql`
    with ${spanClock},
    ended as (
      update launch_backoffs set until = ${bigint(nowMs)}
      where worker_pool_id = ${workerPoolId} and launch_config_id = ${launchConfigId} and until > ${bigint(nowMs)}
      returning 1),
    ended_spans as (
      update spans s set ends = greatest(s.begins, c.now), ended_by = ${jsonb(endedBy)} from clock c
      where s.kind = 'backoff' and s.subject = ${workerPoolId} and s.part = ${launchConfigId} and s.ends > c.now
        and ${wasEnded})
    ${auditRow({ at: nowMs, clientId, ...about, detail: jsonb({ launchConfigId }) }, wasEnded)} returning 1`.execute(
    db,
  );
  return rows.length > 0;
}
