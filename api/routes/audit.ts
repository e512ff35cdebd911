import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { type AuditEntry, listAllAudit, listAudit } from '../../database/audit.js';
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
    handle: async ({ params, query }) => {
      const { items, after } = await listAudit(db, params, paging.page(query));
      return { auditHistory: items.map(toAuditResponse), ...paging.continuation(after) };
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
    handle: async ({ query }) => {
      const { items, after } = await listAllAudit(db, pagingOfAll.page(query));
      return { auditHistory: items.map(toAuditResponse), ...pagingOfAll.continuation(after) };
    },
  });
}

const toAuditResponse = ({ at, clientId, entityType, entityId, action }: AuditEntry) => ({
  ...{ clientId, entityType, entityId },
  actionType: action,
  created: iso(at),
});
