import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { workerKeyText } from '../../domain/ids.js';
import type { Worker } from '../../domain/worker.js';
import { getPool } from '../../database/pools.js';
import { lastChecked } from '../../database/scans.js';
import type { PageOf } from '../../database/client/paging.js';
import { getWorker, listWorkers } from '../../database/workers.js';
import type { ApiContext } from '../http/context.js';
import { notFound } from '../http/errors.js';
import { addOperation } from '../http/operation.js';
import { nameOf } from '../pools/submission.js';
import { type Paging, pagingQuery } from '../http/paging.js';
import { empty, groupParams, identifier, poolParams, workerParams } from '../schemas/common.js';
import { queueWorkerState, STANDALONE } from '../schemas/queue-workers.js';
import { shouldTerminateResponse, workerFull, workerList } from '../schemas/workers.js';
import { toWorkerResponse } from '../schemas/serialization.js';
import { noSuchPool } from '../pools/accepted.js';

const API_REMOVAL = 'workerManager.removeWorker API call';

export function addWorkerOperations(api: FastifyInstance, context: ApiContext): void {
  addWorkerLists(api, context);
  addOneWorkerOperations(api, context);
}

function addWorkerLists(api: FastifyInstance, context: ApiContext): void {
  const { db } = context;
  const paging = context.pagingOf('workers');

  addOperation(api, {
    name: 'listWorkersForWorkerPool',
    category: 'Workers',
    stability: 'stable',
    method: 'GET',
    path: '/workers/:workerPoolId',
    summary: 'Workers of a pool, newest first',
    params: poolParams,
    query: { ...pagingQuery, launchConfigId: Type.Optional(identifier), state: Type.Optional(queueWorkerState) },
    scopes: ({ workerPoolId }) => [`worker-manager:list-workers:${workerPoolId}`],
    response: workerList,
    handle: async ({ params: { workerPoolId }, query }) => {
      if (!(await getPool(db, workerPoolId))) throw noSuchPool(workerPoolId);
      const page = paging.page(query);
      const { state, launchConfigId } = query;
      // Workers that only the queue knows are no rows of ours.
      if (state === STANDALONE) return { workers: [] };
      const filter = { workerPoolId, state: state as Worker['state'] | undefined, launchConfigId };
      return pageResponse(context, await listWorkers(db, filter, page), paging);
    },
  });

  addOperation(api, {
    name: 'listWorkersForWorkerGroup',
    category: 'Workers',
    stability: 'stable',
    method: 'GET',
    path: '/workers/:workerPoolId/:workerGroup',
    summary: 'Workers of one group of a pool, newest first',
    params: groupParams,
    query: pagingQuery,
    scopes: ({ workerPoolId, workerGroup }) => [`worker-manager:list-workers:${workerPoolId}/${workerGroup}`],
    response: workerList,
    handle: async ({ params, query }) =>
      pageResponse(context, await listWorkers(db, params, paging.page(query)), paging),
  });
}

function addOneWorkerOperations(api: FastifyInstance, context: ApiContext): void {
  const { db, lifecycles, providers, advice } = context;
  const path = '/workers/:workerPoolId/:workerGroup/:workerId';

  addOperation(api, {
    name: 'worker',
    category: 'Workers',
    stability: 'stable',
    method: 'GET',
    path,
    summary: 'One worker',
    params: workerParams,
    scopes: (params) => [`worker-manager:get-worker:${workerKeyText(params)}`],
    response: workerFull,
    handle: async ({ params }) => {
      const worker = await getWorker(db, params);
      if (!worker) throw noSuchWorker();
      return workerResponse(context, worker);
    },
  });

  addOperation(api, {
    name: 'removeWorker',
    category: 'Workers',
    stability: 'stable',
    method: 'DELETE',
    path,
    summary: 'Takes a worker away; answers when that has begun',
    params: workerParams,
    scopes: (params) => [`worker-manager:remove-worker:${workerKeyText(params)}`],
    response: empty,
    handle: async ({ params, caller }) => {
      const worker = await getWorker(db, params);
      if (!worker) throw noSuchWorker();
      if (!providers.get(worker.providerId)) {
        throw notFound(`Provider ${worker.providerId} of this worker is not configured.`);
      }
      const request = { reason: API_REMOVAL, clientId: nameOf(caller) };
      if (worker.state !== 'stopped') await lifecycles.remove(worker, request);
      return {};
    },
  });

  addOperation(api, {
    name: 'shouldWorkerTerminate',
    category: 'Workers',
    stability: 'experimental',
    method: 'GET',
    path: `${path}/should-terminate`,
    summary: 'Whether an idle worker should stop',
    params: workerParams,
    scopes: (params) => [`worker-manager:should-worker-terminate:${workerKeyText(params)}`],
    response: shouldTerminateResponse,
    handle: async ({ params }) => {
      const advised = await advice.of(params);
      if (!advised) throw noSuchWorker();
      return advised;
    },
  });
}

export const noSuchWorker = () => notFound('There is no such worker.');

export async function workerResponse({ db }: ApiContext, worker: Worker) {
  return toWorkerResponse(worker, await lastChecked(db, [worker.providerId]));
}

export async function workersResponse({ db }: ApiContext, workers: readonly Worker[]) {
  const checked = await lastChecked(
    db,
    workers.map(({ providerId }) => providerId),
  );
  return workers.map((worker) => toWorkerResponse(worker, checked));
}

const pageResponse = async (context: ApiContext, { items, after }: PageOf<Worker>, paging: Paging) => ({
  workers: await workersResponse(context, items),
  ...paging.continuation(after),
});
