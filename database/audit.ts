import { sql } from 'kysely';
import { pageOf, type Page, type PageOf } from './client/paging.js';
import type { Db } from './client/schema.js';
import { bigint } from './client/sql.js';

export interface AuditEntry {
  readonly id: number;
  readonly at: number;
  readonly clientId: string;
  readonly entityType: string;
  readonly entityId: string;
  readonly action: string;
}

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
