import { sql } from 'kysely';
import { type WorkerKey, workerKeyText } from '../domain/ids.js';
import { type KnownLaunch, type KnownRow, type Orphan, orphanKey } from '../domain/orphans.js';
import type { MissedLifecycle } from '../domain/stray-lifecycles.js';
import type { MachineLocation, Worker } from '../domain/worker.js';
import type { LaunchedMachine } from '../providers/provider.js';
import { announceWorkers } from './events.js';
import type { Db, OrphanActRow, OrphanRow, OrphanSweepRow } from './client/schema.js';
import { bigint, inTransaction, jsonb, storable, text } from './client/sql.js';
import { requestedData, workerEvent } from './worker-events.js';

/** What the sweep of orphans compares with what clouds list, and what it records. */

/**
 * Everywhere the provider ever launched, as far as anything there may be left: launches outlive what carries their
 * token.
 */
export async function launchLocations(db: Db, providerId: string): Promise<MachineLocation[]> {
  // One step in the index for each place, however many launches there are.
  const { rows } = await sql<{ location: MachineLocation }>`
    with recursive places as (
      (select location from launches where provider_id = ${providerId} order by location limit 1)
      union all
      select (select l.location from launches l where l.provider_id = ${providerId} and l.location > p.location
        order by l.location limit 1)
      from places p where p.location is not null)
    select location from places where location is not null
    union select location from workers where provider_id = ${providerId} and state <> 'stopped'`.execute(db);
  return rows.map((row) => row.location);
}

export async function launchTokens(db: Db, providerId: string): Promise<string[]> {
  const rows = await db.selectFrom('launches').select('token').where('providerId', '=', providerId).execute();
  return rows.map(({ token }) => token);
}

/** Those of these tokens that there are. */
export async function knownLaunches(db: Db, tokens: readonly string[]): Promise<KnownLaunch[]> {
  const { rows } = await sql<KnownLaunch>`
    select l.* from jsonb_array_elements_text(${jsonb([...new Set(tokens)])}) as t(token)
    cross join lateral (
      select token, provider_id, worker_pool_id, launch_config_id, location, capacity_per_machine,
        status in ('open', 'fulfilled') as is_unfinished, closed
      from launches where token = t.token limit 1) as l`.execute(db);
  return rows;
}

/** All workers of these launches. */
export async function rowsOfLaunches(db: Db, tokens: readonly string[]): Promise<KnownRow[]> {
  const { rows } = await sql<KnownRow>`
    select worker_pool_id, worker_group, worker_id, stopped_at, state <> 'stopped' as is_live from workers
    where launch_token in (select jsonb_array_elements_text(${jsonb([...new Set(tokens)])}))`.execute(db);
  return rows;
}

/** All live workers in one statement take longer than a query may that others wait for. */
const KEYS_AT_ONCE = 10_000;

/** Those of these workers that have no row, not even a stopped one. */
export async function workersWithoutRow(db: Db, workers: readonly WorkerKey[]): Promise<WorkerKey[]> {
  const found: WorkerKey[] = [];
  for (let from = 0; from < workers.length; from += KEYS_AT_ONCE) {
    const keys = workers.slice(from, from + KEYS_AT_ONCE);
    const { rows } = await sql<WorkerKey>`
      select k."workerPoolId" as worker_pool_id, k."workerGroup" as worker_group, k."workerId" as worker_id
      from jsonb_to_recordset(${jsonb(keys)}) as k("workerPoolId" text, "workerGroup" text, "workerId" text)
      where not exists (select 1 from workers w where w.worker_pool_id = k."workerPoolId"
        and w.worker_group = k."workerGroup" and w.worker_id = k."workerId")`.execute(db);
    found.push(...rows);
  }
  return found;
}

