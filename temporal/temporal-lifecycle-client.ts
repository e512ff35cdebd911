import {
  type Client,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure, type Workflow, WorkflowIdConflictPolicy } from '@temporalio/common';
import type { TriggerCause } from '../domain/evidence.js';
import type { WorkerKey } from '../domain/ids.js';
import { lifecycleId, ORPHAN_SWEEP_ID } from './ids.js';
import {
  type LifecycleClient,
  LifecycleRejectedError,
  LifecycleUnavailableError,
  WorkerExistsError,
} from './lifecycle-client.js';
import { type LifecycleInputLoader, staticLifecycleInput } from './lifecycle-input.js';
import { lifecycleStart } from './lifecycle-start-options.js';
import {
  lifecycleMessages,
  REFUSED,
  type LifecycleInput,
  type OrphanSweepRequest,
  type Registration,
} from './messages.js';
import { mainTaskQueue, workflowTypes } from './names.js';
import { cronSchedule, ensureSchedule, type ScheduleContext } from './schedules.js';
import { Semaphore } from './semaphore.js';
import { isServerError } from './server-errors.js';

/** As long as a run of its Schedule. */
const SWEEP_TIMEOUT_MS = 10 * 60_000;
/** How long a caller of the API waits for an answer; the update may still be applied later, and is idempotent. */
const ANSWER_TIMEOUT_MS = 10_000;
/**
 * Calls at once, from one process. When 500 machines were let in together, some updates were applied after their
 * callers had been given up, and those machines registered twice.
 */
const MAX_CALLS = 32;
/** A caller who has waited this long gets 503 with Retry-After, while there is still time to answer. */
const QUEUE_TIMEOUT_MS = 6_000;

export interface TemporalLifecycleClientDeps {
  readonly client: Client;
  readonly loadInput: LifecycleInputLoader;
  readonly schedules: ScheduleContext;
  readonly defaults: { readonly registrationSeconds: number };
  readonly requestReconcile: (workerPoolId: string, cause: TriggerCause) => Promise<void>;
}

/** The client on Temporal: lifecycles are workflows, requests to them are updates. */
export function temporalLifecycleClient(deps: TemporalLifecycleClientDeps): LifecycleClient {
  const { client, schedules } = deps;
  const semaphore = new Semaphore(MAX_CALLS);
  const limited = <T>(call: () => Promise<T>): Promise<T> => withLimitAndDeadline(client, semaphore, call);
  const inTime = <T>(call: () => Promise<T>): Promise<T> => client.withDeadline(Date.now() + ANSWER_TIMEOUT_MS, call);

  const { update, startIfMissing, startOptions } = callsOf(deps);

  return {
    async requestReconcile(workerPoolId, cause) {
      await inTime(() => deps.requestReconcile(workerPoolId, cause));
    },

    async ensurePoolSchedule(workerPoolId) {
      await inTime(() => ensureSchedule(schedules, cronSchedule(schedules, workerPoolId)));
    },

    sweepOrphans: (request) => limited(() => startOrphanSweep(deps, request)),

    register: (worker, { updateId, ...request }) =>
      limited(() =>
        startIfMissing(
          worker,
          // The plain update first: it costs half of an update with start, and the lifecycle is nearly always there.
          () => update<Registration>(worker, lifecycleMessages.register, request, updateId),
          (options) =>
            client.workflow.executeUpdateWithStart<Workflow, Registration, unknown[]>(lifecycleMessages.register, {
              startWorkflowOperation: new WithStartWorkflowOperation(workflowTypes.workerLifecycle, options),
              args: [request],
              updateId,
            }),
        ),
      ),

    reregister: (worker, { updateId, ...request }) =>
      limited(() =>
        startIfMissing(worker, () => update<Registration>(worker, lifecycleMessages.reregister, request, updateId)),
      ),

    remove: (worker, request) =>
      limited(async () => {
        try {
          await startIfMissing(worker, () => update<void>(worker, lifecycleMessages.remove, request));
        } catch (error) {
          // A worker that has stopped is as removed as it can be.
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        }
      }),

    createStatic: (worker, pool, first) =>
      limited(() =>
        client.workflow.executeUpdateWithStart<Workflow, void, unknown[]>(lifecycleMessages.updateWorker, {
          startWorkflowOperation: new WithStartWorkflowOperation(
            workflowTypes.workerLifecycle,
            startOptions(staticLifecycleInput(worker, pool, first, deps.defaults), WorkflowIdConflictPolicy.FAIL),
          ),
          args: [first],
        }),
      ),

    updateStatic: (worker, next) =>
      limited(() => startIfMissing(worker, () => update<void>(worker, lifecycleMessages.updateWorker, next))),
  };
}

