import { ApplicationFailure, isCancellation, proxyActivities, setWorkflowOptions } from '@temporalio/workflow';
import type { OrphanActivities } from '../activities/orphans/sweep-orphans.js';
import type { SweepActivities } from '../activities/sweep.js';
import type { WedgedActivities } from '../activities/worker/wedged-lifecycles.js';
import type { OrphanSweepRequest, OrphanSweepResult } from '../temporal/messages.js';

const common = {
  heartbeatTimeout: '15 seconds',
  retry: { maximumAttempts: 3, initialInterval: '2 seconds', maximumInterval: '10 seconds' },
} as const;
const duties = proxyActivities<SweepActivities>({
  ...common,
  startToCloseTimeout: '5 minutes',
  scheduleToCloseTimeout: '8 minutes',
});
const { sweepOrphans, replaceWedgedLifecycles } = proxyActivities<OrphanActivities & WedgedActivities>({
  ...common,
  startToCloseTimeout: '5 minutes',
  scheduleToCloseTimeout: '8 minutes',
});
/** They follow one another: together they must end before the Schedule's limit of 10 minutes. */
const inSequence = proxyActivities<SweepActivities>({
  ...common,
  startToCloseTimeout: '3 minutes',
  scheduleToCloseTimeout: '4 minutes',
});

/** The Schedule's run. */
const SCHEDULED: OrphanSweepRequest = { isDryRun: false, confirmed: null, clientId: null };

/**
 * Keeps lifecycles, Schedules, clouds and the database in order. A duty that fails makes the run red, and keeps no
 * other. With a request it sweeps orphans alone, as an operator wants it.
 */
export async function sweep(request?: OrphanSweepRequest): Promise<OrphanSweepResult | undefined> {
  if (request) return await sweepOrphans(request);
  await doAll();
  return undefined;
}

async function doAll(): Promise<void> {
  // A machine without an owner is the worst of these. One that has lost its lifecycle is owned when it has a new one.
  const starts = duties.startMissingLifecycles();
  const deletes = [inSequence.expireRows(), inSequence.removeDeletedPools()];
  const results = await Promise.allSettled([
    starts,
    sweepOrphans(SCHEDULED),
    replaceWedgedLifecycles(),
    duties.reconcileSchedules(),
    duties.mailErrors(),
    ...deletes,
    // They leave the space.
    Promise.allSettled(deletes).then(() => inSequence.vacuumDatabase()),
  ]);
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
  const cancelled = failures.find(isCancellation);
  if (cancelled) throw cancelled;
  if (failures.length === 0) return;
  const messages = failures.map(({ message, cause }) => (cause instanceof Error ? cause.message : message));
  throw ApplicationFailure.create({ message: messages.join('; '), cause: failures[0] });
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, sweep);