/** When each orphan was first seen, by `orphanKey`. */
export async function orphansFirstSeen(db: Db): Promise<Map<string, number>> {
  const rows = await db.selectFrom('orphans').select(['providerId', 'thingId', 'firstSeen']).execute();
  return new Map(rows.map((row) => [orphanKey(row), row.firstSeen]));
}

/**
 * Stores what a run found where a list was read to its end, over what the runs before it did: what it does not show has
 * an owner by now, or is gone. Of an incomplete list nothing is stored.
 */
export async function recordOrphans(
  db: Db,
  { orphans, complete, begunAt }: { orphans: readonly Orphan[]; complete: readonly string[]; begunAt: number },
): Promise<void> {
  const listed = orphans.filter(({ thing }) => complete.includes(thing.providerId));
  const rows = listed.map(({ thing, launch, firstSeen, verdict }): OrphanRow => {
    const { providerId, thingId, workerGroup, workerId, location, steps, resourceIds, isMachine, launchToken } = thing;
    const workerPoolId = launch?.workerPoolId ?? null;
    const seen = { firstSeen, lastSeen: begunAt, verdict };
    return {
      ...{ providerId, thingId, workerGroup, workerId, location, steps, resourceIds, isMachine, launchToken },
      ...{ workerPoolId, ...seen },
    };
  });
  await inTransaction(db, async (trx) => {
    if (rows.length > 0) {
      await sql`
        insert into orphans (provider_id, thing_id, worker_group, worker_id, location, steps, resource_ids, is_machine,
          launch_token, worker_pool_id, first_seen, last_seen, verdict)
        select "providerId", "thingId", "workerGroup", "workerId", location, steps, "resourceIds", "isMachine",
          "launchToken", "workerPoolId", "firstSeen", "lastSeen", verdict
        from jsonb_to_recordset(${jsonb(rows)}) as o("providerId" text, "thingId" text, "workerGroup" text,
          "workerId" text, location jsonb, steps jsonb, "resourceIds" jsonb, "isMachine" boolean, "launchToken" text,
          "workerPoolId" text, "firstSeen" bigint, "lastSeen" bigint, verdict text)
        order by 1, 2
        on conflict (provider_id, thing_id) do update set steps = excluded.steps, resource_ids = excluded.resource_ids,
          is_machine = excluded.is_machine, launch_token = excluded.launch_token,
          worker_pool_id = excluded.worker_pool_id, last_seen = greatest(orphans.last_seen, excluded.last_seen),
          verdict = excluded.verdict`.execute(trx);
    }
    for (const providerId of complete) {
      await sql`
        delete from orphans where provider_id = ${providerId} and last_seen < ${bigint(begunAt)}`.execute(trx);
      await sql`
        insert into tagged_listings (provider_id, begun) values (${providerId}, ${bigint(begunAt)})
        on conflict (provider_id) do update set begun = greatest(tagged_listings.begun, excluded.begun)`.execute(trx);
    }
  });
}