async function startOrphanSweep(
  { client, schedules }: TemporalLifecycleClientDeps,
  request: OrphanSweepRequest,
): Promise<string> {
  try {
    const { firstExecutionRunId } = await client.workflow.start(workflowTypes.sweep, {
      workflowId: ORPHAN_SWEEP_ID,
      taskQueue: mainTaskQueue(schedules.taskQueuePrefix),
      args: [request],
      workflowExecutionTimeout: SWEEP_TIMEOUT_MS,
    });
    return firstExecutionRunId;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new LifecycleRejectedError('a sweep of orphans is under way');
  }
}

/** Calls of one lifecycle, each before its limits and its deadline. */
function callsOf({ client, schedules, loadInput }: TemporalLifecycleClientDeps) {
  const startOptions = (input: LifecycleInput, workflowIdConflictPolicy: WorkflowIdConflictPolicy) => ({
    ...lifecycleStart(input, 'api'),
    taskQueue: mainTaskQueue(schedules.taskQueuePrefix),
    workflowIdConflictPolicy,
  });
  type StartOptions = ReturnType<typeof startOptions>;

  const update = <Result>(worker: WorkerKey, name: string, request: unknown, updateId?: string): Promise<Result> =>
    client.workflow
      .getHandle(lifecycleId(worker))
      .executeUpdate<Result, [unknown]>(name, { args: [request], updateId });

  /** Starts the lifecycle and has the caller of the API come again. */
  const startForRetry = async (options: StartOptions): Promise<never> => {
    await client.workflow.start(workflowTypes.workerLifecycle, options);
    throw new LifecycleUnavailableError('the worker had no lifecycle');
  };

  /**
   * Calls a lifecycle, and starts it where it is missing: the launch has just been recorded, or somebody terminated the
   * lifecycle. A worker that has stopped gets none, and the call fails with WorkflowNotFoundError.
   */
  const startIfMissing = async <T>(
    worker: WorkerKey,
    call: () => Promise<T>,
    start: (options: StartOptions) => Promise<T> = startForRetry,
  ): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      const input = await loadInput(worker);
      if (input === 'stopped') throw error;
      if (input === 'impossible') throw new LifecycleUnavailableError('the pool or provider of the worker is not here');
      return await start(startOptions(input, WorkflowIdConflictPolicy.USE_EXISTING));
    }
  };

  return { update, startIfMissing, startOptions };
}

/** Runs a call when a place is free, with its time limit, and turns the errors of Temporal's client into ours. */
async function withLimitAndDeadline<T>(client: Client, semaphore: Semaphore, call: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + ANSWER_TIMEOUT_MS;
  try {
    const passed = await semaphore.run(QUEUE_TIMEOUT_MS, () => client.withDeadline(deadline, call));
    if (!passed) throw new LifecycleUnavailableError('too many calls wait for the workflow engine');
    return passed.result;
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure) {
      if (error.cause.type === REFUSED) throw new LifecycleRejectedError(error.cause.message);
    }
    if (error instanceof WorkflowExecutionAlreadyStartedError)
      throw new WorkerExistsError('the worker has an open lifecycle');
    if (error instanceof WorkflowNotFoundError) throw new LifecycleRejectedError('the worker is not running');
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isServerError(error)) {
      throw new LifecycleUnavailableError('the workflow engine gave no answer in time');
    }
    throw error;
  }
}
