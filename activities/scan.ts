import { Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { lifecycleId } from '../domain/ids.js';
import { compareScan, type KnownWorker, type SeenMachine } from '../domain/observation.js';
import { logEvent } from '../observability/log-events.js';
import { seconds } from '../observability/worker-log.js';
import type { WorkerState } from '../domain/worker.js';
import { ProviderError } from '../providers/errors.js';
import type { MachineRef, Observation } from '../providers/provider.js';
import { beginScan, clearNotes, endScan, scanNotes, setNotes } from '../records/scans.js';
import { liveWorkerLocations, liveWorkersOfProvider } from '../records/workers.js';
import { lifecycleMessages, MACHINES_AWAITED, type Observed } from '../temporal/messages.js';
import type { ActivityDeps } from './deps.js';
import { toApplicationFailure } from './failures.js';
import { withHeartbeat } from './heartbeat.js';
import { inParallel } from './in-parallel.js';

export interface ScanActivities {
  /** Looks once. */
  observeProvider(providerId: string): Promise<ScanResult>;
  /** Looks once, and fails with `MACHINES_AWAITED` and the time to the next look while a lifecycle waits for one. */
  followProvider(providerId: string): Promise<ScanResult>;
}

/** Counts only. */
export interface ScanResult {
  readonly machines: number;
  readonly signalled: number;
  readonly unowned: number;
  /** Workers whose lifecycle waits for what a scan sees: of being removed, or of being built step by step. */
  readonly awaited: number;
}

/** Between two looks that follow: steps take seconds, and there are several of each machine. */
const STEPWISE_FOLLOW_MS = 2_000;
const BULK_FOLLOW_MS = 5_000;
const SIGNALS_AT_ONCE = 32;
/** Looks by id are the last proof before a machine counts as gone; so many in one scan, the rest in the next. */
const MOST_LOOKUPS = 50;

export function scanActivities({ records, providers, client, asks, log }: ActivityDeps): ScanActivities {
  const { db } = records;
  return {
    observeProvider: (providerId) => withHeartbeat(() => look(providerId)),

    async followProvider(providerId) {
      const result = await withHeartbeat(() => look(providerId));
      if (result.awaited === 0) return result;
      throw ApplicationFailure.create({
        message: `${result.awaited} lifecycles wait for the next look`,
        type: MACHINES_AWAITED,
        nextRetryDelay: isStepwise(providerId) ? STEPWISE_FOLLOW_MS : BULK_FOLLOW_MS,
        category: ApplicationFailureCategory.BENIGN,
      });
    },
  };

  function isStepwise(providerId: string): boolean {
    return providers.get(providerId)?.launching?.kind === 'stepwise';
  }

  async function look(providerId: string): Promise<ScanResult> {
    const machines = providers.get(providerId)?.machines;
    if (!machines) return { machines: 0, signalled: 0, unowned: 0, awaited: 0 };
    const locations = await liveWorkerLocations(db, providerId);
    if (locations.length === 0) return { machines: 0, signalled: 0, unowned: 0, awaited: 0 };

    const stepwise = isStepwise(providerId);
    const isAwaited = (state: WorkerState) => state === 'stopping' || (stepwise && state === 'requested');
    const begunAt = Date.now();
    const scan = await beginScan(db, providerId, begunAt);
    // The rows are read before the machines: one that is launched meanwhile is unowned for a moment, never missing.
    const workers = await liveWorkersOfProvider(db, providerId);
    const { seen, failure } = await listAll(machines.observe(locations));
    const complete = failure === null;
    const notes = await scanNotes(db, providerId);
    const nowMs = Date.now();
    const found = compareScan({ workers, machines: seen, notes, complete, begunAt, nowMs });
    const gone = await lookUp(found.missing.slice(0, MOST_LOOKUPS), workers, (machine) => machines.lookup(machine));
    const changes = [...found.changes, ...gone];
    await signalAll(client, log, changes, nowMs, (workerPoolId) => asks.hintLook(workerPoolId));
    await setNotes(db, providerId, found.notes);
    await clearNotes(db, found.clear);
    await endScan(db, scan, {
      ended: Date.now(),
      complete,
      machines: seen.length,
      signalled: changes.length,
      unowned: found.unowned.length,
    });
    const counts = { machines: seen.length, signalled: changes.length, unowned: found.unowned.length };
    logEvent(log, 'scan-seen', { providerId, complete, ...counts, seconds: seconds(Date.now() - begunAt) });
    if (found.unowned.length > 0) logEvent(log, 'machines-without-worker', { providerId, unowned: counts.unowned });
    if (failure) throw toApplicationFailure(failure);
    return { ...counts, awaited: workers.filter(({ state }) => isAwaited(state)).length };
  }
}

/** Providers with a cloud behind them. */
export const scannedProviders = (providers: ActivityDeps['providers']): string[] =>
  providers
    .list()
    .filter(({ machines }) => machines !== null)
    .map(({ providerId }) => providerId);

/** What was listed until the end, or until it failed: a part still shows which machines changed, never which are gone. */
async function listAll(pages: AsyncIterable<readonly Observation[]>) {
  const seen: SeenMachine[] = [];
  try {
    for await (const page of pages) seen.push(...page);
    return { seen, failure: null };
  } catch (error) {
    return { seen, failure: error };
  }
}

type Change = { readonly worker: KnownWorker; readonly machine: SeenMachine };

/** Looks by id at machines that two complete listings missed; gives those that the cloud no longer knows. */
async function lookUp(
  missing: readonly KnownWorker[],
  rows: readonly (KnownWorker & MachineRef)[],
  lookup: (machine: MachineRef) => Promise<Observation>,
): Promise<Change[]> {
  const gone: Change[] = [];
  for (const worker of missing) {
    const row = rows.find((each) => each.workerId === worker.workerId && each.workerGroup === worker.workerGroup);
    if (!row) continue;
    Context.current().heartbeat();
    try {
      const machine = await lookup(row);
      if (machine.state === 'gone') gone.push({ worker, machine });
    } catch (error) {
      // No verdict; the next scan asks again.
      if (!(error instanceof ProviderError)) throw error;
    }
  }
  return gone;
}

async function signalAll(
  client: Client,
  log: Logger,
  changes: readonly Change[],
  at: number,
  onMissingLifecycle: (workerPoolId: string) => void,
): Promise<void> {
  await inParallel(changes, SIGNALS_AT_ONCE, async ({ worker, machine }) => {
    const { state, reason, resources } = machine;
    const observed: Observed = { state, reason, at, ...(Object.keys(resources).length > 0 && { resources }) };
    try {
      await client.workflow.getHandle(lifecycleId(worker)).signal(lifecycleMessages.observed, observed);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      // Its launch is booked and its lifecycle not yet started; the pool's next pass starts it.
      const { workerPoolId, workerGroup, workerId } = worker;
      const workflowId = lifecycleId(worker);
      logEvent(log, 'lifecycle-not-started', { workerPoolId, workerGroup, workerId, workflowId });
      onMissingLifecycle(worker.workerPoolId);
    }
  });
}
