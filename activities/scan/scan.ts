import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import {
  compareScan,
  afterRead,
  type Missing,
  type ScanComparison,
  type ScanNote,
  type SeenMachine,
} from '../../domain/observation.js';
import { workerKeyText } from '../../domain/ids.js';
import { logEvent } from '../../observability/log-events.js';
import { seconds } from '../support/worker-log.js';
import type { MachineLocation } from '../../domain/worker.js';
import { ProviderError } from '../../providers/errors.js';
import { PartialListing } from '../../providers/shared/partial-listing.js';
import type { Machines, Observation } from '../../providers/provider.js';
import { beginScan, clearNotes, endScan, scanNotes, setNotes } from '../../database/scans.js';
import {
  awaitedWorkersOfProvider,
  type LiveWorker,
  liveWorkersOfProvider,
  unfinishedLaunchLocations,
} from '../../database/workers.js';
import { MACHINES_AWAITED } from '../../temporal/messages.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { toApplicationFailure } from '../support/application-failures.js';
import { withHeartbeat } from '../support/heartbeat.js';
import { explainEnds } from './explain-ends.js';
import { observationSignals } from './observation-signals.js';
import { readSingly } from './single-reads.js';

export interface ScanActivities {
  /** Scans all workers' machines once. */
  observeProvider(providerId: string): Promise<ScanResult>;
  /**
   * Scans the machines of workers whose lifecycle waits for it, and fails with `MACHINES_AWAITED` and the time to the
   * next scan while there are any.
   */
  followProvider(providerId: string): Promise<ScanResult>;
}

/** Counts only. */
export interface ScanResult {
  readonly machines: number;
  readonly signalled: number;
  /** Lifecycles whose signal the engine refused: each is tried again after a while. */
  readonly refused: number;
  readonly unowned: number;
  /** Workers whose lifecycle waits for what a scan sees: of being removed, or of being built step by step. */
  readonly awaited: number;
}

const NOTHING: ScanResult = { machines: 0, signalled: 0, refused: 0, unowned: 0, awaited: 0 };

/** Between two scans that follow: steps take seconds, and there are several of each machine. */
const STEPWISE_FOLLOW_MS = 2_000;
const BULK_FOLLOW_MS = 5_000;

type Scanned = { readonly result: ScanResult; readonly failure: unknown };

export function scanActivities(deps: ActivityDeps): ScanActivities {
  const scans = new Scans(deps);
  return {
    async observeProvider(providerId) {
      const { result, failure } = await withHeartbeat(() => scans.all(providerId));
      if (failure) throw toApplicationFailure(failure);
      return result;
    },

    async followProvider(providerId) {
      const { result, failure } = await withHeartbeat(() => scans.follow(providerId));
      // A place that is refused for good keeps nobody in another one waiting.
      if (failure && !(failure instanceof PartialListing)) throw toApplicationFailure(failure);
      if (result.awaited === 0) return result;
      throw ApplicationFailure.create({
        message: `${result.awaited} lifecycles wait for the next scan`,
        type: MACHINES_AWAITED,
        nextRetryDelay: scans.isStepwise(providerId) ? STEPWISE_FOLLOW_MS : BULK_FOLLOW_MS,
        category: ApplicationFailureCategory.BENIGN,
      });
    },
  };
}

class Scans {
  private readonly deps: ActivityDeps;
  private readonly signals: ReturnType<typeof observationSignals>;

  constructor(deps: ActivityDeps) {
    this.deps = deps;
    this.signals = observationSignals(deps);
  }

  private get db() {
    return this.deps.database.db;
  }

  isStepwise(providerId: string): boolean {
    return this.deps.providers.get(providerId)?.launching?.kind === 'stepwise';
  }

  /** In these a lifecycle waits for what a scan sees. */
  private awaitedStates(providerId: string): readonly ('requested' | 'stopping')[] {
    return this.isStepwise(providerId) ? ['requested', 'stopping'] : ['stopping'];
  }

  /** What a scan of all workers found, even where it was not complete. */
  async all(providerId: string): Promise<Scanned> {
    const machines = this.deps.providers.get(providerId)?.machines;
    if (!machines) return { result: NOTHING, failure: null };
    const begunAt = engineNow();
    // Launches before workers: one that is finished in between has its workers' rows. Rows before machines: one that is
    // launched meanwhile is unowned for a moment, never missing.
    const launchLocations = await unfinishedLaunchLocations(this.db, providerId);
    const workers = await liveWorkersOfProvider(this.db, providerId);
    const locations = distinct([...launchLocations, ...workers.map(({ location }) => location)]);
    if (locations.length === 0) return { result: NOTHING, failure: null };
    const scan = await beginScan(this.db, providerId, begunAt);
    const { found, counts, failure } = await this.observe(providerId, machines, { locations, workers, begunAt });
    const unowned = found.unowned.length;
    const complete = failure === null;
    const { machines: seen, signalled } = counts;
    await endScan(this.db, scan, { ended: engineNow(), complete, machines: seen, signalled, unowned });
    this.logScan(providerId, { complete, ...counts, unowned }, begunAt);
    if (unowned > 0) logEvent(this.deps.log, 'machines-without-worker', { providerId, unowned });
    const awaited = workers.filter(({ state }) => this.awaitedStates(providerId).some((one) => one === state)).length;
    return { result: { ...counts, unowned, awaited }, failure };
  }

