import { type RawBuilder, sql } from 'kysely';
import { NULL_PROVIDER } from '../domain/ids.js';
import { BatchedDelete, type BatchesResult, batchOf, type DeleteBatch, deleteInBatches } from './client/batches.js';
import type { Db } from './client/schema.js';
import { ERROR_STATS_DAYS } from './error-stats.js';
import { bigint, inTransaction, int, text } from './client/sql.js';
import { MAX_CHART_MS } from '../domain/charts.js';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../domain/durations.js';
import { SETTLED_AFTER_MS } from '../domain/launch.js';

/** Configuration `retention`. */
export interface Retention {
  readonly stoppedWorkersDays: number;
  readonly errorsDays: number;
  readonly decisionsDays: number;
  readonly evidenceDays: number;
}

/** Rows that nobody is promised to find: events that no broker takes, old scans, backoffs that are long over. */
const SHORT_DAYS = 7;
/** As many events wait for a broker; then the oldest give way. */
const MAX_EVENTS = 1_000_000;
/** An older list says nothing of machines that have stopped since. */
const MAX_LISTING_AGE_MS = HOUR_MS;
const OF_WORKER = ['worker_pool_id', 'worker_group', 'worker_id'];

export interface Expired {
  readonly table: string;
  readonly result: BatchesResult;
}

/**
 * Deletes what is older than it need be, one batch of each table in turn, until `isOver`; the rest is the next run's.
 * What fails in one table, or takes all the time that a statement has, keeps no other. A worker's row goes only when
 * the worker has stopped and its time is over, and its launch only when no worker of it is left.
 */
export async function expireRows(
  db: Db,
  retention: Retention,
  nowMs: number,
  isOver: () => boolean = () => false,
  maxEvents = MAX_EVENTS,
): Promise<Expired[]> {
  const tables = Object.entries(deletions(db, retention, nowMs, maxEvents)).map(([table, batch]) => ({
    table,
    deletes: new BatchedDelete(batch),
  }));
  let rest = tables;
  while (rest.length > 0) {
    for (const { deletes } of rest) {
      if (isOver()) return resultsOf(tables);
      await deletes.next();
    }
    rest = rest.filter(({ deletes }) => !deletes.hasEnded);
  }
  return resultsOf(tables);
}

const resultsOf = (tables: readonly { readonly table: string; readonly deletes: BatchedDelete }[]): Expired[] =>
  tables.map(({ table, deletes }) => ({ table, result: deletes.result }));

function deletions(db: Db, retention: Retention, nowMs: number, maxEvents: number): Record<string, DeleteBatch> {
  const before = (days: number) => bigint(Math.floor(nowMs - days * DAY_MS));
  const stopped = before(retention.stoppedWorkersDays);
  const evidence = before(retention.evidenceDays);
  return {
    workers: stoppedWorkers(db, sql`stopped_at < ${stopped} and expires < ${bigint(nowMs)}`, ['stopped_at']),
    scan_notes: batchOf(
      db,
      'scan_notes',
      OF_WORKER,
      sql`not exists (select 1 from workers w where w.worker_pool_id = t.worker_pool_id
        and w.worker_group = t.worker_group and w.worker_id = t.worker_id and w.state <> 'stopped')`,
    ),
    launches: oldLaunches(db, before(Math.max(retention.stoppedWorkersDays, retention.evidenceDays)), nowMs),
    worker_pool_errors: batchOf(
      db,
      'worker_pool_errors',
      ['error_id'],
      sql`t.reported < ${before(retention.errorsDays)}`,
      ['reported'],
    ),
    worker_pool_error_hours: batchOf(
      db,
      'worker_pool_error_hours',
      ['error_id', 'hour'],
      sql`t.hour < ${before(Math.max(retention.errorsDays, ERROR_STATS_DAYS))}`,
      ['hour'],
    ),
    // Of older errors nobody gets mail, and about newer ones anybody may.
    error_mails: batchOf(db, 'error_mails', ['worker_pool_id', 'error_key'], sql`t.mailed_at < ${before(SHORT_DAYS)}`, [
      'mailed_at',
    ]),
    decisions: batchOf(db, 'decisions', ['id'], sql`t.last_at < ${before(retention.decisionsDays)}`, ['last_at']),
    events: batchOf(
      db,
      'events',
      ['id'],
      sql`t.id <= greatest(
        (select e.id from events e where e.at < ${before(SHORT_DAYS)} order by e.at desc, e.id desc limit 1),
        (select max(e.id) from events e) - ${bigint(maxEvents)})`,
    ),
    scans: batchOf(
      db,
      'scans',
      ['id'],
      sql`t.begun < ${before(Math.max(SHORT_DAYS, retention.evidenceDays))} and t.begun <
        (select max(l.begun) from scans l where l.provider_id = t.provider_id and l.complete)`,
      ['begun'],
    ),
    used_signatures: batchOf(db, 'used_signatures', ['signature'], sql`t.until < ${bigint(nowMs)}`, ['until']),
    ...evidenceTables(db, evidence, before(Math.max(retention.evidenceDays, MAX_CHART_MS / DAY_MS))),
    launch_backoffs: batchOf(
      db,
      'launch_backoffs',
      ['worker_pool_id', 'launch_config_id'],
      sql`t.until < ${before(1)}`,
    ),
  };
}

