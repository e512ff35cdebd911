import { HOUR_MS } from '../durations.js';
import { type CapacityByState, noCapacity } from '../estimator.js';
import type { PollEntry } from '../evidence.js';
import type { ArchivedCapacity, BootingMachines } from './evidence.js';
import type { OpenLaunchAt } from './launches-at.js';
import type { LaunchRecord, PollRecord, PoolRecords, ReconciliationRecord, WorkerEventRecord } from './records.js';

/** A machine that has not registered for longer is not reckoned with: its deadline is over. */
const MAX_BOOTING_MS = HOUR_MS;

/** What the last poll counted, and what has changed since. */
export function capacityAt(
  records: PoolRecords,
  poll: PollRecord | null,
  decision: ReconciliationRecord | null,
  at: number,
): CapacityByState {
  const { entry } = poll ?? {};
  if (!poll || !entry) return noCapacity;
  const isSince = (instant: number | null) => instant !== null && instant > poll.at && instant <= at;
  const counts = {
    requested: entry.requested,
    running: entry.running,
    stopping: entry.stopping,
  };
  for (const launch of records.launches) applyLaunch(counts, launch, records.workerEvents, isSince);
  for (const event of records.workerEvents) if (isSince(event.at)) applyEvent(counts, event);
  const requestedCapacity = Math.max(0, counts.requested);
  const runningCapacity = Math.max(0, counts.running);
  return {
    ...{ requestedCapacity, runningCapacity, stoppingCapacity: Math.max(0, counts.stopping) },
    quarantinedCapacity: entry.quarantined,
    inDoubtCapacity: entry.inDoubt,
    currentCapacity: Math.max(0, requestedCapacity + runningCapacity - archivedIn(decision)),
  };
}

interface Counts {
  requested: number;
  running: number;
  stopping: number;
}

/** A launch counts as requested until its machines have rows, or until it has failed. */
function applyLaunch(
  counts: Counts,
  { token, capacity, created, closed, failed }: LaunchRecord,
  events: readonly WorkerEventRecord[],
  isSince: (instant: number | null) => boolean,
): void {
  const recorded = events.find(({ event, launchToken }) => event === 'requested' && launchToken === token)?.at;
  if (isSince(created)) counts.requested += capacity;
  if (isSince(recorded ?? (failed ? closed : null))) counts.requested -= capacity;
}

function applyEvent(counts: Counts, { event, capacity, from }: WorkerEventRecord): void {
  const leave = () => {
    if (from === 'requested') counts.requested -= capacity;
    if (from === 'running') counts.running -= capacity;
    if (from === 'stopping') counts.stopping -= capacity;
  };
  switch (event) {
    case 'requested':
      counts.requested += capacity;
      break;
    case 'registered':
      if (from === 'running') break;
      counts.requested -= capacity;
      counts.running += capacity;
      break;
    case 'stopping':
      leave();
      counts.stopping += capacity;
      break;
    case 'stopped':
      leave();
      break;
    case 'refused':
    case 'advised':
    case 'spared':
      break;
  }
}

/** Of archived launch configs, at the last reconciliation. */
function archivedIn(decision: ReconciliationRecord | null): number {
  const { inputs } = decision?.evidence ?? {};
  if (!inputs) return 0;
  return Math.max(0, inputs.requestedCapacity + inputs.runningCapacity - inputs.currentCapacity);
}

export function archivedAt(
  { workerEvents }: PoolRecords,
  decision: ReconciliationRecord | null,
  activeIds: readonly string[],
  at: number,
): ArchivedCapacity {
  const stopping = stoppingAt(workerEvents, at).filter(
    ({ launchConfigId }) => launchConfigId !== null && !activeIds.includes(launchConfigId),
  );
  return {
    runningCapacity: archivedIn(decision),
    stoppingCapacity: stopping.reduce((sum, { capacity }) => sum + capacity, 0),
  };
}

/** Workers of which the last that is known is that they stop. */
function stoppingAt(events: readonly WorkerEventRecord[], at: number): WorkerEventRecord[] {
  const stopping = new Map<string, WorkerEventRecord>();
  for (const event of events) {
    if (event.at > at) break;
    if (event.event === 'stopping') stopping.set(event.key, event);
    if (event.event === 'stopped') stopping.delete(event.key);
  }
  return [...stopping.values()];
}

/** Machines that have rows and have not registered, by launch. Where no event tells, what a poll counted. */
export function bootingAt(
  { workerEvents, reconciliations }: PoolRecords,
  entry: PollEntry | null,
  openLaunches: readonly OpenLaunchAt[],
  at: number,
): BootingMachines[] {
  const requested = new Map<string, WorkerEventRecord>();
  for (const event of workerEvents) {
    if (event.at > at) break;
    if (event.event === 'requested' && event.at > at - MAX_BOOTING_MS) requested.set(event.key, event);
    else if (event.event === 'registered' || event.event === 'stopping' || event.event === 'stopped')
      requested.delete(event.key);
  }
  const byLaunch = Map.groupBy(requested.values(), ({ launchToken }) => launchToken ?? '');
  const groups = [...byLaunch].map(([token, events]) => ({
    requestedAt: Math.min(...events.map((event) => event.at)),
    machines: events.length,
    capacity: events.reduce((sum, { capacity }) => sum + capacity, 0),
    source: token === '' ? null : ({ kind: 'launch', id: token, at: events[0]!.at } as const),
  }));
  if (groups.length > 0 || entry === null) return groups.sort((a, b) => a.requestedAt - b.requestedAt);
  const open = openLaunches.filter(({ isOverdue }) => !isOverdue).reduce((sum, { capacity }) => sum + capacity, 0);
  const counted = entry.requested - open;
  const launch = reconciliations.findLast(
    ({ ended, evidence }) => ended <= at && evidence.launches.some(({ launched }) => launched > 0),
  );
  if (counted <= 0 || !launch) return [];
  return [{ requestedAt: launch.began, machines: counted, capacity: counted, source: null }];
}
