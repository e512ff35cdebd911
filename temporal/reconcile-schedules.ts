import {
  cronSchedule,
  deleteSchedule,
  demandSchedule,
  ensureSchedule,
  scanSchedule,
  type ScheduleContext,
  sweepSchedule,
  updateSchedule,
  workersSchedule,
} from './schedules.js';

const CALLS_AT_ONCE = 8;
const CALL_TIMEOUT_MS = 10_000;

export interface ScheduleFailure {
  readonly scheduleId: string;
  readonly failure: unknown;
}

/**
 * Makes the Schedules of this deployment match its pools and providers: at start-up and in every sweep. Creates what is
 * missing, updates in place what differs, deletes those of pools and providers that no longer exist. One that the
 * engine refuses keeps no other from being created: gives those that failed.
 *
 * Pools are read after the Schedules were listed: one that is created meanwhile is then known, and keeps its Schedule.
 */
export async function reconcileSchedules(
  context: ScheduleContext,
  wanted: { readonly workerPoolIds: () => Promise<readonly string[]>; readonly providerIds: readonly string[] },
): Promise<ScheduleFailure[]> {
  const existing = new Set<string>();
  for await (const { scheduleId, memo } of context.client.schedule.list()) {
    if (memo?.deploymentId === context.deploymentId) existing.add(scheduleId);
  }
  const workerPoolIds = await wanted.workerPoolIds();
  const schedules = [
    demandSchedule(context),
    workersSchedule(),
    sweepSchedule(context),
    ...wanted.providerIds.map((providerId) => scanSchedule(context, providerId)),
    ...workerPoolIds.map((workerPoolId) => cronSchedule(context, workerPoolId)),
  ];
  const wantedIds = new Set(schedules.map(({ scheduleId }) => scheduleId));
  const changes = [
    ...schedules.map((schedule) => ({
      scheduleId: schedule.scheduleId,
      make: () =>
        existing.has(schedule.scheduleId) ? updateSchedule(context, schedule) : ensureSchedule(context, schedule),
    })),
    ...[...existing]
      .filter((scheduleId) => !wantedIds.has(scheduleId))
      .map((scheduleId) => ({ scheduleId, make: () => deleteSchedule(context, scheduleId) })),
  ];
  return await createAll(context, changes);
}

async function createAll(
  { client }: ScheduleContext,
  changes: readonly { readonly scheduleId: string; readonly make: () => Promise<void> }[],
): Promise<ScheduleFailure[]> {
  const failed: ScheduleFailure[] = [];
  const next = changes.values();
  const lane = async () => {
    for (const { scheduleId, make } of next) {
      try {
        await client.withDeadline(Date.now() + CALL_TIMEOUT_MS, make);
      } catch (failure) {
        failed.push({ scheduleId, failure });
      }
    }
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, lane));
  return failed;
}
