import {
  type Client,
  isGrpcServiceError,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure, type Workflow, WorkflowIdConflictPolicy } from '@temporalio/common';
import type { WorkerKey } from '../domain/ids.js';
import { lifecycleId } from '../temporal/ids.js';
import { lifecycleTiming } from '../domain/lifecycle.js';
import type { Providers } from '../providers/providers.js';
import type { Worker } from '../domain/worker.js';
import type { WorkerPool } from '../domain/worker-pool.js';
import { launchOf } from '../database/launches.js';
import { getPool } from '../database/pools.js';
import { getWorker } from '../database/workers.js';
import type { Db } from '../database/client/schema.js';
import { lifecycleInput } from '../temporal/lifecycle-input.js';
import { lifecycleStart } from '../temporal/lifecycle-start.js';
import { lifecycleMessages, REFUSED, type LifecycleInput, type Registration } from '../temporal/messages.js';
import { mainTaskQueue, workflowTypes } from '../temporal/names.js';
import { cronSchedule, ensureSchedule, type ScheduleContext } from '../temporal/schedules.js';
import { Semaphore } from '../temporal/semaphore.js';
import {
  type LifecycleClient,
  LifecycleUnavailableError,
  LifecycleRejectedError,
  WorkerExistsError,
} from '../temporal/lifecycle-client.js';

/** How long a caller of the API waits for the engine; the update may still be applied later, and is idempotent. */
const ANSWER_WITHIN_MS = 10_000;
/**
 * Calls to the engine at once, from one process. When 500 machines were let in together, some updates were applied after
 * their callers had been given up, and those machines registered twice.
 */
const CALLS_AT_ONCE = 32;
/** Whoever has waited for a place so long is told to come again while there is still time to answer. */
const ACQUIRE_TIMEOUT_MS = 6_000;

export interface TemporalLifecycleClientDeps {
  readonly client: Client;
  readonly db: Db;
  readonly providers: Providers;
  readonly schedules: ScheduleContext;
  readonly defaults: { readonly registrationSeconds: number };
  readonly requestReconcile: (workerPoolId: string) => Promise<void>;
}

/** The engine of `engine.ts` on Temporal: lifecycles are workflows, requests to them are updates. */
export function temporalLifecycleClient(deps: TemporalLifecycleClientDeps): LifecycleClient {
  const { client, schedules } = deps;
  const taskQueue = mainTaskQueue(schedules.taskQueuePrefix);
  const semaphore = new Semaphore(CALLS_AT_ONCE);
  const answered = <T>(call: () => Promise<T>): Promise<T> => withLimitAndDeadline(client, semaphore, call);
  const inTime = <T>(call: () => Promise<T>): Promise<T> => client.withDeadline(Date.now() + ANSWER_WITHIN_MS, call);

  const startFromRow = async (worker: Worker, pool: WorkerPool) => {
    const provider = deps.providers.get(worker.providerId);
    if (!provider) throw new LifecycleUnavailableError(`provider ${worker.providerId} is not configured here`);
    const launch = await launchOf(deps.db, worker);
    const input = lifecycleInput(worker, { pool, provider, launch, defaults: deps.defaults });
    return {
      ...lifecycleStart(input, 'api'),
      taskQueue,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    };
  };

  const update = <Result>(worker: WorkerKey, name: string, request: unknown, updateId?: string): Promise<Result> =>
    client.workflow
      .getHandle(lifecycleId(worker))
      .executeUpdate<Result, [unknown]>(name, { args: [request], updateId });

  /**
   * A worker that is alive and has no lifecycle (its launch has just been recorded, or somebody terminated it) gets one from
   * its row, and the caller comes again.
   */
  const startIfMissing = async <T>(key: WorkerKey, call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      const worker = await getWorker(deps.db, key);
      const pool = await getPool(deps.db, key.workerPoolId);
      if (!worker || worker.state === 'stopped' || !pool) throw error;
      await client.workflow.start(workflowTypes.workerLifecycle, await startFromRow(worker, pool.pool));
      throw new LifecycleUnavailableError('the worker had no lifecycle');
    }
  };

  return {
    async requestReconcile(workerPoolId) {
      await inTime(() => deps.requestReconcile(workerPoolId));
    },

    async ensurePoolSchedule(workerPoolId) {
      await inTime(() => ensureSchedule(schedules, cronSchedule(schedules, workerPoolId)));
    },

    async register(worker, pool, { updateId, ...request }) {
      return await answered(async () => {
        try {
          // The plain update first: it costs half of an update with start, and the lifecycle is nearly always there.
          return await update<Registration>(worker, lifecycleMessages.register, request, updateId);
        } catch (error) {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        }
        return await client.workflow.executeUpdateWithStart<Workflow, Registration, unknown[]>(
          lifecycleMessages.register,
          {
            startWorkflowOperation: new WithStartWorkflowOperation(
              workflowTypes.workerLifecycle,
              await startFromRow(worker, pool),
            ),
            args: [request],
            updateId,
          },
        );
      });
    },

    async reregister(worker, { updateId, ...request }) {
      return await answered(() =>
        startIfMissing(worker, () => update<Registration>(worker, lifecycleMessages.reregister, request, updateId)),
      );
    },

    async remove(worker, request) {
      await answered(async () => {
        try {
          await startIfMissing(worker, () => update<void>(worker, lifecycleMessages.remove, request));
        } catch (error) {
          // A worker that has stopped is as removed as it can be.
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        }
      });
    },

    async createStatic(worker, pool, first) {
      const input: LifecycleInput = {
        ...worker,
        providerId: pool.providerId,
        launchConfigId: null,
        launchToken: null,
        capacity: first.capacity,
        timing: lifecycleTiming(pool.config.lifecycle, deps.defaults),
        location: { account: null, region: null, group: null },
        registrationDeadline: null,
        provisioningSteps: [],
        removalSteps: [],
        static: first,
      };
      await answered(() =>
        client.workflow.executeUpdateWithStart<Workflow, void, unknown[]>(lifecycleMessages.updateWorker, {
          startWorkflowOperation: new WithStartWorkflowOperation(workflowTypes.workerLifecycle, {
            ...lifecycleStart(input, 'api'),
            taskQueue,
            workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
          }),
          args: [first],
        }),
      );
    },

    async updateStatic(worker, next) {
      await answered(() => startIfMissing(worker, () => update<void>(worker, lifecycleMessages.updateWorker, next)));
    },
  };
}

/** Runs a call in its turn, with its time limit, and turns the client's errors into the engine's. */
async function withLimitAndDeadline<T>(client: Client, semaphore: Semaphore, call: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + ANSWER_WITHIN_MS;
  try {
    const passed = await semaphore.run(ACQUIRE_TIMEOUT_MS, () => client.withDeadline(deadline, call));
    if (!passed) throw new LifecycleUnavailableError('too many calls wait for the workflow engine');
    return passed.result;
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure) {
      if (error.cause.type === REFUSED) throw new LifecycleRejectedError(error.cause.message);
    }
    if (error instanceof WorkflowExecutionAlreadyStartedError)
      throw new WorkerExistsError('the worker has an open lifecycle');
    if (error instanceof WorkflowNotFoundError) throw new LifecycleRejectedError('the worker is not running');
    if (
      error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
      isGrpcServiceError(error) ||
      isGrpcServiceError(causeOf(error))
    ) {
      throw new LifecycleUnavailableError('the workflow engine gave no answer in time');
    }
    throw error;
  }
}

const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined);
