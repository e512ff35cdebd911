import { EventEmitter } from 'node:events';
import { asyncLocalStorage, Context, type Info } from '@temporalio/activity';
import { ActivityCancellationDetails, CancelledFailure, type Logger, noopMetricMeter } from '@temporalio/common';
import { pino } from 'pino';
import type { ActivityDeps } from '../../activities/support/deps.js';
import { parseConfig } from '../../config/load.js';
import { providerTypes } from '../../providers/configured.js';

/** What the activities under test use of each of their dependencies. */
export interface DepsInUse {
  readonly database: Pick<ActivityDeps['database'], 'db'> &
    Partial<Pick<ActivityDeps['database'], 'deployment' | 'kind'>>;
  readonly providers?: Partial<ActivityDeps['providers']>;
  /** Only signals are sent, and schedules described. */
  readonly client?: {
    readonly workflow?: { getHandle(workflowId: string): object };
    readonly schedule?: { getHandle(scheduleId: string): object };
    withDeadline?<T>(deadline: number | Date, send: () => Promise<T>): Promise<T>;
  };
  readonly config?: ActivityDeps['config'];
  readonly log?: ActivityDeps['log'];
  readonly triggers?: Partial<ActivityDeps['triggers']>;
  readonly demand?: Partial<ActivityDeps['demand']>;
  readonly mail?: ActivityDeps['mail'];
  readonly metrics?: ActivityDeps['metrics'];
  readonly attempts?: ActivityDeps['attempts'];
}

const defaults = parseConfig('', 'the defaults', providerTypes);
const noLog = pino({ enabled: false });

/** With the default configuration and without a log; a dependency that is not given is not there. */
export const activityDeps = (inUse: DepsInUse): ActivityDeps =>
  ({
    config: defaults,
    log: noLog,
    mail: null,
    attempts: { write: () => {} },
    metrics: { onRegistered: () => {}, onBooted: () => {}, onStopping: () => {}, onStopped: () => {} },
    ...inUse,
  }) as unknown as ActivityDeps;

/** Time limits that no test reaches. */
const limits = { startToCloseTimeoutMs: 600_000, scheduleToCloseTimeoutMs: 600_000 };
const workflow = { workflowId: 'test', runId: '00000000-0000-0000-0000-000000000000' };
const nothing = (): void => {};
const silent: Logger = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * An activity's environment for a test that watches its heartbeats or cancels it: what the SDK's own
 * MockActivityEnvironment is, which would load the whole worker into each file of tests.
 */
export class ActivityEnvironment extends EventEmitter<{ heartbeat: [details: unknown] }> {
  readonly #context: Context;
  readonly #cancellation = new AbortController();
  readonly #details: ConstructorParameters<typeof Context>[7] = {};
  readonly #cancelled = Promise.withResolvers<never>();

  constructor(info: Partial<Info>) {
    super();
    const { promise } = this.#cancelled;
    promise.catch(nothing);
    this.#context = new Context(
      { ...defaultInfo(), ...info },
      promise,
      this.#cancellation.signal,
      (details) => void this.emit('heartbeat', details),
      undefined,
      silent,
      noopMetricMeter,
      this.#details,
    );
  }

  cancel(): void {
    this.#details.details = new ActivityCancellationDetails({ cancelRequested: true });
    const failure = new CancelledFailure('CANCELLED');
    this.#cancellation.abort(failure);
    this.#cancelled.reject(failure);
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    return asyncLocalStorage.run(this.#context, work);
  }
}

function defaultInfo(): Info {
  const now = Date.now();
  return {
    ...{ taskQueue: 'test', taskToken: Buffer.from('test'), base64TaskToken: Buffer.from('test').toString('base64') },
    ...{ activityId: 'test', activityType: 'unknown', activityRunId: undefined, isLocal: false, attempt: 1 },
    ...{ namespace: 'test', activityNamespace: 'default', workflowNamespace: 'default', inWorkflow: true },
    ...{ workflowType: 'test', workflowExecution: workflow, priority: undefined, retryPolicy: undefined },
    ...{ heartbeatTimeoutMs: undefined, heartbeatDetails: undefined },
    ...{ ...limits, scheduledTimestampMs: now, currentAttemptScheduledTimestampMs: now },
  };
}

export const activityEnvironment = (info: Partial<Info> = {}): ActivityEnvironment => new ActivityEnvironment(info);

/** Does it in the context of an activity of its own. */
export const asActivity = <T>(work: () => Promise<T>, environment = activityEnvironment()): Promise<T> =>
  environment.run(work);
