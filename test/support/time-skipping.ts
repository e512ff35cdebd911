import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isGrpcDeadlineError, type WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import proto from '@temporalio/proto';
import { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';
import type { EndCause } from '../../domain/backoff.js';
import { callClasses } from '../../providers/rate-limit.js';
import { lifecycleStart } from '../../temporal/lifecycle-start-options.js';
import type { LifecycleInput, LifecycleStatus, QueueActivity } from '../../temporal/messages.js';
import { cloudTaskQueue, mainTaskQueue, workflowTypes } from '../../temporal/names.js';
import { eventually } from '../../dev/testing/eventually.js';
import { ScriptedActivities } from './scripted-activities.js';
import { timeSkippingEnvironment } from '../../dev/testing/test-server.js';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

const { EventType } = proto.temporal.api.enums.v1;
const TASK_QUEUE = 'test';
const QUERY_TIMEOUT_MS = 5_000;
/** The server's time passes this in a moment, or, when it does not leap any more, as slowly as ours. */
const LEAP_MS = 10_000;
const LEAP_TIMEOUT_MS = LEAP_MS / 2;
/** An activity that a test holds for ever must not hold those after it. */
const STOP_TIMEOUT_MS = 10_000;
/** Started by the global set-up of the workflow tests. */
export const bundlePath = join(process.cwd(), 'dist', 'workflow-bundle.js');

export interface RunningWorkers {
  shutdown(): Promise<void>;
}

/** Of the SDK; once a file, before it begins anything. */
export const logErrorsOnly = (): unknown =>
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) } },
  });

/** Workers for the main queue and for the three queues of each provider, all with the scripted activities. */
export async function startWorkers(
  env: Pick<TestWorkflowEnvironment, 'nativeConnection'> & { readonly namespace?: string },
  scripted: ScriptedActivities,
  { providerIds = ['cloud'], taskQueue = TASK_QUEUE }: { providerIds?: readonly string[]; taskQueue?: string } = {},
): Promise<RunningWorkers> {
  const { activities } = scripted;
  const common = { connection: env.nativeConnection, namespace: env.namespace ?? 'default', activities };
  const cloudQueues = providerIds.flatMap((id) => callClasses.map((each) => cloudTaskQueue(taskQueue, id, each)));
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue: mainTaskQueue(taskQueue), workflowBundle: { codePath: bundlePath } }),
    ...cloudQueues.map((queue) => Worker.create({ ...common, taskQueue: queue })),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));
  return {
    async shutdown() {
      for (const worker of workers) worker.shutdown();
      await running;
    },
  };
}

/** One server, its workers and its scripted activities, for one test file: time is one for all that runs on it. */
export class TimeSkipping {
  readonly scripted: ScriptedActivities;
  private readonly providerIds: readonly string[] | undefined;
  private server: TestWorkflowEnvironment;
  private workers: RunningWorkers;
  readonly taskQueue = TASK_QUEUE;
  private readonly handles: WorkflowHandle[] = [];
  private created = 0;
  private testBegunAt = performance.now();

  private constructor(
    server: TestWorkflowEnvironment,
    scripted: ScriptedActivities,
    { workers, providerIds }: { workers: RunningWorkers; providerIds: readonly string[] | undefined },
  ) {
    this.server = server;
    this.scripted = scripted;
    this.workers = workers;
    this.providerIds = providerIds;
  }

  get env(): TestWorkflowEnvironment {
    return this.server;
  }

  static async start(providerIds?: readonly string[]): Promise<TimeSkipping> {
    logErrorsOnly();
    const env = await timeSkippingEnvironment();
    const scripted = new ScriptedActivities();
    return new TimeSkipping(env, scripted, {
      workers: await startWorkers(env, scripted, { providerIds }),
      providerIds,
    });
  }

  /**
   * Ends what the test left running, so that it does not act in the next one's time.
   *
   * The server's clock leaps while no task is under way. It counts a task of a workflow that is terminated as under way
   * for ever (sdk-java 1.40, TestWorkflowMutableStateImpl: a terminated run refuses the task's answer before it lets
   * time go on): no test after it would ever see a minute pass. Such a server is replaced.
   */
  async reset(): Promise<void> {
    const ended = await Promise.allSettled(this.handles.splice(0).map((handle) => handle.terminate()));
    this.scripted.reset();
    if (ended.some(({ status }) => status === 'fulfilled') && !(await this.leaps())) await this.replaceServer();
    this.scripted.reset();
    this.testBegunAt = performance.now();
  }

  private async leaps(): Promise<boolean> {
    const decided = new AbortController();
    const leapt = this.env.sleep(LEAP_MS).then(
      () => true,
      () => false,
    );
    const late = delay(LEAP_TIMEOUT_MS, false, { signal: decided.signal }).catch(() => false);
    return await Promise.race([leapt, late]).finally(() => decided.abort());
  }