  /** Reads only the workers that wait, and lists only where they are: its cost does not grow with the fleet. */
  async follow(providerId: string): Promise<Scanned> {
    const machines = this.deps.providers.get(providerId)?.machines;
    if (!machines) return { result: NOTHING, failure: null };
    const begunAt = engineNow();
    const workers = await awaitedWorkersOfProvider(this.db, providerId, this.awaitedStates(providerId));
    if (workers.length === 0) return { result: NOTHING, failure: null };
    const locations = distinct(workers.map(({ location }) => location));
    const { counts, failure } = await this.observe(providerId, machines, { locations, workers, begunAt });
    this.logScan(providerId, { complete: failure === null, ...counts, unowned: 0 }, begunAt);
    return { result: { ...counts, unowned: 0, awaited: workers.length }, failure };
  }

  private logScan(providerId: string, counts: Omit<ScanResult, 'awaited'> & { complete: boolean }, begunAt: number) {
    logEvent(this.deps.log, 'scan-completed', { providerId, ...counts, seconds: seconds(engineNow() - begunAt) });
  }

  /** Compares these workers with their cloud and signals the lifecycles whose machine changed. */
  private async observe(providerId: string, machines: Machines, scan: Rows) {
    const { workers, locations, begunAt } = scan;
    const { seen, failure } = await listAll(machines.observe(locations, workers));
    const found: ScanComparison<LiveWorker> = compareScan({
      workers,
      machines: seen,
      notes: await scanNotes(this.db, providerId),
      completeFor: completeness(locations, failure),
      stepwise: this.isStepwise(providerId),
      begunAt,
      nowMs: engineNow(),
    });
    // Before the reads by id, which may wait for the cloud's limits.
    const noteOf = new Map(found.notes.map((note) => [workerKeyText(note), note]));
    const changes = found.changes.map((change) => ({ ...change, next: noteOf.get(workerKeyText(change.worker))! }));
    let unexpected: unknown = null;
    // Whatever fails as no cloud does keeps no lifecycle from its signal; the scan fails in the end.
    const noteUnexpected = (error: unknown) => {
      if (!(error instanceof ProviderError)) unexpected ??= error;
    };
    const sent = await this.signals.send(await explainEnds(machines, changes, noteUnexpected), machines);
    const isChange = new Set(found.changes.map(({ worker }) => workerKeyText(worker)));
    const absent = found.notes.filter((note) => !isChange.has(workerKeyText(note)));
    await setNotes(this.db, providerId, [...absent, ...sent.notes]);
    await clearNotes(this.db, found.clear);
    const reads = await readById(found.missing, machines, noteUnexpected);
    const over = reads.flatMap(({ worker, note, next, machine }) =>
      machine && isOver(machine) ? [{ worker, note, next, machine }] : [],
    );
    const sentOver = await this.signals.send(await explainEnds(machines, over, noteUnexpected), machines);
    const notOver = reads.flatMap(({ next, machine }) => (machine && isOver(machine) ? [] : [next]));
    await setNotes(this.db, providerId, [...notOver, ...sentOver.notes]);
    const counts = {
      machines: seen.length,
      signalled: sent.delivered + sentOver.delivered,
      refused: sent.refused + sentOver.refused,
    };
    return { found, counts, failure: failure ?? unexpected };
  }
}

interface Rows {
  readonly workers: readonly LiveWorker[];
  readonly locations: readonly MachineLocation[];
  readonly begunAt: number;
}

/** Providers with a cloud behind them. */
export const scannedProviders = (providers: ActivityDeps['providers']): string[] =>
  providers
    .list()
    .filter(({ machines }) => machines !== null)
    .map(({ providerId }) => providerId);

/**
 * What was listed until the end, or until it failed: a part still shows which machines changed, never which are gone.
 */
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
  const complete = new Set(locations.map(locationKey));
  for (const location of failure?.failed ?? []) complete.delete(locationKey(location));
  return ({ location }) => complete.has(locationKey(location));
}

/** Parts of it may be left. */
const isOver = ({ state }: Observation): boolean => state !== 'pending' && state !== 'running';

const locationKey = ({ account, region, group }: MachineLocation): string => JSON.stringify([account, region, group]);

function distinct(locations: readonly MachineLocation[]): MachineLocation[] {
  return [...new Map(locations.map((location) => [locationKey(location), location])).values()];
}

interface ReadById extends Missing<LiveWorker> {
  /** Null when the cloud gave no verdict; whoever has waited longest is read first, so the others get their turn. */
  readonly machine: Observation | null;
  readonly next: ScanNote;
}

/**
 * Reads machines that listings missed by id, the last proof before one counts as gone. Those for which time or the
 * cloud's patience does not last come later.
 */
async function readById(
  missing: readonly Missing<LiveWorker>[],
  machines: Machines,
  onFailure: (error: unknown) => void,
): Promise<ReadById[]> {
  const done: ReadById[] = [];
  let throttled = false;
  const add = (found: Missing<LiveWorker>, machine: Observation | null) =>
    done.push({ ...found, machine, next: afterRead(found.note, machine?.state === 'gone', engineNow()) });
  await readSingly(missing, async (found) => {
    if (throttled) return;
    try {
      add(found, await machines.get(found.worker));
    } catch (error) {
      onFailure(error);
      throttled ||= error instanceof ProviderError && error.code === 'Throttled';
      add(found, null);
    }
  });
  return done;
}