/** A run that has ended. */
export async function recordSweep(db: Db, sweep: OrphanSweepRow): Promise<void> {
  const values = { ...sweep, complete: jsonb(sweep.complete), held: jsonb(sweep.held) };
  await db
    .insertInto('orphanSweeps')
    .values(values)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** In the transaction of an adoption; before the cloud is called for a removal. */
export async function recordAct(db: Db, act: Omit<OrphanActRow, 'id'>): Promise<void> {
  await db
    .insertInto('orphanActs')
    .values({ ...act, detail: storable(act.detail) })
    .execute();
}

/** Removals that earlier attempts of a run have begun. */
export async function removalsOf(db: Db, runId: string): Promise<number> {
  const { rows } = await sql<{ removals: number }>`
    select cast(count(*) as int) as removals from orphan_acts where run_id = ${runId} and act = 'removal'`.execute(db);
  return rows[0]!.removals;
}

/**
 * Keeps reservations of the pool waiting until the transaction ends. The launch's own path locks less of the row, and
 * waits for nobody.
 */
export async function lockPool(trx: Db, workerPoolId: string): Promise<void> {
  await sql`select 1 from worker_pools where worker_pool_id = ${workerPoolId} for no key update`.execute(trx);
}

/**
 * Gives a machine of a known launch that nobody wants its row, which says stopping from the beginning: whoever starts
 * its lifecycle, it begins with the removal. The launch stays as it is. Null when the machine has a row by now, or its
 * pool has gone.
 */
export async function recordUnwantedMachine(
  db: Db,
  token: string,
  { workerGroup, workerId, location, identityAttributes }: LaunchedMachine,
  { nowMs, expires, reason }: { readonly nowMs: number; readonly expires: number; readonly reason: string },
): Promise<Worker | null> {
  const { rows } = await sql<Worker>`
    with launch as (
      select l.* from launches l join worker_pools p using (worker_pool_id)
      where token = ${token} for update of l for key share of p),
    changed as (
      insert into workers (worker_pool_id, worker_group, worker_id, provider_id, launch_config_id, launch_config_revision,
        launch_token, state, stop_reason, capacity, created, last_modified, expires, terminate_after, location,
        identity_attributes)
      select l.worker_pool_id, ${text(workerGroup)}, ${text(workerId)}, l.provider_id, l.launch_config_id,
        l.launch_config_revision, l.token, 'stopping', ${text(reason)}, l.capacity_per_machine, ${bigint(nowMs)},
        ${bigint(nowMs)}, ${bigint(expires)}, ${bigint(nowMs)}, ${jsonb(location)}, ${jsonb(identityAttributes)}
      from launch l
      on conflict do nothing
      returning *),
    announced as (${announceWorkers('worker-removed', nowMs, reason)}),
    noted as (${workerEvent('stopping', { cause: reason, data: requestedData })})
    select * from changed`.execute(db);
  return rows[0] ?? null;
}

/** Begin of the first complete list that missed the machine of each stray lifecycle, by `workerKeyText`. */
export async function missedLifecycles(db: Db): Promise<Map<string, number>> {
  const rows = await db.selectFrom('strayLifecycles').selectAll().execute();
  return new Map(rows.map(({ missedSince, ...worker }) => [workerKeyText(worker), missedSince]));
}

/** Those that the lists of a run miss, over what the runs before it did. */
export async function recordMissedLifecycles(db: Db, missed: readonly MissedLifecycle[]): Promise<void> {
  const rows = missed.map(({ workerPoolId, workerGroup, workerId, missedSince }) => ({
    ...{ workerPoolId, workerGroup, workerId, missedSince },
  }));
  await sql`
    with missed as (
      select * from jsonb_to_recordset(${jsonb(rows)})
        as m("workerPoolId" text, "workerGroup" text, "workerId" text, "missedSince" bigint)),
    gone as (
      delete from stray_lifecycles s where not exists (select 1 from missed m where m."workerPoolId" = s.worker_pool_id
        and m."workerGroup" = s.worker_group and m."workerId" = s.worker_id))
    insert into stray_lifecycles (worker_pool_id, worker_group, worker_id, missed_since)
    select * from missed order by 1, 2, 3
    on conflict do nothing`.execute(db);
}

/** Longest without an owner first. */
export async function listOrphans(db: Db): Promise<OrphanRow[]> {
  return await db.selectFrom('orphans').selectAll().orderBy('firstSeen').orderBy('thingId').execute();
}

/** Newest first. */
export async function latestSweeps(db: Db, limit: number): Promise<OrphanSweepRow[]> {
  return await db.selectFrom('orphanSweeps').selectAll().orderBy('begun', 'desc').limit(limit).execute();
}

export async function getSweep(db: Db, runId: string): Promise<OrphanSweepRow | null> {
  return (await db.selectFrom('orphanSweeps').selectAll().where('runId', '=', runId).executeTakeFirst()) ?? null;
}
