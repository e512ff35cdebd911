import { sql } from 'kysely';
import type { Claim } from '../domain/limits.js';
import type { PreparedLaunch } from '../providers/provider.js';
import type { Db } from './client/schema.js';
import { bigint, jsonb } from './client/sql.js';

/**
 * Reservations write the intents of launches within the limits of the deployment. Nothing is locked between two
 * statements: one reads what the limits are counted from, the other writes only if nobody else has reserved since
 * (ARCHITECTURE.md#limits).
 */

export interface ReservedLaunch {
  readonly token: string;
  readonly providerId: string;
  readonly launchConfigId: string;
  readonly count: number;
}

export interface LimitsUsage {
  /** Whether the pool is there, has this provider, and got no machine that was not counted. */
  readonly present: boolean;
  /** What an earlier attempt of this reservation has written. */
  readonly reserved: readonly ReservedLaunch[];
  /** Reservations of the deployment so far. */
  readonly version: number;
  /** Machines that exist or may exist, over all pools. */
  readonly machines: number;
  /** Machines of all pools' launches of the last minute: what an open one requested, what another has created. */
  readonly launchedLastMinute: number;
  readonly ownLaunchedLastMinute: number;
  /** The other pools that wanted more than they got in the last two polls. */
  readonly others: readonly Claim[];
  /** When the first launch of the last minute no longer counts; null when there is none. */
  readonly windowEndsAt: number | null;
}

/** Attempts read their instants at their own pace: what another has just created may lie a moment ahead. */
const WINDOW_MS = 60_000;

/** Machines that exist or may exist, over all pools. */
export const possibleMachines = sql`
  (select count(*) from workers where state <> 'stopped' and launch_config_id is not null)
    + (select coalesce(sum(count), 0) from launches where status = 'open')`;

/** Of a row of `launches`: what an open one requested, what another has created. */
export const launchedMachines = sql`
  case status when 'open' then count when 'failed' then 0 else coalesce(machines, count) end`;

export async function readLimitsUsage(
  db: Db,
  pool: {
    readonly workerPoolId: string;
    readonly providerId: string;
    readonly tokenPrefix: string;
    /** The last adoption of a machine that the pool's assessment has counted; null: it does not say. */
    readonly lastAdoption?: number | null;
  },
  nowMs: number,
): Promise<LimitsUsage> {
  const since = bigint(nowMs - WINDOW_MS);
  const { rows } = await sql<LimitsUsage>`
    with recent as (
      select worker_pool_id, created, ${launchedMachines} as machines
      from launches where created > ${since} and created <= ${bigint(nowMs + WINDOW_MS)}),
    pools as (
      select r.worker_pool_id, max(r.wanted_machines) as wanted, max(r.previous_wanted_machines) as previously_wanted,
        max(r.previous_read_at) as previous_read_at,
        coalesce(sum(l.machines), 0) as launched,
        coalesce(sum(l.machines) filter (where l.created >= r.read_at), 0) as got,
        coalesce(sum(l.machines) filter (where l.created >= r.previous_read_at), 0) as previously_got
      from demand_readings r left join recent l using (worker_pool_id)
      where r.read_at > ${since} and r.worker_pool_id <> ${pool.workerPoolId}
      group by r.worker_pool_id),
    others as (
      select launched, greatest(wanted - got,
        case when previous_read_at > ${since} then previously_wanted - previously_got end) as wanted
      from pools)
    select d.reservations as version,
      exists (select 1 from worker_pools where worker_pool_id = ${pool.workerPoolId} and provider_id = ${pool.providerId})
        and not exists (select 1 from orphan_acts a where a.worker_pool_id = ${pool.workerPoolId} and a.act = 'adopted'
          and a.id > ${bigint(pool.lastAdoption ?? null)}) as present,
      ${possibleMachines} as machines,
      (select coalesce(sum(machines), 0) from recent) as launched_last_minute,
      (select coalesce(sum(machines), 0) from recent where worker_pool_id = ${pool.workerPoolId})
        as own_launched_last_minute,
      (select min(created) + ${WINDOW_MS} from recent where machines > 0) as window_ends_at,
      coalesce((select jsonb_agg(jsonb_build_object('wanted', wanted, 'launchedLastMinute', launched))
        from others where wanted > 0), '[]') as others,
      coalesce((select jsonb_agg(jsonb_build_object('token', token, 'providerId', provider_id,
          'launchConfigId', launch_config_id, 'count', count) order by launch_config_id, token)
        from launches where worker_pool_id = ${pool.workerPoolId} and status in ('open', 'fulfilled')
          and starts_with(token, ${`${pool.tokenPrefix}.`})), '[]') as reserved
    from deployment d`.execute(db);
  return rows[0]!;
}

export interface NewIntent extends PreparedLaunch {
  readonly launchConfigId: string;
  readonly launchConfigRevision: number;
  readonly capacityPerMachine: number;
}

/**
 * Writes the intents in one statement if nobody has reserved since `version` was read, and if the pool still has this
 * provider; false when nothing was written. The pool's row is locked before the deployment's, and neither for longer
 * than the statement.
 */
export async function writeIntents(
  db: Db,
  pool: { readonly workerPoolId: string; readonly providerId: string; readonly version: number },
  intents: readonly NewIntent[],
  nowMs: number,
): Promise<boolean> {
  // guard(reservation-compare-and-set): use sql.ref('reservations')
  const expected = bigint(pool.version);
  const { rows } = await sql`
    with present as (
      select 1 from worker_pools where worker_pool_id = ${pool.workerPoolId} and provider_id = ${pool.providerId}
      for share),
    current as (
      update deployment set reservations = reservations + 1
      where reservations = ${expected} and exists (select 1 from present)
      returning 1),
    written as (
      insert into launches (token, worker_pool_id, provider_id, launch_config_id, launch_config_revision, location, request,
        count, capacity_per_machine, status, created)
      select i.token, ${pool.workerPoolId}, ${pool.providerId}, i."launchConfigId", i."launchConfigRevision", i.location,
        i.request, i.count, i."capacityPerMachine", 'open', ${bigint(nowMs)}
      from jsonb_to_recordset(${jsonb(intents)}) as i(token text, "launchConfigId" text, "launchConfigRevision" int,
        location jsonb, request jsonb, count int, "capacityPerMachine" int)
      where exists (select 1 from current))
    select 1 from current`.execute(db);
  return rows.length > 0;
}

/** Whoever has read the limits before this and writes its intents afterwards reads them again. */
export async function supersedeReservations(db: Db): Promise<void> {
  await sql`update deployment set reservations = reservations + 1`.execute(db);
}
