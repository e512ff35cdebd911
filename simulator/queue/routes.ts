import type { IncomingMessage, ServerResponse } from 'node:http';
import { ConnectionLost, Refusal } from '../errors.js';
import type { Faults } from '../faults.js';
import { readJson, sendJson } from '../http/exchange.js';
import type { RequestLog } from '../request-log.js';
import { getWorker, listClaimedTasks, listPendingTasks, listWorkers, quarantineWorker } from './lists.js';
import type { Queue, Task } from './queue.js';
import type { Claimer } from './workers.js';

export interface QueueContext {
  readonly queue: Queue;
  readonly faults: Faults;
  readonly log: RequestLog;
  /** How long a claim made over HTTP lasts without a reclaim. */
  readonly claimMs: number;
  /** How long claimWork waits for work before it answers with none. */
  readonly claimWaitMs: number;
}

/** The part of Taskcluster's queue that workers and a worker manager call; `path` follows `/api/queue/v1/`. */
export async function handleQueue(
  context: QueueContext,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const startedMs = performance.now();
  const query = new URL(request.url ?? '/', 'http://queue').searchParams;
  const route = routeOf(request.method ?? 'GET', path);
  const log = (outcome: string, details: Readonly<Record<string, unknown>> = {}): void => {
    const durationMs = Math.round(performance.now() - startedMs);
    context.log.write({ kind: 'queue', operation: route.operation, outcome, durationMs, ...details });
  };
  if (context.queue.isSilent(taskQueueOf(route))) return log('no answer');
  const fault = context.faults.strike({ operation: route.operation });
  try {
    await fault?.beforeActing();
    const { answer, details } = await act(context, route, query, request, response);
    log('ok', { ...details, ...(fault && { fault: fault.mode }) });
    await fault?.beforeAnswering();
    sendJson(response, 200, answer);
  } catch (error) {
    if (error instanceof ConnectionLost) {
      if (fault?.mode.endsWith('request')) log('request lost');
      response.destroy();
      return;
    }
    if (!(error instanceof Refusal)) throw error;
    log(error.code);
    sendJson(response, error.status, { code: error.code, message: error.message });
  }
}

interface Route {
  readonly operation: string;
  readonly arguments: readonly string[];
}

const workerPattern = /^provisioners\/([^/]+)\/worker-types\/([^/]+)\/workers\/([^/]+)\/([^/]+)$/;

const routes = [
  { operation: 'ping', method: 'GET', pattern: /^ping$/ },
  { operation: 'taskQueueCounts', method: 'GET', pattern: /^task-queues\/([^/]+)\/counts$/ },
  { operation: 'listPendingTasks', method: 'GET', pattern: /^task-queues\/([^/]+)\/pending$/ },
  { operation: 'listClaimedTasks', method: 'GET', pattern: /^task-queues\/([^/]+)\/claimed$/ },
  { operation: 'listWorkers', method: 'GET', pattern: /^provisioners\/([^/]+)\/worker-types\/([^/]+)\/workers$/ },
  { operation: 'getWorker', method: 'GET', pattern: workerPattern },
  { operation: 'quarantineWorker', method: 'PUT', pattern: workerPattern },
  { operation: 'claimWork', method: 'POST', pattern: /^claim-work\/([^/]+)$/ },
  { operation: 'reclaimTask', method: 'POST', pattern: /^task\/([^/]+)\/runs\/(\d+)\/reclaim$/ },
  { operation: 'reportCompleted', method: 'POST', pattern: /^task\/([^/]+)\/runs\/(\d+)\/completed$/ },
] as const;

function routeOf(method: string, path: string): Route {
  for (const route of routes) {
    const found = route.method === method ? route.pattern.exec(path) : null;
    if (found) return { operation: route.operation, arguments: found.slice(1).map(decodeURIComponent) };
  }
  return { operation: 'unknown', arguments: [] };
}

/** The task queue that a call is about; a text that is none where it is about a task. */
function taskQueueOf({ operation, arguments: [first = '', second = ''] }: Route): string {
  return /Worker/.test(operation) ? `${first}/${second}` : first;
}

interface Acted {
  readonly answer: unknown;
  readonly details: Readonly<Record<string, unknown>>;
}

