import type { Config } from '../config/schema.js';
import { type DemandSource, type Question, QueueRefusedError } from '../domain/demand-source.js';
import { QUEUE_SCOPES, taskclusterDemand } from '../activities/demand/taskcluster-queue.js';
import { EXIT, ExitError } from './exit.js';
import { firstLineOf } from '../domain/values.js';

const WITHIN_MS = 10_000;
/** Read where the deployment has no pool yet: with scopes for all pools the queue answers this as well. */
const NO_POOL = 'worker-manager/check-config';
const NO_WORKER = { workerGroup: 'check-config', workerId: 'check-config' };

const questions: Record<Question, (demand: DemandSource, workerPoolId: string) => Promise<unknown>> = {
  counts: (demand, workerPoolId) => demand.counts(workerPoolId, within()),
  pending: (demand, workerPoolId) => demand.pending(workerPoolId, within()),
  workers: (demand, workerPoolId) => demand.workers(workerPoolId, within()),
  claimants: (demand, workerPoolId) => demand.claimants(workerPoolId, within()),
  worker: (demand, workerPoolId) => demand.worker(workerPoolId, NO_WORKER, within()),
};

/** What a deployment may do without: its operator hears of it, and a roll-out goes on. */
export class OptionalError extends Error {
  override readonly name = 'OptionalError';
}

/** Refused, these leave a line of the dashboard's charts out, and nothing else. */
const optional: readonly string[] = ['pending'] satisfies Question[];

/** Of a question that the queue refuses. */
const consequences: Partial<Record<Question, string>> = {
  counts: 'no pool grows beyond its minimum',
  pending: 'nobody sees how long tasks have waited',
};

const within = (): AbortSignal => AbortSignal.timeout(WITHIN_MS);

/** Each call that `serve` will make to the queue, made once for one pool. Only reads. */
export function demandQuestions(
  config: Config,
  workerPoolId = NO_POOL,
): { name: string; check: () => Promise<unknown> }[] {
  const demand = taskclusterDemand(config);
  return Object.entries(questions).map(([question, check]) => ({
    name: `demand, ${question}`,
    check: () => check(demand, workerPoolId).catch((error: unknown) => Promise.reject(problemOf(question, error))),
  }));
}

function problemOf(question: string, error: unknown): ExitError | OptionalError {
  const message = firstLineOf(error);
  if (!isRefusal(error)) return new ExitError(EXIT.unreachable, `the queue does not answer: ${message}`);
  const consequence = consequences[question as Question] ?? 'no worker is found inactive';
  const scopes = QUEUE_SCOPES[question as Question].join(', ');
  const line = `the queue refuses it (${message}); it needs ${scopes}; without it ${consequence}`;
  return optional.includes(question) ? new OptionalError(line) : new ExitError(EXIT.bad, line);
}

const isRefusal = (error: unknown): boolean =>
  error instanceof QueueRefusedError ||
  (error instanceof Error && 'statusCode' in error && (error.statusCode === 401 || error.statusCode === 403));
