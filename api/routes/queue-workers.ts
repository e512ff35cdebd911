import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { ListedQueueWorker, Question } from '../../domain/demand-source.js';
import { workerPoolIdPattern } from '../../domain/ids.js';
import { nameOf } from '../../domain/inactivity.js';
import type { Worker } from '../../domain/worker.js';
import { logEvent } from '../../observability/log-events.js';
import { getWorker, getWorkers } from '../../database/workers.js';
import type { ApiContext } from '../http/context.js';
import { ApiError } from '../http/errors.js';
import { addOperation, type Log } from '../http/operation.js';
import { pagingQuery } from '../http/paging.js';
import { flag, identifier, workerGroup, workerId, workerState } from '../schemas/common.js';
import { queueWorkerList, queueWorkerResponse } from '../schemas/queue-workers.js';
import { toListedQueueWorkerResponse, toQueueWorkerResponse } from '../schemas/serialization.js';
import { noSuchWorker } from './workers.js';

/** The caller waits for the queue no longer than this. */
const QUEUE_TIMEOUT_MS = 10_000;
/** A filter that few workers pass costs so many calls to the queue; then the answer is short, and its token goes on. */
const MAX_QUEUE_PAGES = 10;

const collection = '/provisioners/:provisionerId/worker-types/:workerType/workers';
// No patterns of their own: names that no pool can have are those of unknown workers.
const typeParams = {
  provisionerId: Type.String({ examples: ['proj-ci'] }),
  workerType: Type.String({ examples: ['linux'] }),
};
const workerParams = { ...typeParams, workerGroup, workerId };

/** The workers that the queue knows, with what the worker manager knows of them. */
export function addQueueWorkerOperations(api: FastifyInstance, context: ApiContext): void {
  addQueueWorkerList(api, context);
  addQueueWorker(api, context);
}

function addQueueWorkerList(api: FastifyInstance, context: ApiContext): void {
  const paging = context.pagingOf('queue-workers');
  addOperation(api, {
    name: 'listWorkers',
    category: 'Worker Metadata',
    stability: 'experimental',
    method: 'GET',
    path: collection,
    summary: 'Workers of a task queue that the queue knows, by group and id',
    params: typeParams,
    query: {
      ...pagingQuery,
      launchConfigId: Type.Optional(identifier),
      quarantined: Type.Optional(flag),
      workerState: Type.Optional(workerState),
    },
    scopes: ({ provisionerId, workerType }) => [`worker-manager:list-workers:${provisionerId}/${workerType}`],
    response: queueWorkerList,
    handle: async ({ params, query, log }) => {
      const { limit, after } = paging.page(query);
      const workerPoolId = `${params.provisionerId}/${params.workerType}`;
      if (!workerPoolIdPattern.test(workerPoolId)) return { workers: [] };
      const { launchConfigId, workerState: state } = query;
      const passes = (row: Worker | null) =>
        (launchConfigId === undefined || row?.launchConfigId === launchConfigId) &&
        (state === undefined || row?.state === state);
      const wanted = { workerPoolId, limit, after, quarantined: query.quarantined === 'true', passes };
      const { workers, next } = await collect(context, wanted, log);
      return {
        workers: workers.map(({ entry, row }) => toListedQueueWorkerResponse(workerPoolId, entry, row)),
        ...paging.continuation(next),
      };
    },
  });
}

function addQueueWorker(api: FastifyInstance, { db, demand, now }: ApiContext): void {
  addOperation(api, {
    name: 'getWorker',
    category: 'Worker Metadata',
    stability: 'experimental',
    method: 'GET',
    path: `${collection}/:workerGroup/:workerId`,
    summary: 'One worker that the queue knows',
    params: workerParams,
    scopes: ({ provisionerId, workerType, workerGroup, workerId }) => [
      `worker-manager:get-worker:${provisionerId}/${workerType}/${workerGroup}/${workerId}`,
    ],
    response: queueWorkerResponse,
    handle: async ({ params: { provisionerId, workerType, workerGroup, workerId }, log }) => {
      const workerPoolId = `${provisionerId}/${workerType}`;
      if (!workerPoolIdPattern.test(workerPoolId)) throw noSuchWorker();
      const name = { workerGroup, workerId };
      const signal = AbortSignal.timeout(QUEUE_TIMEOUT_MS);
      const entry = await fromQueue('worker', log, () => demand.worker(workerPoolId, name, signal));
      if (!entry || Math.max(entry.expiresAt ?? Infinity, entry.quarantineUntil ?? 0) <= now()) throw noSuchWorker();
      const row = await getWorker(db, { workerPoolId, ...name });
      return toQueueWorkerResponse({ provisionerId, workerType }, entry, row);
    },
  });
}

interface Wanted {
  readonly workerPoolId: string;
  readonly limit: number;
  readonly after: string | null;
  readonly quarantined: boolean;
  readonly passes: (row: Worker | null) => boolean;
}

interface Joined {
  readonly entry: ListedQueueWorker;
  /** Null: only the queue knows it. */
  readonly row: Worker | null;
}

/** Reads on in the queue's list until enough workers pass the filter. */
async function collect(
  { db, demand }: ApiContext,
  { workerPoolId, limit, after, quarantined, passes }: Wanted,
  log: Log,
): Promise<{ workers: Joined[]; next: string | null }> {
  const signal = AbortSignal.timeout(QUEUE_TIMEOUT_MS);
  const workers: Joined[] = [];
  let next = after;
  for (let pages = 0; pages < MAX_QUEUE_PAGES; pages += 1) {
    // No more than are still wanted: the queue's tokens stand at the end of its pages.
    const query = { limit: limit - workers.length, continuationToken: next, quarantined };
    const page = await fromQueue('workers', log, () => demand.workersPage(workerPoolId, query, signal));
    const rows = new Map((await getWorkers(db, workerPoolId, page.entries)).map((row) => [nameOf(row), row]));
    const joined = page.entries.map((entry) => ({ entry, row: rows.get(nameOf(entry)) ?? null }));
    workers.push(...joined.filter(({ row }) => passes(row)));
    next = page.continuationToken;
    if (next === null || workers.length >= limit) break;
  }
  return { workers, next };
}

/** What the queue says. Its silence and its refusals are no fault of the caller, and may end; the log has them. */
async function fromQueue<T>(question: Question, log: Log, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    logEvent(log, 'queue-not-read', { question, err: error });
    throw new ApiError('TryAgain', 'The queue, whose answer is needed, gives none. Try again; repeating is safe.');
  }
}