  private async replaceServer(): Promise<void> {
    const stopped = this.stop().catch(() => undefined);
    await Promise.race([stopped, delay(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    this.server = await timeSkippingEnvironment();
    this.workers = await startWorkers(this.server, this.scripted, { providerIds: this.providerIds });
  }

  async stop(): Promise<void> {
    await this.workers.shutdown();
    await this.env.teardown();
  }

  /** The server's clock, epoch ms. */
  now(): Promise<number> {
    return this.env.currentTimeMs();
  }

  /**
   * How far an instant may be from the one that is meant: the server's clock also runs by itself while a test goes on.
   */
  toleranceMs(): number {
    return 1_000 + performance.now() - this.testBegunAt;
  }

  pass(milliseconds: number): Promise<void> {
    return this.env.sleep(milliseconds);
  }

  /** Stops at this instant: what comes due a minute later has not begun, however long the steps before it took. */
  async passTo(instant: number): Promise<void> {
    await this.pass(instant - (await this.now()));
  }

  track<T extends WorkflowHandle>(handle: T): T {
    this.handles.push(handle);
    return handle;
  }

  async startWorkflow(type: string, workflowId: string, args: unknown[]): Promise<WorkflowHandle> {
    return this.track(await this.env.client.workflow.start(type, { workflowId, taskQueue: TASK_QUEUE, args }));
  }

  /** A life of a cloud worker, 30 minutes to register, unless `changes` say otherwise. */
  async startLifecycle(changes: Partial<LifecycleInput> = {}): Promise<TestLifecycle> {
    const input = { ...lifecycleInput(++this.created, await this.now()), ...changes };
    const handle = await this.env.client.workflow.start(workflowTypes.workerLifecycle, {
      ...lifecycleStart(input, 'test'),
      taskQueue: TASK_QUEUE,
    });
    return new TestLifecycle(this, this.track(handle), input);
  }
}

function lifecycleInput(number: number, now: number): LifecycleInput {
  return {
    workerPoolId: 'proj/pool',
    workerGroup: 'here',
    workerId: `w${process.pid}-${number}`,
    providerId: 'cloud',
    launchConfigId: 'lc-1',
    launchToken: 'token',
    capacity: 1,
    timing: { registrationMs: 30 * MINUTE_MS, reregistrationMs: 96 * HOUR_MS, queueInactivityMs: 2 * HOUR_MS },
    location: { account: 'account', region: 'here', group: null },
    registrationDeadline: now + 30 * MINUTE_MS,
    creationSteps: [],
    removalSteps: ['machine'],
  };
}

/** One lifecycle as the API and the scans speak to it. */
export class TestLifecycle {
  readonly input: LifecycleInput;
  readonly handle: WorkflowHandle;
  private readonly time: TimeSkipping;

  constructor(time: TimeSkipping, handle: WorkflowHandle, input: LifecycleInput) {
    this.time = time;
    this.handle = handle;
    this.input = input;
  }

  register(credentialsUsed = false, systemBootTime?: number): Promise<{ secretGeneration: number; expires: number }> {
    return this.handle.executeUpdate('register', { args: [{ credentialsUsed, systemBootTime }] });
  }

  reregister(secretGeneration: number): Promise<{ secretGeneration: number; expires: number }> {
    return this.handle.executeUpdate('reregister', { args: [{ secretGeneration }] });
  }

  remove(reason = 'by an operator', clientId?: string): Promise<void> {
    return this.handle.executeUpdate('remove', { args: [{ reason, ...(clientId !== undefined && { clientId }) }] });
  }

  async observed(
    state: string,
    more: { reason?: string; cause?: EndCause; resources?: Record<string, string>; removing?: boolean } = {},
  ): Promise<void> {
    await this.handle.signal('observed', { state, reason: null, at: await this.time.now(), ...more });
  }

  queueActivity(activity: Partial<QueueActivity>): Promise<void> {
    const nothing = { firstClaimAt: null, lastActiveAt: null, idle: false, quarantineUntil: null };
    return this.handle.signal('queueActivity', { ...nothing, ...activity });
  }

  /**
   * Asked again when there is no answer: the test server forgets a query that comes while a run works on its last task.
   */
  status(): Promise<LifecycleStatus> {
    const { connection } = this.time.env;
    const query = () =>
      connection.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => this.handle.query<LifecycleStatus>('status'));
    const unlessForgotten = (error: unknown) => {
      if (isGrpcDeadlineError(error)) return null;
      throw error;
    };
    return eventually(() => query().catch(unlessForgotten), { what: 'the answer to a query' });
  }

  /** Waits, without letting time pass, until the status is this. */
  until(what: Partial<LifecycleStatus>): Promise<LifecycleStatus> {
    return eventually(
      async () => {
        const status = await this.status();
        const same = Object.entries(what).every(([key, value]) => status[key as keyof LifecycleStatus] === value);
        return same && status;
      },
      { what: JSON.stringify(what) },
    );
  }

  /** The cloud has confirmed: the life may end. */
  async end(): Promise<void> {
    await this.observed('gone');
    await this.ended();
  }

  /** Not by the result: to wait for one lets time leap, ten years at worst. */
  async ended(): Promise<void> {
    await eventually(async () => (await this.handle.describe()).status.name === 'COMPLETED', { what: 'the end' });
  }

  /** What the Temporal UI calls the latest run's activities, where they have such a name. */
  async summaries(): Promise<string[]> {
    const { events } = await this.handle.fetchHistory();
    return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes, userMetadata }) =>
      activityTaskScheduledEventAttributes && userMetadata?.summary
        ? [defaultPayloadConverter.fromPayload<string>(userMetadata.summary)]
        : [],
    );
  }

  /** Types of the latest run's events, such as EVENT_TYPE_WORKFLOW_EXECUTION_STARTED. */
  async events(): Promise<string[]> {
    const { events } = await this.handle.fetchHistory();
    return (events ?? []).map(({ eventType }) => EventType[eventType ?? 0] ?? '');
  }
}
