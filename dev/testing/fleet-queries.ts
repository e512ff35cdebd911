import { NULL_PROVIDER } from '../../domain/ids.js';
import { listAllAudit, listAudit, recordAudit } from '../../database/audit.js';
import { launchConfigStats, poolCounters } from '../../database/counts.js';
import { listDecisions, recordDecision } from '../../database/decisions.js';
import { recordPoll } from '../../database/demand-polls.js';
import { recordReadings } from '../../database/demand-readings.js';
import { errorStats } from '../../database/error-stats.js';
import { poolsWithUnmailedErrors } from '../../database/error-mails.js';
import { listErrors } from '../../database/errors.js';
import { poolRecords } from '../../database/explain-records.js';
import { workerEvidence } from '../../database/explain-worker-records.js';
import { runningCandidates, runningMachines } from '../../database/forced-removal.js';
import { revisedDefinitions } from '../../database/pool-revisions.js';
import { backedOffPools, errorsOfLastHour, poolOverviews } from '../../database/overview.js';
import { allPoolsCapacity, poolCapacity, poolSnapshot } from '../../database/pool-snapshot.js';
import { callsOfLaunch, deletionCalls, eventsOfWorker, launchConfigHistory } from '../../database/histories.js';
import { listHolds } from '../../database/holds.js';
import { listLaunchConfigs } from '../../database/launch-configs.js';
import { failLaunch } from '../../database/launch-failures.js';
import { workersOfLaunch } from '../../database/launches.js';
import { recordedMetrics } from '../../database/metric-facts.js';
import {
  knownLaunches,
  latestSweeps,
  launchLocations,
  listOrphans,
  orphansFirstSeen,
  recordOrphans,
  rowsOfLaunches,
  workersWithoutRow,
} from '../../database/orphans.js';
import { deleteEvents, oldestEvents, outboxHorizon, outboxState } from '../../database/outbox.js';
import { allPools, getPool, listPoolIds, listPoolProviders, listPools } from '../../database/pools.js';
import { bucketStore } from '../../database/rate-limits.js';
import { registrationSnapshot } from '../../database/registration.js';
import { readLimitsUsage, writeIntents } from '../../database/reservations.js';
import { expireRows, removeArchivedLaunchConfigs, removeDeletedPools } from '../../database/retention.js';
import { recordRefusal } from '../../database/worker-events.js';
import { poolsWithRunningWorkers, runningWorkers } from '../../database/running-workers.js';
import { beginScan, clearNotes, endScan, lastChecked, lastScan, scanNotes, setNotes } from '../../database/scans.js';
import type { Db } from '../../database/client/schema.js';
import { advisedWorkers, groupCapacities, poolFigures } from '../../database/taskcluster-figures.js';
import { setShouldTerminate, terminationCandidates } from '../../database/termination-advice.js';
import {
  awaitedWorkersOfProvider,
  getWorkers,
  listWorkers,
  liveWorkerKeys,
  liveWorkersByProvider,
  liveWorkersOfProvider,
  unfinishedLaunchLocations,
} from '../../database/workers.js';
import { launchConfigName, poolName, PROVIDER } from './fleet-rows.js';
import { spansOver } from '../../domain/charts.js';
import { ALL_POOLS } from '../../domain/demand-history.js';
import { DAY_MS, HOUR_MS } from '../../domain/durations.js';
import { callOccurrences, demandLines, errorOccurrences, registrationLines } from '../../database/charts.js';
import { waitLines } from '../../database/queue-waits.js';
import { KEPT_SPAN_MS, keptDemand, polledDemand } from '../../database/demand-history.js';
import { callPauses, usageOfCalls, usageOfLimits } from '../../database/usage.js';

/** Whatever reads the database again and again, or at a person's request for more than a row. */
export interface FleetQuery {
  /** The function of database/. */
  readonly name: string;
  /** Which form of it. */
  readonly form?: string;
  /** As much of a table it may read: the share that it asks about of all that has happened. */
  readonly share?: number;
  /** It counts all that is kept, once for all who ask within moments: its time is limited, not what it reads. */
  readonly countsAll?: true;
  readonly run: (db: Db, nowMs: number) => Promise<unknown>;
}