/** By their own age only, whatever became of what they are about (migrations/0003_evidence.sql). */
const evidenceTables = (
  db: Db,
  before: RawBuilder<number>,
  chartedBefore: RawBuilder<number>,
): Record<string, DeleteBatch> => ({
  orphan_sweeps: batchOf(db, 'orphan_sweeps', ['run_id'], sql`t.begun < ${before}`, ['begun']),
  orphan_acts: batchOf(db, 'orphan_acts', ['id'], sql`t.at < ${before}`, ['at']),
  preemptions: batchOf(db, 'preemptions', OF_WORKER, sql`t.at < ${before}`, ['at']),
  wedged_acts: batchOf(db, 'wedged_acts', [...OF_WORKER, 'run_id', 'act'], sql`t.at < ${before}`, ['at']),
  demand_polls: batchOf(db, 'demand_polls', ['id'], sql`t.ended < ${before}`, ['ended']),
  demand_hours: batchOf(db, 'demand_hours', ['worker_pool_id', 'hour'], sql`t.hour < ${chartedBefore}`, ['hour']),
  queue_waits: batchOf(db, 'queue_waits', ['worker_pool_id', 'at'], sql`t.at < ${before}`, ['at']),
  reconciliations: batchOf(db, 'reconciliations', ['id'], sql`t.ended < ${before}`, ['ended']),
  spans: batchOf(db, 'spans', ['id'], sql`t.ends < ${before}`, ['ends']),
  attempts: batchOf(db, 'attempts', ['id'], sql`t.begun < ${before}`, ['begun']),
  worker_events: batchOf(db, 'worker_events', ['id'], sql`t.at < ${before}`, ['at']),
  error_hours: batchOf(db, 'error_hours', ['error_id', 'hour'], sql`t.hour < ${before}`, ['hour']),
  // The one that is in force stays, however old it is.
  pool_revisions: batchOf(
    db,
    'pool_revisions',
    ['id'],
    sql`t.at < ${before} and (t.action = 'deleted' or exists (select 1 from pool_revisions n
      where n.worker_pool_id = t.worker_pool_id and n.revision > t.revision and n.at < ${before}))`,
    ['at'],
  ),
});

