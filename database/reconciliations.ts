import { sql, type RawBuilder } from 'kysely';
import {
  type Block,
  EVIDENCE_VERSION,
  type ReconciliationEvidence,
  type SpanEnd,
  type TriggerCause,
} from '../domain/evidence.js';
import type { Db } from './client/schema.js';
import { bigint, int, jsonb, text } from './client/sql.js';
import { spanClock } from './spans.js';

/** What is kept of a reconciliation beside its decision. Its spans are found when it is recorded. */
export interface NewReconciliation {
  readonly reconciliationId: string;
  readonly process: string;
  /** How long it has taken up to now. */
  readonly durationMs: number;
  readonly triggeredBy: readonly TriggerCause[];
  readonly evidence: Omit<ReconciliationEvidence, 'spans'>;
}

/**
 * Parts of a statement that leave a reconciliation's row: `clock`, `schedule_ended`, `schedule_begun`, `lasting` and
 * `reconciled`. Nobody hears of an operator who pauses a pool's cron Schedule: each reconciliation sees it.
 * `decisionId` may read the statement's other parts. Repeated, it leaves no second row.
 */
export function reconciliationParts(
  workerPoolId: string,
  { reconciliationId, process, durationMs, triggeredBy, evidence }: NewReconciliation,
  outcome: 'concluded' | 'failed',
  decisionId: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const has = (sought: Block['code']) => evidence.blocks.some(({ code }) => code === sought);
  const isPaused = has('schedule-paused');
  // Who could not read the Schedule knows of no end of its pause.
  const isRead = evidence.inputs !== null && !has('schedule-unread');
  const seen: SpanEnd = { by: 'seen' };
  const lasting = (kind: string, subjects: RawBuilder<unknown>) => sql`
    select s.id from spans s, clock c where s.kind = ${text(kind)} and s.subject in (${subjects})`;
  return sql`
    ${spanClock},
    schedule_ended as (
      update spans s set ends = greatest(s.begins, c.now), ended_by = ${jsonb(seen)} from clock c
      where s.kind = 'schedule' and s.subject = ${workerPoolId} and s.part = '' and s.ends is null
        and cast(${isRead && !isPaused} as boolean)),
    schedule_begun as (
      insert into spans (kind, subject, begins, data)
      select 'schedule', ${text(workerPoolId)}, c.now, ${jsonb({ note: null })} from clock c
      where cast(${isPaused} as boolean)
        and not exists (select 1 from spans s where s.kind = 'schedule' and s.subject = ${workerPoolId} and s.ends is null)
      on conflict do nothing returning id),
    lasting as (
      ${lasting('hold', sql`${workerPoolId}, '*'`)} and s.ends is null
      union all ${lasting('provider', sql`${evidence.inputs?.providerId ?? ''}`)} and s.ends is null
      union all ${lasting('backoff', sql`${workerPoolId}`)} and s.ends > c.now
      union all ${lasting('schedule', sql`${workerPoolId}`)} and s.ends is null and cast(${isPaused || !isRead} as boolean)
      union all select id from schedule_begun),
    reconciled as (
      insert into reconciliations (worker_pool_id, reconciliation_id, began, ended, outcome, process, version, triggered_by,
        decision_id, pool_revision, evidence)
      select ${text(workerPoolId)}, ${text(reconciliationId)}, c.now - ${bigint(durationMs)}, c.now, ${text(outcome)},
        ${text(process)}, ${int(EVIDENCE_VERSION)}, ${jsonb(triggeredBy)}, ${decisionId},
        (select max(revision) from pool_revisions where worker_pool_id = ${workerPoolId}),
        ${jsonb(evidence)} || jsonb_build_object('spans', (select coalesce(jsonb_agg(id order by id), '[]') from lasting))
      from clock c
      on conflict (reconciliation_id) do nothing)`;
}

export async function recordFailedReconciliation(
  db: Db,
  workerPoolId: string,
  reconciliation: NewReconciliation,
): Promise<void> {
  await sql`with ${reconciliationParts(workerPoolId, reconciliation, 'failed', sql`null`)} select 1`.execute(db);
}
