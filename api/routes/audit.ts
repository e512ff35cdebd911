import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { type AuditEntry, listAllAudit, listAudit } from '../../database/audit.js';
import type { Page } from '../../database/client/paging.js';
import type { Db } from '../../database/client/schema.js';
import { revisedDefinitions } from '../../database/pool-revisions.js';
import { type DefinitionChange, definitionChanges } from '../../domain/definition-changes.js';
import { satisfies } from '../../domain/scopes.js';
import type { Caller } from '../auth/client.js';
import type { ApiContext } from '../http/context.js';
import { addOperation } from '../http/operation.js';
import { pagingQuery } from '../http/paging.js';
import { entityHistory } from '../schemas/pools.js';
import { iso } from '../schemas/serialization.js';

/** Who changed what, as Taskcluster's auth service shows it (docs/taskcluster-compatibility.md#routes). */
export function addAuditOperations(api: FastifyInstance, { db, pagingOf }: ApiContext): void {
  const paging = pagingOf('audit');
  addOperation(api, {
    name: 'getEntityHistory',
    category: 'Audit',
    stability: 'experimental',
    method: 'GET',
    path: '/audit/:entityType/:entityId',
    summary: 'Who changed a worker pool and when, newest first',
    params: {
      entityType: Type.String({ examples: ['worker-pool'] }),
      entityId: Type.String({ examples: ['proj-ci/linux'] }),
    },
    query: pagingQuery,
    scopes: ({ entityType }) => [`auth:audit-history:${entityType}`],
    response: entityHistory,
    handle: async ({ params, query, caller }) => {
      const { items, after } = await listAudit(db, params, short(paging.page(query)));
      return { auditHistory: await toAuditHistory(db, caller, items), ...paging.continuation(after) };
    },
  });

  const pagingOfAll = pagingOf('audit-of-all');
  addOperation(api, {
    name: 'listAuditHistory',
    category: 'Audit',
    stability: 'experimental',
    method: 'GET',
    path: '/audit',
    summary: 'Who did what, newest first',
    query: pagingQuery,
    scopes: () => ['auth:audit-history:*'],
    response: entityHistory,
    handle: async ({ query, caller }) => {
      const { items, after } = await listAllAudit(db, short(pagingOfAll.page(query)));
      return { auditHistory: await toAuditHistory(db, caller, items), ...pagingOfAll.continuation(after) };
    },
  });
}

/** Each entry may bring two whole definitions along; the token gives the rest. */
const MAX_PAGE = 100;
const short = (page: Page): Page => ({ ...page, limit: Math.min(page.limit, MAX_PAGE) });

async function toAuditHistory(db: Db, caller: Caller, entries: readonly AuditEntry[]): Promise<object[]> {
  const revised = entries.flatMap((entry) => revisionOf(entry, caller) ?? []);
  const changes = new Map(
    (await revisedDefinitions(db, revised)).map(({ workerPoolId, revision, before, after }) => [
      `${workerPoolId}@${revision}`,
      definitionChanges(before, after),
    ]),
  );
  return entries.map((entry) =>
    toAuditResponse(entry, changes.get(`${entry.entityId}@${String(entry.detail?.['revision'])}`)),
  );
}

/** The definition that this entry put into force; null where the caller may not read the pool. */
function revisionOf({ entityId: workerPoolId, detail }: AuditEntry, { scopes }: Caller) {
  const revision = detail?.['revision'];
  const mayRead = satisfies(scopes, `worker-manager:get-worker-pool:${workerPoolId}`);
  return typeof revision === 'number' && mayRead ? { workerPoolId, revision } : null;
}

function toAuditResponse(
  { at, clientId, entityType, entityId, action, detail }: AuditEntry,
  changes: readonly DefinitionChange[] | undefined,
): object {
  const { revision: _, ...rest } = detail ?? {};
  return {
    ...{ clientId, entityType, entityId, actionType: action, created: iso(at) },
    ...(Object.keys(rest).length > 0 && { detail: rest }),
    ...(changes && { changes }),
  };
}
