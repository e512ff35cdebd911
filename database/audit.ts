import { sql, type RawBuilder } from 'kysely';
import { pageOf, type Page, type PageOf } from './client/paging.js';
import type { Db } from './client/schema.js';
import { bigint, text } from './client/sql.js';

export interface AuditEntry {
  readonly id: number;
  readonly at: number;
  readonly clientId: string;
  readonly entityType: string;
  readonly entityId: string;
  readonly action: string;
  readonly detail: Readonly<Record<string, unknown>> | null;
}

export async function recordAudit(
  db: Db,
  entry: Pick<AuditEntry, 'clientId' | 'entityType' | 'entityId' | 'action'>,
  nowMs: number,
): Promise<void> {
  await db
    .insertInto('audit')
    .values({ ...entry, at: nowMs })
    .execute();
}

/** Who did what to whatever, newest first. */
export async function listAllAudit(db: Db, page: Page): Promise<PageOf<AuditEntry>> {
  let query = db
    .selectFrom('audit')
    .selectAll()
    .orderBy('id', 'desc')
    .limit(page.limit + 1);
  if (page.after !== null) query = query.where('id', '<', Number(page.after));
  return pageOf(await query.execute(), page, ({ id }) => String(id));
}
/** A statement, or a part of one, that adds an entry to the audit trail when `condition` holds. */
export const auditRow = (
  {
    at,
    clientId,
    entityType,
    entityId,
    action,
    detail,
  }: Omit<AuditEntry, 'id' | 'detail'> & { readonly detail: RawBuilder<unknown> | null },
  condition: RawBuilder<unknown> = sql`true`,
): RawBuilder<unknown> => sql`
  insert into audit (at, client_id, entity_type, entity_id, action, detail)
  select ${bigint(at)}, ${text(clientId)}, ${text(entityType)}, ${text(entityId)}, ${text(action)},
    ${detail ?? sql`null`} where ${condition}`;

/** Who changed it and when, newest first. */
export async function listAudit(
  db: Db,
  { entityType, entityId }: { readonly entityType: string; readonly entityId: string },
  page: Page,
): Promise<PageOf<AuditEntry>> {
  let query = db
    .selectFrom('audit')
    .selectAll()
    .where('entityType', '=', entityType)
    .where('entityId', '=', entityId)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit + 1);
  const [at, id] = page.after?.split('/').map(Number) ?? [];
  if (at !== undefined && id !== undefined) {
    query = query.where(sql<boolean>`(at, id) < (${bigint(at)}, ${bigint(id)})`);
  }
  return pageOf(await query.execute(), page, (row) => `${row.at}/${row.id}`);
}
