import taskcluster from 'taskcluster-client';
import type { Config } from '../../config/schema.js';
import { type DemandSource, type Question, type QueueList, QueueRefusedError } from '../../domain/demand-source.js';
import { abortable } from './abortable.js';
import { toListedWorker, toName, toPendingTask, toQueueWorker, toWorkerDetails } from './queue-answers.js';

/** One call; the next poll is seconds away, so a late answer is worth less than none, and a repeat too. */
const COUNTS_TIMEOUT_MS = 5_000;
const PAGE_TIMEOUT_MS = 10_000;
/** The queue's own maximum of a page; and less where each entry carries a whole task definition. */
const WORKERS_PAGE = 1_000;
const TASKS_PAGE = 500;
const MAX_PAGES = 100;
/** Of pending tasks, which people want to know the age of: as many as these say enough. */
const MAX_PENDING_PAGES = 4;

/** What each question needs, for one pool. */
export const QUEUE_SCOPES = {
  counts: ['queue:pending-count:<pool>', 'queue:claimed-count:<pool>'],
  pending: ['queue:pending-list:<pool>'],
  workers: ['queue:list-workers:<pool>'],
  claimants: ['queue:claimed-list:<pool>'],
  worker: ['queue:get-worker:<pool>/<group>/<id>'],
} as const satisfies Record<Question, readonly string[]>;

/** Taskcluster's queue, by HTTP. `onAnswer` hears how each call ended. */
export function taskclusterDemand(
  { demand, rootUrl }: Pick<Config, 'demand' | 'rootUrl'>,
  onAnswer: (question: Question, answered: boolean) => void = () => {},
): DemandSource {
  const options = {
    rootUrl: demand.rootUrl ?? rootUrl,
    credentials: demand.credentials && { ...demand.credentials },
    retries: 0,
  };
  const counter = new taskcluster.Queue({ ...options, timeout: COUNTS_TIMEOUT_MS });
  // Connections of its own: long lists never stand in line before the counts.
  const lister = new taskcluster.Queue({ ...options, timeout: PAGE_TIMEOUT_MS, agent: { maxSockets: 20 } });

  const send = sender(onAnswer);
  const listWorkers = workerLister(lister, send);

  return {
    async counts(workerPoolId, signal) {
      const { pendingTasks, claimedTasks } = await send('counts', () => counter.taskQueueCounts(workerPoolId), signal);
      if (!isCount(pendingTasks) || !isCount(claimedTasks))
        throw new Error(`The queue's counts of ${workerPoolId} are no whole numbers`);
      return { pendingTasks, claimedTasks };
    },

    workers(workerPoolId, signal) {
      return allPages(signal, async (continuationToken) => {
        const page = await listWorkers(workerPoolId, { limit: WORKERS_PAGE, continuationToken }, signal);
        return { entries: page.workers.map(toQueueWorker), continuationToken: page.continuationToken };
      });
    },

    async workersPage(workerPoolId, { limit, continuationToken, quarantined }, signal) {
      const query = { limit, continuationToken: continuationToken ?? undefined, quarantined };
      const page = await listWorkers(workerPoolId, query, signal);
      return { entries: page.workers.map(toListedWorker), continuationToken: page.continuationToken ?? null };
    },

    pending(workerPoolId, signal) {
      const fetch = async (continuationToken: string | undefined) => {
        const query = { limit: String(TASKS_PAGE), ...(continuationToken && { continuationToken }) };
        const page = await send('pending', () => lister.listPendingTasks(workerPoolId, query), signal);
        return { entries: page.tasks.map(toPendingTask), continuationToken: page.continuationToken };
      };
      return allPages(signal, fetch, MAX_PENDING_PAGES);
    },

    claimants(workerPoolId, signal) {
      return allPages(signal, async (continuationToken) => {
        const query = { limit: String(TASKS_PAGE), ...(continuationToken && { continuationToken }) };
        const page = await send('claimants', () => lister.listClaimedTasks(workerPoolId, query), signal);
        return { entries: page.tasks.map(toName), continuationToken: page.continuationToken };
      });
    },

    async worker(workerPoolId, { workerGroup, workerId }, signal) {
      const [provisionerId, workerType] = partsOf(workerPoolId);
      try {
        const call = () => lister.getWorker(provisionerId, workerType, workerGroup, workerId);
        return toWorkerDetails(await send('worker', call, signal));
      } catch (error) {
        if (isUnknownWorker(error)) return null;
        throw error;
      }
    },
  };
}

/** Sends one call, says how it ended, and tells a refusal from a failure. */
const sender =
  (onAnswer: (question: Question, answered: boolean) => void) =>
  async <T>(question: Question, call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    try {
      const answer = await abortable(call(), signal);
      onAnswer(question, true);
      return answer;
    } catch (error) {
      const known = question === 'worker' && isUnknownWorker(error);
      onAnswer(question, known);
      throw known ? error : refusalOf(question, error);
    }
  };

/** One page of the queue's list of a pool's workers. */
const workerLister =
  (queue: InstanceType<typeof taskcluster.Queue>, send: ReturnType<typeof sender>) =>
  (workerPoolId: string, { limit, continuationToken, quarantined }: QueueQuery, signal: AbortSignal) => {
    const [provisionerId, workerType] = partsOf(workerPoolId);
    const query = {
      limit: String(limit),
      ...(continuationToken && { continuationToken }),
      ...(quarantined && { quarantined: 'true' }),
    };
    return send('workers', () => queue.listWorkers(provisionerId, workerType, query), signal);
  };

interface QueueQuery {
  readonly limit: number;
  readonly continuationToken: string | undefined;
  readonly quarantined?: boolean;
}

/** All pages, as far as they come before the signal and the bound; each must be what it says. */
async function allPages<T>(
  signal: AbortSignal,
  fetch: (continuationToken: string | undefined) => Promise<{ entries: T[]; continuationToken?: string | undefined }>,
  maxPages = MAX_PAGES,
): Promise<QueueList<T>> {
  const entries: T[] = [];
  let token: string | undefined;
  for (let pages = 0; pages < maxPages && !signal.aborted; pages += 1) {
    const page = await fetch(token);
    for (const entry of page.entries) entries.push(entry);
    token = page.continuationToken;
    if (!token) return { complete: true, entries };
  }
  return { complete: false, entries };
}

const partsOf = (workerPoolId: string): [string, string] => {
  const [provisionerId = '', workerType = ''] = workerPoolId.split('/');
  return [provisionerId, workerType];
};

const statusOf = (error: unknown): unknown =>
  error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;

const isUnknownWorker = (error: unknown): boolean =>
  statusOf(error) === 404 && error instanceof Error && 'code' in error && error.code === 'ResourceNotFound';

/** 401 and 403: credentials or scopes are missing. 404: the queue has no such route. */
function refusalOf(question: Question, error: unknown): unknown {
  const status = statusOf(error);
  if (question === 'counts' || !(error instanceof Error)) return error;
  if (status !== 401 && status !== 403 && status !== 404) return error;
  return new QueueRefusedError(question, QUEUE_SCOPES[question], error.message.slice(0, 300));
}

/** What the database can hold: a poll records the counts of all pools in one statement. */
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