/** With what is stored of their first call: nothing else would find it without reading all of both tables. */
const stoppedWorkers =
  (db: Db, where: RawBuilder<unknown>, first: readonly string[] = []): DeleteBatch =>
  async (limit, offset) => {
    const { rows } = await sql<{ gone: number }>`
      with old as materialized (
        select worker_pool_id, worker_group, worker_id from workers
        where state = 'stopped' and ${where}
        order by ${sql.raw([...first, ...OF_WORKER].join(', '))} limit ${limit} offset ${offset} for update skip locked),
      calls as (
        delete from credentials_used s using old o where s.worker_pool_id = o.worker_pool_id
          and s.worker_group = o.worker_group and s.worker_id = o.worker_id),
      gone as (
        delete from workers w using old o where w.worker_pool_id = o.worker_pool_id
          and w.worker_group = o.worker_group and w.worker_id = o.worker_id returning 1)
      select cast(count(*) as int) as gone from gone`.execute(db);
    const deleted = rows[0]?.gone ?? 0;
    return { deleted, considered: deleted };
  };

/**
 * Those that no worker points at, and of which nothing can be left in a cloud: a complete list of the provider that
 * began lately, and after they were settled, shows nothing of theirs without an owner. Else the sweep would find things
 * of a launch that it does not know. Each batch goes on where the one before it has ended: launches whose workers are
 * still there may be many, and none is read twice. Of the rows that `offset` leaves out, those of earlier batches lie
 * behind as well.
 */
function oldLaunches(db: Db, closedBefore: RawBuilder<number>, nowMs: number): DeleteBatch {
  let after = { closed: 0, token: '', offset: 0 };
  return async (limit, offset) => {
    const { rows } = await sql<{ considered: number; deleted: number; closed: number | null; token: string | null }>`
      with old as materialized (
        select token, closed from launches
        where status in ('done', 'failed') and closed < ${closedBefore}
          and (closed, token) > (${bigint(after.closed)}, ${text(after.token)})
        order by closed, token limit ${limit} offset ${offset - after.offset}),
      gone as (
        delete from launches l using old o where l.token = o.token and l.status in ('done', 'failed')
          and not exists (select 1 from workers w where w.launch_token = o.token)
          and not exists (select 1 from orphans p where p.launch_token = o.token)
          and exists (select 1 from tagged_listings s where s.provider_id = l.provider_id
            and s.begun >= greatest(l.closed + ${int(SETTLED_AFTER_MS)}, ${bigint(nowMs - MAX_LISTING_AGE_MS)}))
        returning 1),
      last as (select closed, token from old order by closed desc, token desc limit 1)
      select cast((select count(*) from old) as int) as considered, cast((select count(*) from gone) as int) as deleted,
        (select closed from last) as closed, (select token from last) as token`.execute(db);
    const { considered, deleted, closed, token } = rows[0]!;
    if (closed !== null && token !== null) after = { closed, token, offset };
    return { considered, deleted };
  };
}

/** A reservation that has read its pool before the change writes its launches well before this is over. */
const RESERVED_WITHIN_MS = 10 * MINUTE_MS;

/**
 * Archived launch configs that no worker row and no launch of their own pool points at, with all their revisions. Those
 * of a pool that was changed a moment ago stay: a launch may be about to be reserved of what was active before.
 */
export async function removeArchivedLaunchConfigs(
  db: Db,
  nowMs: number,
): Promise<{ workerPoolId: string; launchConfigId: string }[]> {
  const { rows } = await sql<{ workerPoolId: string; launchConfigId: string }>`
    with removed as (
      delete from launch_configs c where is_archived
        and not exists (select 1 from worker_pools p
          where p.worker_pool_id = c.worker_pool_id and p.last_modified > ${bigint(nowMs - RESERVED_WITHIN_MS)})
        and not exists (select 1 from workers w
          where w.worker_pool_id = c.worker_pool_id and w.launch_config_id = c.launch_config_id)
        and not exists (select 1 from launches l where l.worker_pool_id = c.worker_pool_id
          and l.launch_config_id = c.launch_config_id and l.status in ('open', 'fulfilled'))
      returning worker_pool_id, launch_config_id),
    revisions as (
      delete from launch_config_revisions r using removed c
      where r.worker_pool_id = c.worker_pool_id and r.launch_config_id = c.launch_config_id)
    select * from removed`.execute(db);
  return rows;
}

