import { sql } from 'kysely';
import type { FrozenLaunch, LaunchedMachine } from '../providers/provider.js';
import { applyLimits, type DeploymentLimit } from '../domain/limits.js';
import type { Worker } from '../domain/worker.js';
import { announceWorkers } from './events.js';
import { isProven, type Proof } from './launch-attempts.js';
import type { Db, LaunchRow } from './schema.js';
import { bigint, inTransaction, int, jsonb } from './sql.js';

/**
 * Launches are intents: written before the cloud is asked, closed when the machines have rows (migrations/, `launches`).
 * What became of a failed one is in launch-failures.ts.
 */

export interface NewLaunch {
  readonly token: string;
  readonly launchConfigId: string;
  readonly launchConfigRevision: number;
  readonly capacityPerMachine: number;
  /** Machines wanted, ≥ 1. */
  readonly count: number;
  /**
   * Makes the request for as many machines as the brakes allow. Runs inside the transaction: what it throws undoes all of
   * this reservation, so callers refuse an order that can never be sent before they ask.
   */
  readonly freeze: (count: number) => FrozenLaunch;
}

export interface Reservation {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly orders: readonly NewLaunch[];
  /** Machines, for the whole deployment. */
  readonly limits: { readonly launchesPerMinute: number; readonly machines: number };
  readonly nowMs: number;
}

export interface Reserved {
  readonly launches: { token: string; count: number }[];
  /** What kept an order from getting all it wanted. */
  readonly brake: DeploymentLimit | null;
}

/**
 * Writes intents, as many machines in all as the deployment's brakes allow, and gives what each order got; an order that
 * got nothing is left out. One reservation at a time in the whole deployment. An order whose token is there already is
 * answered with what it got the first time. A pool that was deleted or moved to another provider meanwhile gets nothing.
 */
export function reserveLaunches(db: Db, reservation: Reservation): Promise<Reserved> {
  return inTransaction(db, async (trx) => {
    const { rows: present } = await sql<{ providerId: string }>`
      select p.provider_id from worker_pools p cross join (select 1 from deployment for update) as one_at_a_time
      where p.worker_pool_id = ${reservation.workerPoolId} for share of p`.execute(trx);
    const reserved = await reservedBefore(trx, reservation);
    let brake: DeploymentLimit | null = null;
    if (present[0]?.providerId !== reservation.providerId) return { launches: reserved, brake };
    const known = new Set(reserved.map((launch) => launch.token));
    const fresh = reservation.orders.filter((order) => !known.has(order.token));
    if (fresh.length === 0) return { launches: reserved, brake };

    const usage = await deploymentUsage(trx, reservation.nowMs);
    const rows: LaunchRow[] = [];
    for (const order of fresh) {
      const verdict = applyLimits({
        own: { wanted: order.count, launchedLastMinute: 0 },
        others: [],
        launchedLastMinute: usage.launchedLastMinute,
        launchesPerMinute: reservation.limits.launchesPerMinute,
        machines: usage.machines,
        maxMachines: reservation.limits.machines,
      });
      const { allowed } = verdict;
      brake ??= verdict.limit;
      if (allowed === 0) continue;
      usage.launchedLastMinute += allowed;
      usage.machines += allowed;
      rows.push(intent(reservation, order, order.freeze(allowed)));
    }
    await insertIntents(trx, rows);
    return { launches: [...reserved, ...rows.map(({ token, count }) => ({ token, count }))], brake };
  });
}

async function reservedBefore(db: Db, { orders }: Reservation): Promise<{ token: string; count: number }[]> {
  if (orders.length === 0) return [];
  return await db
    .selectFrom('launches')
    .select(['token', 'count'])
    .where(
      'token',
      'in',
      orders.map((order) => order.token),
    )
    .execute();
}

/** Machines asked for in the last minute; machines that exist or may exist. */
async function deploymentUsage(db: Db, nowMs: number): Promise<{ launchedLastMinute: number; machines: number }> {
  const { rows } = await sql<{ launchedLastMinute: number; machines: number }>`
    select
      (select coalesce(sum(count), 0) from launches where created > ${bigint(nowMs - 60_000)}) as launched_last_minute,
      (select count(*) from workers where state <> 'stopped' and launch_token is not null)
        + (select coalesce(sum(count), 0) from launches where status = 'open') as machines`.execute(db);
  return rows[0]!;
}

