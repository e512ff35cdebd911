import type { FastifyInstance } from 'fastify';
import { logEvent } from '../../observability/log-events.js';
import { createPool, deletePool, getPool, listPools, updatePool } from '../../database/pools.js';
import { insertError } from '../../database/errors.js';
import { noWorkers, poolCounters } from '../../database/counts.js';
import type { Providers } from '../../providers/configured.js';
import type { ApiContext } from '../http/context.js';
import { ApiError, inputError } from '../http/errors.js';
import { addOperation, type Log } from '../http/operation.js';
import { pagingQuery } from '../http/paging.js';
import { noSuchPool, requireAccepted } from '../pools/accepted.js';
import { dryRun } from '../pools/dry-run.js';
import { checkSubmission, nameOf, shortened, type CheckedSubmission } from '../pools/submission.js';
import { poolParams } from '../schemas/common.js';
import { dryRunResponse } from '../schemas/dry-run.js';
import { createPoolRequest, poolFull, poolList, updatePoolRequest } from '../schemas/pools.js';
import { toPoolResponse } from '../schemas/serialization.js';

const manage = ({ workerPoolId }: { workerPoolId: string }) => [`worker-manager:manage-worker-pool:${workerPoolId}`];
const provide = ({ body }: { body: { providerId: string } }) => [`worker-manager:provider:${body.providerId}`];

export function addPoolOperations(api: FastifyInstance, context: ApiContext): void {
  addPoolChanges(api, context);
  addDryRun(api, context);
  addPoolReads(api, context);
}

const common = { path: '/worker-pool/:workerPoolId', params: poolParams, response: poolFull };

function addPoolChanges(api: FastifyInstance, context: ApiContext): void {
  const { db, now } = context;

  addOperation(api, {
    ...common,
    name: 'createWorkerPool',
    category: 'Worker Pools',
    stability: 'stable',
    method: 'PUT',
    summary: 'Makes a pool; the same definition again is no error',
    body: createPoolRequest,
    scopes: manage,
    contentScopes: provide,
    handle: async ({ params: { workerPoolId }, body, caller, log }) => {
      const submission = checkSubmission(context, workerPoolId, body, caller);
      requireReady(context.providers, body.providerId);
      requireAccepted(await createPool(db, submission), workerPoolId);
      await reportRemarks(context, submission, log);
      return afterChange(context, workerPoolId, log);
    },
  });

  addOperation(api, {
    ...common,
    name: 'updateWorkerPool',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'POST',
    summary: 'Replaces a pool’s definition',
    body: updatePoolRequest,
    scopes: manage,
    contentScopes: provide,
    handle: async ({ params: { workerPoolId }, body, caller, log }) => {
      if (body.workerPoolId !== undefined && body.workerPoolId !== workerPoolId) {
        throw inputError('The workerPoolId of the body is not that of the path.');
      }
      const submission = checkSubmission(context, workerPoolId, body, caller);
      requireAccepted(await updatePool(db, submission), workerPoolId);
      await reportRemarks(context, submission, log);
      return afterChange(context, workerPoolId, log);
    },
  });

  addOperation(api, {
    ...common,
    name: 'deleteWorkerPool',
    category: 'Worker Pools',
    stability: 'stable',
    method: 'DELETE',
    summary: 'Lets a pool launch nothing more and go away with its last worker',
    scopes: manage,
    handle: async ({ params: { workerPoolId }, caller, log }) => {
      const result = await deletePool(db, workerPoolId, { clientId: nameOf(caller), nowMs: now() });
      requireAccepted(result, workerPoolId);
      return afterChange(context, workerPoolId, log);
    },
  });
}

