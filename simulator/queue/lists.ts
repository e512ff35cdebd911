import { Refusal } from '../errors.js';
import type { Claim, Queue, Task } from './queue.js';
import type { SeenWorker } from './workers.js';

/** The queue's own maximum of a page. */
const MAX_PAGE = 1_000;
/** How long the queue keeps a worker after its last activity. */
const REMEMBERED_MS = 5 * 86_400_000;

/** Pages count from the beginning of the list as it is now: one that changes between two pages may show gaps. */
function pageOf<T>(all: readonly T[], query: URLSearchParams): { page: readonly T[]; continuationToken?: string } {
  const limit = Number(query.get('limit') ?? MAX_PAGE);
  const begin = Number(query.get('continuationToken') ?? 0);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE || !Number.isInteger(begin) || begin < 0) {
    throw new Refusal('InvalidRequestArguments', 'limit or continuationToken is wrong');
  }
  const end = begin + limit;
  return { page: all.slice(begin, end), ...(end < all.length && { continuationToken: String(end) }) };
}

export function listWorkers(queue: Queue, taskQueueId: string, query: URLSearchParams): Record<string, unknown> {
  const now = Date.now();
  const quarantined = query.get('quarantined') === 'true';
  const all = queue.workersOf(taskQueueId).filter((worker) => !quarantined || (worker.quarantineUntilMs ?? 0) > now);
  const { page, continuationToken } = pageOf(all, query);
  return { workers: page.map(listedWorker), ...(continuationToken && { continuationToken }) };
}

export function listPendingTasks(queue: Queue, taskQueueId: string, query: URLSearchParams): Record<string, unknown> {
  const { page, continuationToken } = pageOf(queue.pendingOf(taskQueueId), query);
  return { tasks: page.map(pendingEntry), ...(continuationToken && { continuationToken }) };
}

export function listClaimedTasks(queue: Queue, taskQueueId: string, query: URLSearchParams): Record<string, unknown> {
  const { page, continuationToken } = pageOf(queue.claimsOf(taskQueueId), query);
  return { tasks: page.map(claimEntry), ...(continuationToken && { continuationToken }) };
}

export function getWorker(
  queue: Queue,
  taskQueueId: string,
  workerGroup: string,
  workerId: string,
): Record<string, unknown> {
  const known = queue.workersOf(taskQueueId);
  const worker = known.find((each) => each.workerGroup === workerGroup && each.workerId === workerId);
  if (!worker) throw new Refusal('ResourceNotFound', `the queue does not know ${workerGroup}/${workerId}`, 404);
  return workerResponse(worker);
}

export function quarantineWorker(
  queue: Queue,
  taskQueueId: string,
  workerGroup: string,
  workerId: string,
  { clientId, body }: { readonly clientId: string; readonly body: Record<string, unknown> },
): Record<string, unknown> {
  const untilMs = Date.parse(String(body['quarantineUntil']));
  if (Number.isNaN(untilMs)) throw new Refusal('InputValidationError', 'quarantineUntil must be an instant');
  const info = typeof body['quarantineInfo'] === 'string' ? body['quarantineInfo'] : '';
  const order = { clientId, untilMs, atMs: Date.now(), info };
  return workerResponse(queue.quarantine(taskQueueId, { workerGroup, workerId }, order));
}

const iso = (instant: number): string => new Date(instant).toISOString();

const workerEntry = (worker: SeenWorker): Record<string, unknown> => ({
  workerGroup: worker.workerGroup,
  workerId: worker.workerId,
  firstClaim: iso(worker.firstClaimMs),
  lastDateActive: iso(worker.lastActiveMs),
  ...(worker.quarantineUntilMs !== null && { quarantineUntil: iso(worker.quarantineUntilMs) }),
});

function listedWorker(worker: SeenWorker): Record<string, unknown> {
  const latestTask = worker.recentTasks.at(-1);
  return { ...workerEntry(worker), ...(latestTask && { latestTask }) };
}

function workerResponse(worker: SeenWorker): Record<string, unknown> {
  const [provisionerId, workerType] = worker.taskQueueId.split('/');
  return {
    provisionerId,
    workerType,
    workerPoolId: worker.taskQueueId,
    ...workerEntry(worker),
    expires: iso(worker.lastActiveMs + REMEMBERED_MS),
    recentTasks: worker.recentTasks,
    quarantineDetails: worker.quarantines.map(({ clientId, untilMs, atMs, info }) => ({
      clientId,
      quarantineUntil: iso(untilMs),
      updatedAt: iso(atMs),
      quarantineInfo: info,
    })),
    actions: [],
  };
}

const pendingEntry = ({ taskId, runId, taskQueueId, insertedMs }: Task): Record<string, unknown> => ({
  ...{ taskId, runId, inserted: iso(insertedMs ?? Date.now()) },
  task: { taskQueueId, payload: {} },
});

const claimEntry = ({ task, workerGroup, workerId, takenUntilMs }: Claim): Record<string, unknown> => ({
  taskId: task.taskId,
  runId: task.runId,
  workerGroup,
  workerId,
  claimed: iso(Math.min(takenUntilMs ?? Date.now(), Date.now())),
  task: { taskQueueId: task.taskQueueId, payload: {} },
});
