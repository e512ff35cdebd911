import { sql, type RawBuilder } from 'kysely';
import type { LaunchedMachine } from '../providers/provider.js';
import type { Worker } from '../domain/worker.js';
import { attemptPart, type ProcessAttempts } from './attempts.js';
import { announceWorkers } from './events.js';
import { isProven, type Proof } from './launch-attempts.js';
import type { Db, LaunchRow } from './client/schema.js';
import { bigint, int, jsonb } from './client/sql.js';
import { requestedData, workerEvent } from './worker-events.js';

/**
 * Launches are intents (ARCHITECTURE.md#intent-first): written before the cloud is called (reservations.ts), closed
 * when the machines have rows. What became of a failed one is in launch-failures.ts.
 */

/** Null for static workers. */
export const launchOf = async (db: Db, { launchToken }: Pick<Worker, 'launchToken'>): Promise<LaunchRow | null> =>
  launchToken === null ? null : await getLaunch(db, launchToken);

export async function getLaunch(db: Db, token: string): Promise<LaunchRow | null> {
  return (await db.selectFrom('launches').selectAll().where('token', '=', token).executeTakeFirst()) ?? null;
}

/**
 * Writes the rows of the machines that a launch created and closes the intent, in one statement, and gives all workers
 * of the launch. That the cloud took a call is no proof that its machines work: the launch config's backoff stays as it
 * is.
 *
 * Idempotent, and complete whatever the intent's state: a machine that becomes known only after the intent was closed
 * is ours all the same, so it gets its row and the intent is `fulfilled` again until its lifecycle is started. A part
 * of the machines is different: `proof` says why there are no others, and null is the answer, with nothing written,
 * when it does not hold any more. Null too when the pool has gone: a row without a pool could never be removed.
 */
export async function recordLaunchedWorkers(
  db: Db,
  token: string,
  machines: readonly LaunchedMachine[],
  { nowMs, terminateAfter, expires, proof, calls }: LaunchTimes & { proof?: Proof; calls?: ProcessAttempts },
): Promise<Worker[] | null> {
  const created = machines.map(({ workerGroup, workerId, location, identityAttributes }) => ({
    workerGroup,
    workerId,
    location,
    identityAttributes,
  }));
  const { rows } = await sql`
    with ${attemptPart(calls)} launch as (
      select l.* from launches l join worker_pools p using (worker_pool_id)
      where token = ${token} and ${proof ? isProven(proof) : sql`true`} for update of l for key share of p),
    changed as (
      insert into workers (worker_pool_id, worker_group, worker_id, provider_id, launch_config_id, launch_config_revision,
        launch_token, state, capacity, created, last_modified, expires, terminate_after, location, identity_attributes)
      select l.worker_pool_id, m."workerGroup", m."workerId", l.provider_id, l.launch_config_id, l.launch_config_revision,
        l.token, 'requested', l.capacity_per_machine, ${bigint(nowMs)}, ${bigint(nowMs)}, ${bigint(expires)},
        ${bigint(terminateAfter)}, m.location, m."identityAttributes"
      from launch l cross join jsonb_to_recordset(${jsonb(created)})
        as m("workerGroup" text, "workerId" text, location jsonb, "identityAttributes" jsonb)
      order by 2, 3
      on conflict do nothing
      returning *),
    announced as (${announceWorkers('worker-requested', nowMs)}),
    noted as (${workerEvent('requested', { data: requestedData })}),
    fulfilled as (
      update launches l set status = 'fulfilled', closed = coalesce(l.closed, ${bigint(nowMs)}),
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

/**
 * A part of a statement that changes several launches: their rows are locked in one order, so that two cannot deadlock,
 * and once, however the statement is planned.
 */
export const lockedLaunches = (tokens: readonly string[]): RawBuilder<unknown> => sql`
  locked as materialized (
    select token from launches where token in (select jsonb_array_elements_text(${jsonb(tokens)})) order by token for update)`;

/**
 * Fulfilled launches whose every machine has its lifecycle: of `launched` machines. One that has more rows by now, from
 * an answer that came late, stays for the next reconciliation to start theirs.
 */
export async function finishLaunches(
  db: Db,
  launches: readonly { readonly token: string; readonly launched: number }[],
  nowMs: number,
): Promise<void> {
  const tokens = launches.map(({ token }) => token);
  if (tokens.length === 0) return;
  await sql`
    with ${lockedLaunches(tokens)},
    -- Counted once a launch: the planner, which may take these tables for empty, would count for each pair of rows.
    complete as materialized (
      select f.token from jsonb_to_recordset(${jsonb(launches)}) as f(token text, launched int)
      where (select count(*) from workers w where w.launch_token = f.token) <= f.launched)
    update launches l set status = 'done', closed = coalesce(l.closed, ${bigint(nowMs)})
    from locked k join complete c on c.token = k.token
    where l.token = k.token and l.status = 'fulfilled'`.execute(db);
}

export async function workersOfLaunch(db: Db, token: string): Promise<Worker[]> {
  return await db.selectFrom('workers').selectAll().where('launchToken', '=', token).orderBy('workerId').execute();
}