// oxlint-disable-next-line complexity -- one case for each operation of the API
async function act(
  context: QueueContext,
  route: Route,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Acted> {
  const [first = '', second = '', group = '', id = ''] = route.arguments;
  const taskQueueId = taskQueueOf(route);
  switch (route.operation) {
    case 'ping':
      return { answer: { alive: true }, details: {} };
    case 'taskQueueCounts': {
      const [provisionerId, workerType] = splitTaskQueueId(first);
      const { pendingTasks, claimedTasks } = context.queue.saidCounts(first);
      return {
        answer: { taskQueueId: first, provisionerId, workerType, pendingTasks, claimedTasks },
        details: { taskQueueId: first, pendingTasks, claimedTasks },
      };
    }
    case 'listPendingTasks':
      return { answer: listPendingTasks(context.queue, taskQueueId, query), details: { taskQueueId } };
    case 'listClaimedTasks':
      return { answer: listClaimedTasks(context.queue, taskQueueId, query), details: { taskQueueId } };
    case 'listWorkers':
      return { answer: listWorkers(context.queue, taskQueueId, query), details: { taskQueueId } };
    case 'getWorker':
      return { answer: getWorker(context.queue, taskQueueId, group, id), details: { taskQueueId, workerId: id } };
    case 'quarantineWorker': {
      const order = { clientId: callerOf(request), body: await readJson(request) };
      const answer = quarantineWorker(context.queue, taskQueueId, group, id, order);
      return { answer, details: { taskQueueId, workerId: id } };
    }
    case 'claimWork':
      return claimWork(context, first, await readJson(request), response);
    case 'reclaimTask': {
      const claim = context.queue.claimOf(first);
      if (!claim || claim.task.runId !== Number(second)) throw notClaimed();
      claim.takenUntilMs = Date.now() + context.claimMs;
      return {
        answer: { status: status(claim.task, 'running'), ...runOf(claim.task, claim, claim.takenUntilMs) },
        details: { taskId: first },
      };
    }
    case 'reportCompleted': {
      const task = context.queue.claimOf(first)?.task;
      if (!task || !context.queue.complete(first, Number(second))) throw notClaimed();
      return { answer: { status: status(task, 'completed') }, details: { taskId: first } };
    }
    default:
      throw new Refusal('ResourceNotFound', 'the simulated queue has no such route', 404);
  }
}

/** By the name that its credentials have; nothing checks them. */
const callerOf = ({ headers }: IncomingMessage): string =>
  /\bid="([^"]*)"/.exec(headers.authorization ?? '')?.[1] ?? '';

/** Answers at once with what there is, else waits for work for a while. */
async function claimWork(
  context: QueueContext,
  taskQueueId: string,
  body: Record<string, unknown>,
  response: ServerResponse,
): Promise<Acted> {
  splitTaskQueueId(taskQueueId);
  const { workerGroup, workerId, tasks: most = 1 } = body;
  if (typeof workerGroup !== 'string' || typeof workerId !== 'string' || !Number.isInteger(most)) {
    throw new Refusal('InputValidationError', 'claimWork takes {tasks, workerGroup, workerId}');
  }
  const claimer: Claimer = { workerGroup, workerId };
  const { promise, resolve } = Promise.withResolvers<Task[]>();
  const withdraw = context.queue.claim(taskQueueId, claimer, Math.max(1, Number(most)), resolve);
  const giveUp = (): void => {
    withdraw();
    resolve([]);
  };
  const timer = setTimeout(giveUp, context.claimWaitMs);
  response.on('close', giveUp);
  const tasks = await promise;
  clearTimeout(timer);
  const takenUntilMs = Date.now() + context.claimMs;
  for (const task of tasks) {
    const claim = context.queue.claimOf(task.taskId);
    if (claim) claim.takenUntilMs = takenUntilMs;
  }
  return {
    answer: {
      tasks: tasks.map((task) => ({
        status: status(task, 'running'),
        ...runOf(task, claimer, takenUntilMs),
        task: { taskQueueId, payload: {} },
        credentials: {},
      })),
    },
    details: { taskQueueId, workerId, tasks: tasks.length },
  };
}

const runOf = (task: Task, claimer: Claimer, takenUntilMs: number): Record<string, unknown> => ({
  runId: task.runId,
  workerGroup: claimer.workerGroup,
  workerId: claimer.workerId,
  takenUntil: new Date(takenUntilMs).toISOString(),
});

const status = (task: Task, state: string): Record<string, unknown> => ({
  taskId: task.taskId,
  taskQueueId: task.taskQueueId,
  state,
});

const notClaimed = (): Refusal => new Refusal('RequestConflict', 'this run is not claimed', 409);

function splitTaskQueueId(taskQueueId: string): [string, string] {
  const [provisionerId, workerType, ...rest] = taskQueueId.split('/');
  if (!provisionerId || !workerType || rest.length > 0) {
    throw new Refusal('InvalidRequestArguments', `${taskQueueId} is not a task queue id`);
  }
  return [provisionerId, workerType];
}