/** Its workers are live-2 (requested), live-402 (stopping), live-802 …; it has an open and a fulfilled launch. */
export const MEASURED_POOL = poolName(3);
const pool = MEASURED_POOL;
const launchConfigId = launchConfigName(3);
const worker = { workerPoolId: pool, workerGroup: 'us-west-2', workerId: 'live-2' };
const page = { limit: 1_000, after: null };
const ofPool = { workerPoolId: pool, providerId: PROVIDER };
const location = { account: null, region: 'us-west-2', group: null };
const TABLES_THAT_EXPIRE = 21;
/** That are delivered at once. */
const MESSAGES = 200;
const retention = { stoppedWorkersDays: 7, errorsDays: 7, decisionsDays: 30, evidenceDays: 8 };

const poolError = {
  ...{ workerPoolId: pool, launchConfigId, kind: 'creation-error', title: 'No capacity', description: 'none' },
  extra: { code: 'InsufficientInstanceCapacity' },
};

export const decision = {
  inputs: {
    providerId: PROVIDER,
    pendingTasks: 1,
    claimedTasks: 1,
    minCapacity: 0,
    maxCapacity: 1,
    scalingRatio: 1,
  } as never,
  estimate: null,
  limitedBy: [],
  launches: [],
  passedOver: [],
  terminations: 0,
};

const timers: FleetQuery[] = [
  { name: 'allPoolsCapacity', run: (db, nowMs) => allPoolsCapacity(db, { nowMs, providerIds: [PROVIDER] }) },
  { name: 'poolCapacity', run: (db, nowMs) => poolCapacity(db, pool, { nowMs, providerIds: [PROVIDER] }) },
  { name: 'poolsWithRunningWorkers', run: poolsWithRunningWorkers },
  { name: 'runningWorkers', run: (db) => runningWorkers(db, pool) },
  {
    name: 'recordReadings',
    run: (db, nowMs) =>
      recordReadings(
        db,
        Array.from({ length: 400 }, (_, n) => ({
          workerPoolId: poolName(n + 1),
          pendingTasks: 1,
          claimedTasks: 1,
          wantedMachines: 1,
        })),
        nowMs,
      ),
  },
  {
    name: 'recordPoll',
    run: (db) =>
      recordPoll(db, {
        ...{ process: 'p', durationMs: 100, intervalMs: 10_000, fullId: 1, pools: {}, errors: [] },
        providers: { [PROVIDER]: { state: 'failed', message: 'no credentials' } },
      }),
  },
  {
    name: 'lower',
    run: (db) =>
      bucketStore(db).lower('aws/us-west-2/create', { burst: 5, perSecond: 1 }, { left: 1, pauseMs: 20_000 }),
  },
  { name: 'recordedMetrics', run: recordedMetrics },
  { name: 'groupCapacities', run: groupCapacities },
  { name: 'poolFigures', run: poolFigures },
  { name: 'advisedWorkers', run: advisedWorkers },
  { name: 'lastChecked', run: (db) => lastChecked(db, [PROVIDER]) },
  { name: 'liveWorkersByProvider', run: liveWorkersByProvider },
  { name: 'outboxState', run: outboxState },
  { name: 'outboxHorizon', run: outboxHorizon },
  { name: 'oldestEvents', run: (db) => oldestEvents(db, Number.MAX_SAFE_INTEGER, MESSAGES) },
  {
    name: 'deleteEvents',
    run: (db) =>
      deleteEvents(
        db,
        Array.from({ length: MESSAGES }, (_, n) => n + 1),
      ),
  },
];