/** Everything that belongs to a pool and to nothing else. The audit trail stays. */
const OF_A_POOL = [
  'launch_configs',
  'launch_config_revisions',
  'workers',
  'credentials_used',
  'scan_notes',
  'launch_backoffs',
  'preemptions',
  'wedged_lifecycles',
  'worker_pool_errors',
  'worker_pool_error_hours',
  'error_mails',
  'decisions',
  'demand_readings',
  'worker_pools',
];

/** Rows of a pool of which there may be very many, and that nothing needs while the pool waits for its end. */
const historyOfAPool = (db: Db, workerPoolId: string): DeleteBatch[] => {
  const ofPool = sql`worker_pool_id = ${workerPoolId}`;
  return [
    stoppedWorkers(db, ofPool),
    batchOf(db, 'worker_pool_errors', ['error_id'], ofPool, ['reported']),
    batchOf(db, 'worker_pool_error_hours', ['error_id', 'hour'], ofPool, ['hour']),
    batchOf(db, 'decisions', ['id'], ofPool),
  ];
};

export interface RemovedPools {
  readonly removed: readonly string[];
  /** Pools that could not be removed, and why. */
  readonly failed: readonly { readonly workerPoolId: string; readonly failure: unknown }[];
}

/**
 * Removes deleted pools that have no live worker and no unfinished launch, with all that is theirs, so that a pool of
 * the same name begins anew (docs/taskcluster-compatibility.md#deleted-pools). A launch in doubt is unfinished: the
 * machines that it may have created must find their pool. One pool that cannot be removed keeps no other, and none
 * comes first each time; what is not done when the time is over is the next run's.
 */
export async function removeDeletedPools(db: Db, isOver: () => boolean = () => false): Promise<RemovedPools> {
  const { rows } = await sql<{ workerPoolId: string }>`
    select worker_pool_id from worker_pools p where ${isRemovable} order by random()`.execute(db);
  const removed: string[] = [];
  const failed: { workerPoolId: string; failure: unknown }[] = [];
  for (const { workerPoolId } of rows) {
    if (isOver()) break;
    try {
      if (await removePool(db, workerPoolId, isOver)) removed.push(workerPoolId);
    } catch (failure) {
      failed.push({ workerPoolId, failure });
    }
  }
  return { removed, failed };
}

const isRemovable = sql`p.provider_id = ${NULL_PROVIDER}
  and not exists (select 1 from workers w where w.worker_pool_id = p.worker_pool_id and w.state <> 'stopped')
  and not exists (select 1 from launches l where l.worker_pool_id = p.worker_pool_id
    and l.status in ('open', 'fulfilled'))`;

async function removePool(db: Db, workerPoolId: string, isOver: () => boolean): Promise<boolean> {
  for (const batch of historyOfAPool(db, workerPoolId)) {
    const { finished, failure } = await deleteInBatches(batch, isOver);
    if (!finished) {
      if (failure !== null) throw failure;
      return false;
    }
  }
  return await inTransaction(db, async (trx) => {
    // The lock keeps a reservation or an update of the pool from coming in between; only a statement that begins after
    // it sees what came just before.
    const { rows: locked } = await sql`
      select 1 from worker_pools where worker_pool_id = ${workerPoolId} for update skip locked`.execute(trx);
    if (locked.length === 0) return false;
    const { rows } = await sql`
      select 1 from worker_pools p where p.worker_pool_id = ${workerPoolId} and ${isRemovable}`.execute(trx);
    // guard(removed-pool-is-checked-under-its-lock): false
    if (rows.length === 0) return false;
    for (const table of OF_A_POOL) {
      await sql`delete from ${sql.raw(table)} where worker_pool_id = ${workerPoolId}`.execute(trx);
    }
    await sql`delete from holds where scope = ${workerPoolId}`.execute(trx);
    return true;
  });
}
