import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { workerKeyText } from '../../domain/ids.js';
import { logEvent } from '../../observability/log-events.js';
import { errorStats } from '../../database/error-stats.js';
import { insertError, listErrors } from '../../database/errors.js';
import { getPool } from '../../database/pools.js';
import { getWorker } from '../../database/workers.js';
import type { ApiContext } from '../http/context.js';
import { ApiError, inputError } from '../http/errors.js';
import { addOperation } from '../http/operation.js';
import { pagingQuery } from '../http/paging.js';
import { identifier, poolParams } from '../schemas/common.js';
import { poolError, poolErrorList, poolErrorStats, reportErrorRequest } from '../schemas/errors.js';
import { Throttle } from '../http/registration-throttle.js';
import { SharedAnswer } from '../http/shared-answers.js';
import { toErrorResponse, toErrorStatsResponse } from '../schemas/serialization.js';
import { noSuchPool } from '../pools/accepted.js';

/** Bytes. Every list of the pool's errors holds it for days. */
const MAX_EXTRA_BYTES = 64 * 1024;
/** Bytes of the whole body: `extra`, and a description that may be escaped. */
const MAX_REPORT_BYTES = 160 * 1024;
/** Reports of one worker: a handful while it boots, then one a minute. */
const REPORTS = { burst: 20, eachCountsMs: 60_000 };

/** Statistics of all pools read all errors that are kept. */
const STATS_SHARED_MS = 5_000;

export function addErrorOperations(api: FastifyInstance, context: ApiContext): void {
  addErrorReports(api, context);
  addErrorReads(api, context);
}

function addErrorReports(api: FastifyInstance, { db, providers, now }: ApiContext): void {
  const reports = new Throttle(REPORTS, 'This worker has reported too many errors.', now);
  addOperation(api, {
    name: 'reportWorkerError',
    category: 'Worker Interface',
    stability: 'stable',
    method: 'POST',
    path: '/worker-pool-errors/:workerPoolId',
    summary: 'A worker reports what went wrong with it',
    params: poolParams,
    body: reportErrorRequest,
    bodyLimit: MAX_REPORT_BYTES,
    scopes: ({ workerPoolId }) => [`assume:worker-pool:${workerPoolId}`],
    contentScopes: ({ body: { workerGroup, workerId } }) => [`assume:worker-id:${workerGroup}/${workerId}`],
    response: poolError,
    handle: async ({ params: { workerPoolId }, body, log }) => {
      const { workerGroup, workerId, kind, title, description, extra } = body;
      if (Buffer.byteLength(JSON.stringify(extra)) > MAX_EXTRA_BYTES) {
        throw new ApiError('InputTooLarge', `extra must not have more than ${MAX_EXTRA_BYTES} bytes.`);
      }
      const subject = workerKeyText({ workerPoolId, workerGroup, workerId });
      reports.assertAllowed(subject);
      const found = await getPool(db, workerPoolId);
      if (!found) throw noSuchPool(workerPoolId);
      if (!providers.get(found.pool.providerId)) {
        throw inputError(`Provider ${found.pool.providerId} of this pool is not configured.`);
      }
      reports.count(subject);
      const worker = await getWorker(db, { workerPoolId, workerGroup, workerId });
      const launchConfigId = worker?.launchConfigId ?? null;
      const error = { workerPoolId, launchConfigId, kind, title, description };
      const stored = await insertError(db, { ...error, extra: { ...extra, workerGroup, workerId } }, now());
      // What a worker writes into its description is its own affair; it may hold anything.
      logEvent(log, 'worker-error', { ...error, errorId: stored.errorId, workerGroup, workerId, description: null });
      return toErrorResponse(stored);
    },
  });
}

function addErrorReads(api: FastifyInstance, { db, pagingOf, now }: ApiContext): void {
  const paging = pagingOf('errors');
  const allPools = new SharedAnswer(() => errorStats(db, null, now()), STATS_SHARED_MS);

  addOperation(api, {
    name: 'workerPoolErrorStats',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'GET',
    path: '/worker-pool-errors/stats',
    summary: 'How many errors a pool has, or all pools have, by time and kind',
    query: { workerPoolId: Type.Optional(Type.String({ pattern: '^([a-zA-Z0-9_/-]{1,80})?$' })) },
    // What is needed stands in the query.
    scopes: () => [],
    contentScopes: ({ query }) => [`worker-manager:list-worker-pool-errors:${query.workerPoolId || '*'}`],
    response: poolErrorStats,
    handle: async ({ query }) => {
      const workerPoolId = query.workerPoolId || null;
      const stats = workerPoolId === null ? await allPools.get() : await errorStats(db, workerPoolId, now());
      return toErrorStatsResponse(workerPoolId, stats);
    },
  });

  addOperation(api, {
    name: 'listWorkerPoolErrors',
    category: 'Worker Pools',
    stability: 'stable',
    method: 'GET',
    path: '/worker-pool-errors/:workerPoolId',
    summary: 'Errors of a pool, newest first',
    params: poolParams,
    query: {
      ...pagingQuery,
      launchConfigId: Type.Optional(identifier),
      errorId: Type.Optional(Type.String({ pattern: '^[a-zA-Z0-9_-]{1,64}$' })),
    },
    scopes: ({ workerPoolId }) => [`worker-manager:list-worker-pool-errors:${workerPoolId}`],
    response: poolErrorList,
    handle: async ({ params: { workerPoolId }, query }) => {
      const { launchConfigId, errorId } = query;
      const { items, after } = await listErrors(db, workerPoolId, { launchConfigId, errorId }, paging.page(query));
      return { workerPoolErrors: items.map(toErrorResponse), ...paging.continuation(after) };
    },
  });
}
