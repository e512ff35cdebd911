import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type ScheduleOptions,
} from '@temporalio/client';
import { cronScheduleId, DEMAND_SCHEDULE_ID, scanScheduleId, SWEEP_SCHEDULE_ID, WORKERS_SCHEDULE_ID } from './ids.js';
import { mainTaskQueue, workflowTypes } from './names.js';
import type { PoolInput, ScanInput } from './messages.js';

/** What every Schedule of a deployment is built from. */
export interface ScheduleContext {
  readonly client: Client;
  readonly deploymentId: string;
  readonly taskQueuePrefix: string;
  readonly intervals: {
    readonly demandSeconds: number;
    readonly provisionSeconds: number;
    readonly scanSeconds: number;
    readonly sweepSeconds: number;
  };
}

/** No run of these lasts this long; one that does is stuck, and must not hold its Schedule up. */
const RUN_TIMEOUT = '10 minutes';

interface Recurring {
  readonly scheduleId: string;
  readonly workflowType: string;
  readonly args: readonly unknown[];
  readonly everySeconds: number;
  readonly jitterSeconds: number;
}

/**
 * Intervals of all Schedules begin at the same instants: pools, providers and the sweep would all begin work at once.
 */
const jitterOf = (everySeconds: number): number => Math.ceil(everySeconds / 4);

export const demandSchedule = ({ intervals }: ScheduleContext): Recurring => ({
  scheduleId: DEMAND_SCHEDULE_ID,
  workflowType: workflowTypes.watchDemand,
  args: [],
  everySeconds: intervals.demandSeconds,
  // There is one, and what is pending waits for it.
  jitterSeconds: 0,
});

/** The queue's own instants are half an hour coarse: more often would find nothing sooner. */
const WORKERS_INTERVAL_SECONDS = 60;

export const workersSchedule = (): Recurring => ({
  scheduleId: WORKERS_SCHEDULE_ID,
  workflowType: workflowTypes.watchWorkers,
  args: [],
  everySeconds: WORKERS_INTERVAL_SECONDS,
  jitterSeconds: jitterOf(WORKERS_INTERVAL_SECONDS),
});

export const cronSchedule = ({ intervals }: ScheduleContext, workerPoolId: string): Recurring => ({
  scheduleId: cronScheduleId(workerPoolId),
  workflowType: workflowTypes.poolCron,
  args: [{ workerPoolId } satisfies PoolInput],
  everySeconds: intervals.provisionSeconds,
  jitterSeconds: jitterOf(intervals.provisionSeconds),
});

export const scanSchedule = ({ intervals }: ScheduleContext, providerId: string): Recurring => ({
  scheduleId: scanScheduleId(providerId),
  workflowType: workflowTypes.scanProvider,
  args: [{ providerId, follow: false } satisfies ScanInput],
  everySeconds: intervals.scanSeconds,
  jitterSeconds: jitterOf(intervals.scanSeconds),
});

export const sweepSchedule = ({ intervals }: ScheduleContext): Recurring => ({
  scheduleId: SWEEP_SCHEDULE_ID,
  workflowType: workflowTypes.sweep,
  args: [],
  everySeconds: intervals.sweepSeconds,
  jitterSeconds: jitterOf(intervals.sweepSeconds),
});

/**
 * Makes the Schedule, or brings the existing one up to date in place: deleting it would drop what it has buffered, and
 * a pause that an operator set would be lost.
 */
export async function ensureSchedule(context: ScheduleContext, recurring: Recurring): Promise<void> {
  const options = optionsOf(context, recurring);
  try {
    await context.client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await updateWhenDifferent(context, recurring);
  }
}

/** Operators pause a pool's cron in the Temporal UI to hold it. */
export async function isPoolPaused(client: Client, workerPoolId: string, timeoutMs: number): Promise<boolean> {
  const schedule = client.schedule.getHandle(cronScheduleId(workerPoolId));
  try {
    return (await client.withDeadline(Date.now() + timeoutMs, () => schedule.describe())).state.paused;
  } catch (error) {
    // guard(missing-schedule-blocks-nothing): false
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}

export async function deleteSchedule({ client }: ScheduleContext, scheduleId: string): Promise<void> {
  try {
    await client.schedule.getHandle(scheduleId).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}

/** Brings a Schedule that was listed up to date; lists lag behind, and one that is gone is created again. */
export async function updateSchedule(context: ScheduleContext, recurring: Recurring): Promise<void> {
  try {
    await updateWhenDifferent(context, recurring);
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    await ensureSchedule(context, recurring);
  }
}

async function updateWhenDifferent(context: ScheduleContext, recurring: Recurring): Promise<void> {
  const handle = context.client.schedule.getHandle(recurring.scheduleId);
  const { spec, action: present } = await handle.describe();
  const everyMs = spec.intervals?.[0]?.every;
  const sameTimes = everyMs === recurring.everySeconds * 1000 && (spec.jitter ?? 0) === recurring.jitterSeconds * 1000;
  if (sameTimes && present.taskQueue === mainTaskQueue(context.taskQueuePrefix)) return;
  await handle.update(({ state }) => {
    const { spec: newSpec, action, policies } = optionsOf(context, recurring);
    return { spec: newSpec, action, policies, state };
  });
}

function optionsOf({ deploymentId, taskQueuePrefix }: ScheduleContext, recurring: Recurring) {
  const { scheduleId, workflowType, args, everySeconds, jitterSeconds } = recurring;
  return {
    scheduleId,
    spec: { intervals: [{ every: everySeconds * 1000 }], jitter: jitterSeconds * 1000 },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
    action: {
      type: 'startWorkflow',
      workflowType,
      // The engine adds the time: `cron/<pool>-<time>`.
      workflowId: scheduleId,
      args: [...args],
      taskQueue: mainTaskQueue(taskQueuePrefix),
      workflowExecutionTimeout: RUN_TIMEOUT,
    },
    memo: { deploymentId },
  } satisfies ScheduleOptions;
}