const reconciliation: FleetQuery[] = [
  { name: 'runningCandidates', run: (db, nowMs) => runningCandidates(db, pool, nowMs) },
  { name: 'runningMachines', run: (db) => runningMachines(db, pool) },
  { name: 'poolSnapshot', run: (db, nowMs) => poolSnapshot(db, pool, nowMs) },
  { name: 'terminationCandidates', run: (db, nowMs) => terminationCandidates(db, pool, nowMs) },
  {
    name: 'setShouldTerminate',
    run: (db, nowMs) =>
      setShouldTerminate(
        db,
        pool,
        Array.from({ length: 200 }, (_, n) => ({
          workerGroup: 'us-west-2',
          workerId: `live-${n * 400 + 2}`,
          terminate: true,
          reason: 'over-capacity' as never,
        })),
        nowMs,
      ),
  },
  { name: 'readLimitsUsage', run: (db, nowMs) => readLimitsUsage(db, { ...ofPool, tokenPrefix: 'none' }, nowMs) },
  {
    name: 'writeIntents',
    run: (db, nowMs) => {
      const intent = { token: 'new', launchConfigId, launchConfigRevision: 1, capacityPerMachine: 1, count: 1 };
      return writeIntents(db, { ...ofPool, version: 0 }, [{ ...intent, location, request: {} }], nowMs);
    },
  },
  {
    name: 'recordDecision',
    run: (db, nowMs) => {
      const basis = { wantedCapacity: 0, roomCapacity: 0, advisedCapacity: null, evaluateAgainAt: null };
      const { inputs, launches, limitedBy, estimate } = decision;
      const evidence = { inputs, launches, limitedBy, estimate, basis, rounds: [], failure: null, terminations: {} };
      const reconciliation = {
        ...{ reconciliationId: 'new', process: 'p', durationMs: 1_000, triggeredBy: ['poll'] as const },
        evidence: { ...evidence, estimator: 'corrected', demandError: null, blocks: [] } as const,
      };
      return recordDecision(db, pool, decision, { basis, fingerprint: 'new', nowMs, reconciliation });
    },
  },
  {
    name: 'failLaunch',
    run: (db, nowMs) =>
      failLaunch(db, 'open-3', {
        failureClass: 'capacity',
        ...{ durationMs: () => 10_000, nowMs, failure: 'no capacity', errors: [poolError] },
        proof: { attempts: 1, by: 'settled' },
      }),
  },
  { name: 'recordRefusal', run: (db) => recordRefusal(db, worker, 'wrong account') },
  { name: 'workersOfLaunch', run: (db) => workersOfLaunch(db, 'live-1') },
  { name: 'registrationSnapshot', run: (db) => registrationSnapshot(db, worker, PROVIDER) },
];

const scans: FleetQuery[] = [
  { name: 'liveWorkersOfProvider', run: (db) => liveWorkersOfProvider(db, PROVIDER) },
  { name: 'awaitedWorkersOfProvider', form: 'bulk', run: (db) => awaitedWorkersOfProvider(db, PROVIDER, ['stopping']) },
  {
    name: 'awaitedWorkersOfProvider',
    form: 'step by step',
    run: (db) => awaitedWorkersOfProvider(db, PROVIDER, ['requested', 'stopping']),
  },
  { name: 'unfinishedLaunchLocations', run: (db) => unfinishedLaunchLocations(db, PROVIDER) },
  { name: 'scanNotes', run: (db) => scanNotes(db, PROVIDER) },
  {
    name: 'setNotes',
    run: (db, nowMs) => {
      const note = { ...worker, noted: 'missing' as const, since: nowMs, signalledAt: null };
      return setNotes(db, PROVIDER, [{ ...note, nextSignalAt: null, signalFailures: 0 }]);
    },
  },
  { name: 'clearNotes', run: (db) => clearNotes(db, [worker]) },
  { name: 'lastScan', run: (db) => lastScan(db, PROVIDER) },
  { name: 'beginScan', run: (db, nowMs) => beginScan(db, PROVIDER, nowMs) },
  {
    name: 'endScan',
    run: (db, nowMs) => endScan(db, 1, { ended: nowMs, complete: true, machines: 0, signalled: 0, unowned: 0 }),
  },
];

