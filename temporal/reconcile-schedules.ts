import {
  cronSchedule,
  deleteSchedule,
  demandSchedule,
  ensureSchedule,
  scanSchedule,
  type ScheduleContext,
  sweepSchedule,
  workersSchedule,
} from './schedules.js';

/**
 * Makes the Schedules of this deployment match its pools and providers: at start-up and in every sweep. Creates what is
 * missing, updates in place what differs, deletes those of pools and providers that no longer exist.
 *
 * Pools are read after the Schedules were listed: one that is created meanwhile is then known, and keeps its Schedule.
 */
export async function reconcileSchedules(
  context: ScheduleContext,
  wanted: { readonly workerPoolIds: () => Promise<readonly string[]>; readonly providerIds: readonly string[] },
): Promise<void> {
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
  for (const schedule of schedules) {
    existing.delete(schedule.scheduleId);
    await ensureSchedule(context, schedule);
  }
  for (const scheduleId of existing) await deleteSchedule(context, scheduleId);
}
