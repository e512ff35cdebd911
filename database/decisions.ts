import { sql } from 'kysely';
import type { Decision, DecisionBasis } from '../domain/decision-record.js';
import { boundedPage, type Page, type PageOf } from './client/paging.js';
import type { Db } from './client/schema.js';
import { bigint, jsonb, text } from './client/sql.js';
import { type NewReconciliation, reconciliationParts } from './reconciliations.js';

export interface RecordedDecision {
  readonly workerPoolId: string;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly occurrences: number;
  /** The latest of those that decided the same. */
  readonly decision: Decision;
}

export interface RecordedBasis {
  readonly basis: DecisionBasis;
  readonly fingerprint: string;
  readonly nowMs: number;
  /** The evidence, in the same statement. */
  readonly reconciliation?: NewReconciliation;
}

/**
 * A decision with the fingerprint of the pool's last one extends that row; any other is a new row. Gives whether the
 * pool was over-provisioned at its last decision.
 */
export async function recordDecision(
  db: Db,
  workerPoolId: string,
  decision: Decision,
  { basis, fingerprint, nowMs, reconciliation }: RecordedBasis,
): Promise<{ wasOverProvisioned: boolean }> {
  const decisionId = sql`(select id from extended union all select id from inserted)`;
  const reconciled = reconciliation
    ? sql`, ${reconciliationParts(workerPoolId, reconciliation, 'concluded', decisionId)}`
    : sql``;
  const { rows } = await sql<{ wasOverProvisioned: boolean }>`
    with latest as (
      select id, fingerprint, decision from decisions where worker_pool_id = ${workerPoolId} order by id desc limit 1),
    extended as (
      update decisions d set last_at = ${bigint(nowMs)}, occurrences = d.occurrences + 1, decision = ${jsonb(decision)},
        basis = ${jsonb(basis)}
      from latest l where d.id = l.id and l.fingerprint = ${fingerprint}
      returning d.id),
    inserted as (
      insert into decisions (worker_pool_id, first_at, last_at, fingerprint, decision, basis)
      select ${text(workerPoolId)}, ${bigint(nowMs)}, ${bigint(nowMs)}, ${text(fingerprint)}, ${jsonb(decision)},
        ${jsonb(basis)}
      where not exists (select 1 from extended)
      returning id)
      ${reconciled}
    select coalesce((select cast(decision -> 'estimate' ->> 'overProvisioned' as boolean) from latest), false)
      as was_over_provisioned`.execute(db);
  return rows[0]!;
}

/** Newest first. */
export async function listDecisions(db: Db, workerPoolId: string, page: Page): Promise<PageOf<RecordedDecision>> {
  const before = page.after === null ? sql`true` : sql`id < ${bigint(Number(page.after))}`;
  const { items, after } = await boundedPage<Parameters<typeof withoutId>[0]>(db, page, {
    rows: sql`select id, worker_pool_id, first_at, last_at, occurrences, decision from decisions
      where worker_pool_id = ${workerPoolId} and ${before}`,
    order: sql`id desc`,
    length: sql`length(cast(decision as text))`,
    keyOf: ({ id }) => String(id),
  });
  return { items: items.map(withoutId), after };
}

const withoutId = ({
  id: _,
  decision,
  ...row
}: Omit<RecordedDecision, 'decision'> & { id: number; decision: unknown }) => ({
  ...row,
  decision: decision as Decision,
});
