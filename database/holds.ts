import { sql } from 'kysely';
import { auditRow } from './audit.js';
import type { Db, Hold } from './client/schema.js';
import { bigint, jsonb, text } from './client/sql.js';
import { begunSpan, endedSpan, spanClock } from './spans.js';

/** The scope of a hold on every pool. */
export const ALL_POOLS = '*';

export interface HoldChange {
  readonly clientId: string;
  readonly nowMs: number;
}

/** From now on the scope launches nothing; repeated, it replaces reason and client. */
export async function hold(
  db: Db,
  scope: string,
  { reason, clientId, nowMs }: HoldChange & { readonly reason: string },
): Promise<void> {
  const span = { kind: 'hold', subject: scope } as const;
  await sql`
    with ${spanClock},
    held as (
      insert into holds (scope, reason, client_id, at)
      values (${text(scope)}, ${text(reason)}, ${text(clientId)}, ${bigint(nowMs)})
      on conflict (scope) do update set reason = excluded.reason, client_id = excluded.client_id, at = excluded.at),
    ${endedSpan(span, { by: 'replaced', clientId })},
    ${begunSpan(span, { reason, clientId })}
    ${auditRow({ at: nowMs, clientId, entityType: 'worker-pool', entityId: scope, action: 'held', detail: jsonb({ reason }) })}`.execute(
    db,
  );
}

/** False when it was not held. */
export async function release(db: Db, scope: string, { clientId, nowMs }: HoldChange): Promise<boolean> {
  const wasHeld = sql`exists (select 1 from released)`;
  const audit = { at: nowMs, clientId, entityType: 'worker-pool', entityId: scope, action: 'released', detail: null };
  const { rows } = await sql`
    with ${spanClock},
    released as (delete from holds where scope = ${scope} returning 1),
    ${endedSpan({ kind: 'hold', subject: scope }, { by: 'released', clientId }, wasHeld)}
    ${auditRow(audit, wasHeld)} returning 1`.execute(db);
  return rows.length > 0;
}

/** The pool's own hold, or else the one on all. */
export async function holdOf(db: Db, workerPoolId: string): Promise<Hold | null> {
  const row = await db
    .selectFrom('holds')
    .selectAll()
    .where('scope', 'in', [workerPoolId, ALL_POOLS])
    // A pool's id sorts behind the asterisk in no collation by rule, so compare.
    .orderBy((eb) => eb('scope', '=', ALL_POOLS))
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}

export async function listHolds(db: Db): Promise<Hold[]> {
  return await db.selectFrom('holds').selectAll().orderBy('scope').execute();
}