const intent = (reservation: Reservation, order: NewLaunch, frozen: FrozenLaunch): LaunchRow => ({
  token: order.token,
  workerPoolId: reservation.workerPoolId,
  providerId: reservation.providerId,
  launchConfigId: order.launchConfigId,
  launchConfigRevision: order.launchConfigRevision,
  location: frozen.location,
  request: frozen.request,
  count: frozen.count,
  capacityPerMachine: order.capacityPerMachine,
  status: 'open',
  attempts: 0,
  doubtfulAttempts: 0,
  firstAttemptAt: null,
  lastAttemptAt: null,
  created: reservation.nowMs,
  closed: null,
  machines: null,
  failure: null,
  nextAttemptAt: null,
  inDoubtSince: null,
  reportedAt: null,
  lastFailure: null,
});

async function insertIntents(db: Db, rows: readonly LaunchRow[]): Promise<void> {
  if (rows.length === 0) return;
  await db
    .insertInto('launches')
    .values(rows.map((row) => ({ ...row, location: jsonb(row.location), request: jsonb(row.request) })))
    .execute();
}

/** Null for static workers. */
export const launchOf = async (db: Db, { launchToken }: Pick<Worker, 'launchToken'>): Promise<LaunchRow | null> =>
  launchToken === null ? null : await getLaunch(db, launchToken);

export async function getLaunch(db: Db, token: string): Promise<LaunchRow | null> {
  return (await db.selectFrom('launches').selectAll().where('token', '=', token).executeTakeFirst()) ?? null;
}

/**
 * Writes the rows of the machines that a launch made and closes the intent, in one statement, and gives all workers of
 * the launch. That the cloud took a call is no proof that its machines work: the launch config's backoff stays as it is.
 *
 * Idempotent, and complete whatever the intent's state: a machine that becomes known only after the intent was closed is
 * ours all the same, so it gets its row and the intent is `booked` again until its lifecycle is started. A part of the
 * machines is different: `proof` says why there are no others, and null is the answer, with nothing written, when it does
 * not hold any more. Null too when the pool has gone: a row without a pool could never be removed.
 */
export async function bookLaunch(
  db: Db,
  token: string,
  machines: readonly LaunchedMachine[],
  { nowMs, terminateAfter, expires, proof }: LaunchTimes & { proof?: Proof },
): Promise<Worker[] | null> {
  const made = machines.map(({ workerGroup, workerId, location, facts }) => ({
    workerGroup,
    workerId,
    location,
    facts,
  }));
  const { rows } = await sql`
    with launch as (
      select l.* from launches l join worker_pools p using (worker_pool_id)
      where token = ${token} and ${proof ? isProven(proof) : sql`true`} for update of l for key share of p),
    changed as (
      insert into workers (worker_pool_id, worker_group, worker_id, provider_id, launch_config_id, launch_config_revision,
        launch_token, state, capacity, created, last_modified, expires, terminate_after, location, facts)
      select l.worker_pool_id, m."workerGroup", m."workerId", l.provider_id, l.launch_config_id, l.launch_config_revision,
        l.token, 'requested', l.capacity_per_machine, ${bigint(nowMs)}, ${bigint(nowMs)}, ${bigint(expires)},
        ${bigint(terminateAfter)}, m.location, m.facts
      from launch l cross join jsonb_to_recordset(${jsonb(made)})
        as m("workerGroup" text, "workerId" text, location jsonb, facts jsonb)
      order by 2, 3
      on conflict do nothing
      returning *),
    announced as (${announceWorkers('worker-requested', nowMs)}),
    booked as (
      update launches l set status = 'booked', closed = coalesce(l.closed, ${bigint(nowMs)}),
        machines = greatest(coalesce(l.machines, 0), ${int(machines.length)})
      from launch b
      where l.token = b.token and (b.status = 'open' or exists (select 1 from changed)))
    select 1 from launch`.execute(db);
  return rows.length === 0 ? null : await workersOfLaunch(db, token);
}

export interface LaunchTimes {
  readonly nowMs: number;
  readonly terminateAfter: number | null;
  readonly expires: number;
}

/** For a statement that changes several launches: their rows are locked in one order, so that two cannot deadlock. */
export const lockedLaunches = (db: Db, tokens: readonly string[]) =>
  db.selectFrom('launches').select('token').where('token', 'in', tokens).orderBy('token').forUpdate();

/** Booked launches whose every machine has its lifecycle. */
export async function finishLaunches(db: Db, tokens: readonly string[], nowMs: number): Promise<void> {
  if (tokens.length === 0) return;
  await db
    .updateTable('launches')
    .set({ status: 'done', closed: nowMs })
    .where('token', 'in', lockedLaunches(db, tokens))
    .where('status', '=', 'booked')
    .execute();
}

export async function workersOfLaunch(db: Db, token: string): Promise<Worker[]> {
  return await db.selectFrom('workers').selectAll().where('launchToken', '=', token).orderBy('workerId').execute();
}