const sweep: FleetQuery[] = [
  { name: 'poolsWithUnmailedErrors', run: poolsWithUnmailedErrors },
  { name: 'liveWorkerKeys', run: liveWorkerKeys },
  { name: 'expireRows', form: 'nothing expired', run: (db, nowMs) => expireRows(db, retention, nowMs) },
  {
    name: 'expireRows',
    form: 'two hours expired',
    run: (db, nowMs) => expireRows(db, retention, nowMs + 0.2 * DAY_MS),
  },
  {
    name: 'expireRows',
    form: 'half of it expired, a batch of each table',
    run: (db, nowMs) => {
      let batches = 0;
      return expireRows(db, retention, nowMs + 3.5 * DAY_MS, () => (batches += 1) > TABLES_THAT_EXPIRE);
    },
  },
  { name: 'launchLocations', run: (db) => launchLocations(db, PROVIDER) },
  { name: 'knownLaunches', run: (db) => knownLaunches(db, ['live-1', 'live-2', 'unknown']) },
  { name: 'rowsOfLaunches', run: (db) => rowsOfLaunches(db, ['live-1', 'live-2', 'unknown']) },
  { name: 'workersWithoutRow', run: async (db) => workersWithoutRow(db, await liveWorkerKeys(db)) },
  { name: 'orphansFirstSeen', run: orphansFirstSeen },
  {
    name: 'recordOrphans',
    run: (db, nowMs) => recordOrphans(db, { orphans: [], complete: [PROVIDER], begunAt: nowMs }),
  },
  { name: 'listOrphans', run: listOrphans },
  { name: 'latestSweeps', run: (db) => latestSweeps(db, 20) },
  { name: 'removeArchivedLaunchConfigs', run: removeArchivedLaunchConfigs },
  { name: 'removeDeletedPools', form: 'none', run: (db) => removeDeletedPools(db) },
  {
    name: 'removeDeletedPools',
    form: 'one with all its history',
    run: async (db) => {
      await db.deleteFrom('workers').where('workerPoolId', '=', pool).where('state', '<>', 'stopped').execute();
      const unfinished = db
        .updateTable('launches')
        .where('workerPoolId', '=', pool)
        .where('status', 'in', ['open', 'fulfilled']);
      await unfinished.set({ status: 'done' }).execute();
      await db.updateTable('workerPools').set({ providerId: NULL_PROVIDER }).where('workerPoolId', '=', pool).execute();
      return removeDeletedPools(db);
    },
  },
];

const dayBefore = (nowMs: number) => spansOver({ from: nowMs - DAY_MS, to: nowMs }, KEPT_SPAN_MS);
/** Of the 6.9 days on record, with what spans are rounded up to. */
const SHARE_OF_A_DAY = 0.16;
const twoHoursBefore = (nowMs: number) => spansOver({ from: nowMs - 2 * HOUR_MS, to: nowMs });

/** Of one pool, and of all. */
const charts: FleetQuery[] = [pool, ALL_POOLS].flatMap((subject) => {
  const form = subject === pool ? 'one pool' : 'all pools';
  const queries = [
    { name: 'keptDemand', form, run: (db, nowMs) => keptDemand(db, subject, dayBefore(nowMs)) },
    { name: 'polledDemand', form, run: (db, nowMs) => polledDemand(db, subject, twoHoursBefore(nowMs)) },
    { name: 'demandLines', form, run: (db, nowMs) => demandLines(db, subject, dayBefore(nowMs)) },
    { name: 'waitLines', form, run: (db, nowMs) => waitLines(db, subject, dayBefore(nowMs)) },
    { name: 'registrationLines', form, run: (db, nowMs) => registrationLines(db, subject, dayBefore(nowMs)) },
    { name: 'errorOccurrences', form, run: (db, nowMs) => errorOccurrences(db, subject, dayBefore(nowMs)) },
    { name: 'callOccurrences', form, run: (db, nowMs) => callOccurrences(db, subject, dayBefore(nowMs)) },
  ] satisfies FleetQuery[];
  return subject === pool ? queries : queries.map((query) => ({ ...query, share: SHARE_OF_A_DAY }));
});

