import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { WorkflowNotFoundError } from '@temporalio/client';
import { lifecycleId } from '../domain/ids.js';
import { compareScan, type KnownWorker, lookedUp, type Missing, type SeenMachine } from '../domain/observation.js';
import { logEvent } from '../observability/log-events.js';
import { seconds } from '../observability/worker-log.js';
import type { MachineLocation, WorkerState } from '../domain/worker.js';
import { ProviderError } from '../providers/errors.js';
import { PartialListing } from '../providers/partial-listing.js';
import type { Machines, Observation } from '../providers/provider.js';
import { beginScan, clearNotes, endScan, scanNotes, setNotes } from '../records/scans.js';
import { type LiveWorker, liveWorkerLocations, liveWorkersOfProvider } from '../records/workers.js';
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
const LOOKUPS_AT_ONCE = 8;
/** After this long no further one begins: other lifecycles wait for the next look. */
const LOOKUPS_LAST_MS = 4_000;

export function scanActivities({ records, providers, client, asks, log }: ActivityDeps): ScanActivities {
  const { db } = records;
  return {
    async observeProvider(providerId) {
      const { result, failure } = await withHeartbeat(() => look(providerId));
      if (failure) throw toApplicationFailure(failure);
      return result;
    },

    async followProvider(providerId) {
      const { result, failure } = await withHeartbeat(() => look(providerId));
      // A place that is refused for good keeps nobody in another one waiting.
      if (failure && !(failure instanceof PartialListing)) throw toApplicationFailure(failure);
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

  /** What a look found, even where it was not complete. */
  async function look(providerId: string): Promise<{ result: ScanResult; failure: unknown }> {
    const nothing = { result: { machines: 0, signalled: 0, unowned: 0, awaited: 0 }, failure: null };
    const machines = providers.get(providerId)?.machines;
    if (!machines) return nothing;
    const locations = await liveWorkerLocations(db, providerId);
    if (locations.length === 0) return nothing;

    const stepwise = isStepwise(providerId);
    const isAwaited = (state: WorkerState) => state === 'stopping' || (stepwise && state === 'requested');
    const begunAt = Date.now();
    const scan = await beginScan(db, providerId, begunAt);
    // The rows are read before the machines: one that is launched meanwhile is unowned for a moment, never missing, and
    // one that is stopping was so before the look began.
    const workers = await liveWorkersOfProvider(db, providerId);
    const { seen, failure } = await listAll(machines.observe(locations, workers));
    const complete = failure === null;
    const notes = await scanNotes(db, providerId);
    const nowMs = Date.now();
    const completeFor = completeness(locations, failure);
    const found = compareScan({ workers, machines: seen, notes, completeFor, stepwise, begunAt, nowMs });
    // Before the looks by id, which may wait for the cloud's limits.
    await signalAll(found.changes, nowMs);
    await setNotes(db, providerId, found.notes);
    await clearNotes(db, found.clear);
    const lookups = await lookUp(found.missing, machines);
    const over = lookups.flatMap(({ worker, machine }) => (machine && isOver(machine) ? [{ worker, machine }] : []));
    await signalAll(over, Date.now());
    await setNotes(
      db,
      providerId,
      lookups.map(({ note, machine }) => lookedUp(note, machine?.state === 'gone', Date.now())),
    );
    const counts = {
      machines: seen.length,
      signalled: found.changes.length + over.length,
      unowned: found.unowned.length,
    };
    await endScan(db, scan, { ended: Date.now(), complete, ...counts });
    logEvent(log, 'scan-seen', { providerId, complete, ...counts, seconds: seconds(Date.now() - begunAt) });
    if (found.unowned.length > 0) logEvent(log, 'machines-without-worker', { providerId, unowned: counts.unowned });
    return { result: { ...counts, awaited: workers.filter(({ state }) => isAwaited(state)).length }, failure };
  }

  async function signalAll(changes: readonly Change[], at: number): Promise<void> {
    await inParallel(changes, SIGNALS_AT_ONCE, async ({ worker, machine }) => {
      const { state, reason, resources } = machine;
      const removing = worker.state === 'stopping';
      const parts = Object.keys(resources).length > 0 && { resources, removing };
      const observed: Observed = { state, reason, at, ...parts };
      try {
        await client.workflow.getHandle(lifecycleId(worker)).signal(lifecycleMessages.observed, observed);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        // Its launch is booked and its lifecycle not yet started; the pool's next pass starts it.
        const { workerPoolId, workerGroup, workerId } = worker;
        const workflowId = lifecycleId(worker);
        logEvent(log, 'lifecycle-not-started', { workerPoolId, workerGroup, workerId, workflowId });
        asks.hintLook(worker.workerPoolId);
      }
    });
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

/** Whether the place where a worker's machine is was listed to the end. */
function completeness(locations: readonly MachineLocation[], failure: unknown): (worker: LiveWorker) => boolean {
  if (failure !== null && !(failure instanceof PartialListing)) return () => false;
  const complete = new Set(locations.map(placeOf));
  for (const location of failure?.failed ?? []) complete.delete(placeOf(location));
  return ({ location }) => complete.has(placeOf(location));
}

/** Parts of it may be left. */
const isOver = ({ state }: Observation): boolean => state !== 'pending' && state !== 'running';

const placeOf = ({ account, region, group }: MachineLocation): string => JSON.stringify([account, region, group]);

interface Change {
  readonly worker: KnownWorker;
  readonly machine: SeenMachine;
}

interface Lookup extends Missing<LiveWorker> {
  /** Null when the cloud gave no verdict; whoever has waited longest is asked for first, so the others get their turn. */
  readonly machine: Observation | null;
}

/** Looks by id at machines that listings missed. Those for which time or the cloud's patience does not last come later. */
async function lookUp(missing: readonly Missing<LiveWorker>[], machines: Machines): Promise<Lookup[]> {
  const done: Lookup[] = [];
  const until = Date.now() + LOOKUPS_LAST_MS;
  let throttled = false;
  await inParallel(missing.slice(0, MOST_LOOKUPS), LOOKUPS_AT_ONCE, async ({ worker, note }) => {
    if (throttled || Date.now() > until) return;
    try {
      done.push({ worker, note, machine: await machines.lookup(worker) });
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      throttled ||= error.code === 'Throttled';
      done.push({ worker, note, machine: null });
    }
  });
  return done;
}