function addDryRun(api: FastifyInstance, context: ApiContext): void {
  addOperation(api, {
    name: 'dryRunWorkerPool',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'POST',
    path: '/worker-pool/:workerPoolId/dry-run',
    summary: 'What a definition would change and launch if it were the pool’s; changes nothing',
    params: poolParams,
    body: updatePoolRequest,
    scopes: manage,
    contentScopes: provide,
    response: dryRunResponse,
    handle: ({ params: { workerPoolId }, body, caller }) =>
      dryRun(context, checkSubmission(context, workerPoolId, body, caller)),
  });
}

function addPoolReads(api: FastifyInstance, context: ApiContext): void {
  const paging = context.pagingOf('pools');

  addOperation(api, {
    ...common,
    name: 'workerPool',
    category: 'Worker Pools',
    stability: 'stable',
    method: 'GET',
    summary: 'One pool with its active launch configs',
    scopes: ({ workerPoolId }) => [`worker-manager:get-worker-pool:${workerPoolId}`],
    handle: ({ params: { workerPoolId } }) => readPool(context, workerPoolId),
  });

  addOperation(api, {
    name: 'listWorkerPools',
    category: 'Worker Pools',
    stability: 'stable',
    method: 'GET',
    path: '/worker-pools',
    summary: 'All pools, by id',
    query: pagingQuery,
    scopes: () => ['worker-manager:list-worker-pools'],
    response: poolList,
    handle: async ({ query }) => {
      const { items, after } = await listPools(context.db, paging.page(query));
      const counters = await context.counters.get();
      return {
        workerPools: items.map(({ pool, launchConfigs }) =>
          toPoolResponse(pool, launchConfigs, counters.get(pool.workerPoolId) ?? noWorkers),
        ),
        ...paging.continuation(after),
      };
    },
  });
}

/**
 * A provider that could not be set up at all gets no new pools; that is tried again, so a later call may succeed.
 * Edits, removals and registrations need no call to the cloud, and never wait for it.
 */
function requireReady(providers: Providers, providerId: string): void {
  if (providers.state(providerId).state === 'failed') {
    throw new ApiError('ProviderSetupFailed', `Provider ${providerId} cannot be used at the moment.`);
  }
}

async function readPool({ db }: ApiContext, workerPoolId: string) {
  const found = await getPool(db, workerPoolId);
  if (!found) throw noSuchPool(workerPoolId);
  const counters = await poolCounters(db, [workerPoolId]);
  return toPoolResponse(found.pool, found.launchConfigs, counters.get(workerPoolId) ?? noWorkers);
}

/** Lines have a bounded length; the whole text is in the database. */
const MAX_LOGGED_LENGTH = 500;

/**
 * What works otherwise than it reads stands among the pool's errors, which its owner reads when machines are missing.
 */
async function reportRemarks({ db }: ApiContext, { pool, remarks, nowMs }: CheckedSubmission, log: Log): Promise<void> {
  if (remarks.length === 0) return;
  const error = {
    workerPoolId: pool.workerPoolId,
    launchConfigId: null,
    kind: 'pool-definition',
    title: 'The definition works otherwise than it reads',
    description: shortened(remarks.join('\n')),
  };
  const { errorId } = await insertError(db, { ...error, extra: {} }, nowMs);
  const description = error.description.slice(0, MAX_LOGGED_LENGTH);
  logEvent(log, 'worker-error', { ...error, errorId, description, workerGroup: null, workerId: null });
}

/**
 * The pool is stored, so the answer is a success whatever the engine says, and does not wait for one announcement after
 * the other: polls, Schedules and the sweep make up for each.
 */
async function afterChange(context: ApiContext, workerPoolId: string, log: Log) {
  const { lifecycles } = context;
  const announcements = [
    lifecycles.ensurePoolSchedule(workerPoolId),
    lifecycles.requestReconcile(workerPoolId, 'changed'),
  ];
  for (const announced of await Promise.allSettled(announcements)) {
    if (announced.status === 'rejected') {
      logEvent(log, 'pool-change-signal-failed', { workerPoolId, err: announced.reason });
    }
  }
  return readPool(context, workerPoolId);
}