const api: FleetQuery[] = [
  { name: 'poolCounters', form: 'all', run: (db) => poolCounters(db, 'all') },
  { name: 'poolCounters', form: 'one pool', run: (db) => poolCounters(db, [pool]) },
  { name: 'launchConfigStats', run: (db) => launchConfigStats(db, pool) },
  { name: 'poolOverviews', form: 'all', run: (db) => poolOverviews(db, 2_000, null) },
  { name: 'poolOverviews', form: 'one pool', run: (db) => poolOverviews(db, 1, pool) },
  { name: 'errorsOfLastHour', run: errorsOfLastHour },
  { name: 'backedOffPools', run: backedOffPools },
  { name: 'poolRecords', run: (db, nowMs) => poolRecords(db, pool, { from: nowMs, to: nowMs }, 'corrected') },
  { name: 'workerEvidence', run: (db, nowMs) => workerEvidence(db, worker, nowMs) },
  ...charts,
  { name: 'usageOfLimits', run: usageOfLimits },
  { name: 'usageOfCalls', run: (db, nowMs) => usageOfCalls(db, nowMs - 3_600_000) },
  { name: 'callPauses', run: callPauses },
  { name: 'launchConfigHistory', run: (db) => launchConfigHistory(db, pool, launchConfigId) },
  { name: 'eventsOfWorker', run: (db) => eventsOfWorker(db, worker) },
  { name: 'callsOfLaunch', run: (db) => callsOfLaunch(db, 'no launch') },
  { name: 'deletionCalls', run: (db, nowMs) => deletionCalls(db, worker.workerId, nowMs - 60_000, nowMs) },
  { name: 'listDecisions', run: (db) => listDecisions(db, pool, page) },
  { name: 'listErrors', run: (db) => listErrors(db, pool, {}, page) },
  { name: 'listErrors', form: 'a launch config', run: (db) => listErrors(db, pool, { launchConfigId }, page) },
  { name: 'errorStats', run: (db, nowMs) => errorStats(db, pool, nowMs) },
  { name: 'errorStats', form: 'all pools', countsAll: true, run: (db, nowMs) => errorStats(db, null, nowMs) },
  { name: 'listAudit', run: (db) => listAudit(db, { entityType: 'worker-pool', entityId: pool }, page) },
  { name: 'listAllAudit', run: (db) => listAllAudit(db, page) },
  { name: 'revisedDefinitions', run: (db) => revisedDefinitions(db, [{ workerPoolId: pool, revision: 1 }]) },
  {
    name: 'recordAudit',
    run: (db, nowMs) =>
      recordAudit(db, { clientId: 'ops', entityType: 'worker-pool', entityId: pool, action: 'reconciled' }, nowMs),
  },
  { name: 'listHolds', run: listHolds },
  { name: 'listLaunchConfigs', run: (db) => listLaunchConfigs(db, pool, { includeArchived: true }, page) },
  { name: 'getPool', run: (db) => getPool(db, pool) },
  { name: 'listPools', run: (db) => listPools(db, { limit: 100, after: null }) },
  { name: 'allPools', run: allPools },
  { name: 'listPoolProviders', run: (db) => listPoolProviders(db, page) },
  { name: 'listPoolIds', run: listPoolIds },
  { name: 'getWorkers', run: (db) => getWorkers(db, pool, [worker]) },
  { name: 'listWorkers', run: (db) => listWorkers(db, { workerPoolId: pool }, page) },
  { name: 'listWorkers', form: 'live', run: (db) => listWorkers(db, { workerPoolId: pool, isLive: true }, page) },
  ...(['requested', 'running', 'stopping', 'stopped'] as const).map((state): FleetQuery => ({
    name: 'listWorkers',
    form: state,
    run: (db) => listWorkers(db, { workerPoolId: pool, state }, page),
  })),
  {
    name: 'listWorkers',
    form: 'a launch config',
    run: (db) => listWorkers(db, { workerPoolId: pool, launchConfigId }, page),
  },
];

export const fleetQueries: readonly (FleetQuery & { readonly group: string })[] = Object.entries({
  'on a timer': timers,
  'in a reconciliation': reconciliation,
  'in a scan': scans,
  'in the sweep': sweep,
  'lists and pages': api,
}).flatMap(([group, queries]) => queries.map((query) => ({ ...query, group })));

export const titleOf = ({ name, form }: FleetQuery): string => (form === undefined ? name : `${name}, ${form}`);
