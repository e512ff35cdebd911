import { sql, type RawBuilder } from 'kysely';
import type { Db } from '../../database/client/schema.js';
import { bigint } from '../../database/client/sql.js';
import { DAY_MS } from '../../domain/durations.js';
import { EVIDENCE, loadEvidence } from './fleet-evidence.js';

export interface FleetSize {
  readonly pools: number;
  readonly launchConfigs: number;
  readonly liveWorkers: number;
  readonly stoppedWorkers: number;
  readonly decisions: number;
}

export const FLEET: FleetSize = {
  pools: 400,
  launchConfigs: 2_500,
  liveWorkers: 80_000,
  stoppedWorkers: 1_000_000,
  decisions: 1_000_000,
};

/** Tables that grow with what has happened, or with the workers there are. */
export const GROWING = [
  'workers',
  'decisions',
  'worker_pool_errors',
  'worker_pool_error_hours',
  'launches',
  'events',
  'scans',
  'credentials_used',
  'audit',
  ...EVIDENCE,
] as const;

/** The others that are filled: they grow with pools, or with what happens at one time. */
const OTHERS = [
  'worker_pools',
  'launch_configs',
  'launch_config_revisions',
  'launch_backoffs',
  'holds',
  'demand_readings',
  'scan_notes',
  'stopped_worker_counts',
] as const;

export const PROVIDER = 'aws';
export const poolName = (n: number): string => `fleet/pool-${n}`;
export const launchConfigName = (n: number): string => `lc-${n}`;

const PER_STATEMENT = 100_000;
/** Machines of one launch. */
const PER_LAUNCH = 20;

/**
 * Rows of a deployment that has run for a week. The last of a kind are the newest; `history` rows come on top of
 * others.
 */
export async function loadFleet(db: Db, size: FleetSize, nowMs: number): Promise<void> {
  await loadPools(db, size, nowMs);
  await loadLive(db, size, nowMs);
  await loadHistory(db, size, nowMs);
}

const pool = (size: FleetSize) => sql`'fleet/pool-' || (n % ${sql.lit(size.pools)} + 1)`;
/** One of its pool's own. */
const launchConfig = (size: FleetSize) => {
  const perPool = Math.max(1, Math.floor(size.launchConfigs / size.pools));
  return sql`'lc-' || (n % ${sql.lit(size.pools)} + ${sql.lit(size.pools)} * ((n / ${sql.lit(size.pools)}) % ${sql.lit(perPool)}) + 1)`;
};
const location = sql`jsonb_build_object('account', null, 'region', 'us-west-2', 'group', null)`;

async function loadPools(db: Db, size: FleetSize, nowMs: number): Promise<void> {
  await rows(
    db,
    size.pools,
    () => sql`
    insert into worker_pools (worker_pool_id, provider_id, description, owner, email_on_error, config, created, last_modified)
    select ${pool(size)}, ${PROVIDER}, 'builds', 'owner@example.com', false,
      jsonb_build_object('minCapacity', 0, 'maxCapacity', 1000), ${nowMs - 7 * DAY_MS}, ${nowMs - 7 * DAY_MS}`,
  );
  const ofConfig = sql`'fleet/pool-' || ((n - 1) % ${sql.lit(size.pools)} + 1), 'lc-' || n, 1`;
  await rows(
    db,
    size.launchConfigs,
    () => sql`
    insert into launch_configs (worker_pool_id, launch_config_id, revision, created, last_modified)
    select ${ofConfig}, ${nowMs - 7 * DAY_MS}, ${nowMs - 7 * DAY_MS}`,
  );
  await rows(
    db,
    size.launchConfigs,
    () => sql`
    insert into launch_config_revisions (worker_pool_id, launch_config_id, revision, configuration, created)
    select ${ofConfig}, jsonb_build_object('region', 'us-west-2', 'launchConfig', jsonb_build_object('ImageId', 'ami-' || n,
      'UserData', repeat('x', 500)), 'workerManager', jsonb_build_object('launchConfigId', 'lc-' || n)), ${nowMs - 7 * DAY_MS}`,
  );
  await rows(
    db,
    size.pools,
    () => sql`
    insert into demand_readings (worker_pool_id, read_at, pending_tasks, claimed_tasks, wanted_machines, previous_read_at,
      previous_pending_tasks, previous_claimed_tasks, previous_wanted_machines)
    select ${pool(size)}, ${nowMs - 5_000}, n % 50, n % 100, n % 20, ${nowMs - 15_000}, n % 50, n % 100, n % 20`,
  );
  // One launch config in ten; of every second one the backoff is over.
  await rows(
    db,
    Math.floor(size.launchConfigs / 10),
    () => sql`
    insert into launch_backoffs (worker_pool_id, launch_config_id, revision, failure_class, failures, until, unregistered)
    select 'fleet/pool-' || ((10 * n - 1) % ${sql.lit(size.pools)} + 1), 'lc-' || 10 * n, 1, 'capacity', 3,
      ${bigint(nowMs)} + case n % 2 when 0 then 60000 else -60000 end, n % 4 = 0`,
  );
  // One pool in twenty.
  await rows(
    db,
    Math.ceil(size.pools / 20),
    () => sql`
    insert into holds (scope, reason, client_id, at)
    select 'fleet/pool-' || 20 * n, 'an image is tested', 'client', ${nowMs - DAY_MS}`,
  );
}

async function loadLive(db: Db, size: FleetSize, nowMs: number): Promise<void> {
  // Of each pool's workers one in a hundred is requested and one stopping.
  const ofPool = sql`(n / ${sql.lit(size.pools)})`;
  const state = sql`case ${ofPool} % 100 when 0 then 'requested' when 1 then 'stopping' else 'running' end`;
  await workers(db, size, size.liveWorkers, 'live', state, nowMs);
  await rows(
    db,
    size.liveWorkers,
    () => sql`
    insert into credentials_used (worker_pool_id, worker_group, worker_id, first_call_at)
    select ${pool(size)}, 'us-west-2', 'live-' || n, ${nowMs - 1_000}`,
  );
  // Every worker that is not running.
  await unlimited(
    db,
    sql`
    insert into scan_notes (worker_pool_id, worker_group, worker_id, provider_id, noted, since, signalled_at)
    select worker_pool_id, worker_group, worker_id, provider_id, 'missing', ${nowMs - 60_000}, ${nowMs - 30_000}
    from workers where state in ('requested', 'stopping')`,
  );
  await launches(db, size, Math.ceil(size.liveWorkers / PER_LAUNCH), 'live', sql`'done'`, nowMs, 60 * 60_000);
  // Two in each pool.
  await launches(
    db,
    size,
    2 * size.pools,
    'open',
    sql`case ${ofPool} % 2 when 0 then 'open' else 'fulfilled' end`,
    nowMs,
    5_000,
  );
}

/** What has happened, of which nothing that repeats may read more than the newest. */
export async function loadHistory(db: Db, size: FleetSize, nowMs: number, label = 'old'): Promise<void> {
  await workers(db, size, size.stoppedWorkers, label, sql`'stopped'`, nowMs);
  await launches(db, size, Math.ceil(size.stoppedWorkers / PER_LAUNCH), label, sql`'done'`, nowMs, 6.9 * DAY_MS);
  await rows(
    db,
    size.stoppedWorkers,
    () => sql`
    insert into credentials_used (worker_pool_id, worker_group, worker_id, first_call_at)
    select ${pool(size)}, 'us-west-2', ${label} || '-' || n, ${nowMs - DAY_MS}`,
  );
  const share = (rows: number, of: number) => sql`(${sql.lit(of)} * (1 - cast(n as float8) / ${sql.lit(rows)}))`;
  const at = (rows: number, days: number) => sql`cast(${sql.lit(nowMs)} - ${share(rows, days * DAY_MS)} as bigint)`;
  const decided = sql`jsonb_build_object('inputs', jsonb_build_object('providerId', 'aws', 'pendingTasks', n),
    'estimate', null, 'limitedBy', jsonb_build_array(), 'launches', jsonb_build_array(), 'terminations', 0)`;
  await rows(
    db,
    size.decisions,
    () => sql`
    insert into decisions (worker_pool_id, first_at, last_at, fingerprint, decision, basis)
    select ${pool(size)}, ${at(size.decisions, 29.9)}, ${at(size.decisions, 29.9)}, 'f-' || n, ${decided},
      jsonb_build_object('wantedCapacity', n % 20, 'roomCapacity', 800, 'advisedCapacity', 200, 'evaluateAgainAt', null)`,
  );
  const errors = Math.ceil(size.decisions / 20);
  await rows(
    db,
    errors,
    () => sql`
    insert into worker_pool_errors (error_id, worker_pool_id, launch_config_id, fingerprint, kind, title, description, extra,
      reported, first_reported)
    select ${label} || n, ${pool(size)}, ${launchConfig(size)}, ${label} || n, 'creation-error', 'no capacity', 'no capacity',
      '{}', ${at(errors, 6.9)}, ${at(errors, 6.9)}`,
  );
  await unlimited(
    db,
    sql`insert into worker_pool_error_hours select error_id, reported - reported % 3600000, worker_pool_id, 1
      from worker_pool_errors on conflict do nothing`,
  );
  const scans = Math.ceil(size.decisions / 8);
  await rows(
    db,
    scans,
    () => sql`
    insert into scans (provider_id, begun, ended, complete, machines)
    select ${PROVIDER}, ${at(scans, 6.9)}, ${at(scans, 6.9)}, true, 80000`,
  );
  await rows(
    db,
    size.stoppedWorkers,
    () => sql`
    insert into events (at, topic, payload) select ${at(size.stoppedWorkers, 6.9)}, 'worker-stopped', '{}'`,
  );
  await rows(
    db,
    size.pools * 50,
    () => sql`
    insert into audit (at, client_id, entity_type, entity_id, action)
    select ${at(size.pools * 50, 300)}, 'client', 'worker-pool', ${pool(size)}, 'updated'`,
  );
  await loadEvidence(db, size, label, { rows, pool: pool(size), at: (count) => at(count, 6.9), nowMs });
}

async function workers(
  db: Db,
  size: FleetSize,
  count: number,
  label: string,
  state: RawBuilder<unknown>,
  nowMs: number,
): Promise<void> {
  // Live ones are of the last hour, stopped ones of a week.
  const span = label === 'live' ? 60 * 60_000 : 6.9 * DAY_MS;
  const at = sql`cast(${sql.lit(nowMs)} - ${sql.lit(span)} * (1 - cast(n as float8) / ${sql.lit(count)}) as bigint)`;
  await rows(
    db,
    count,
    () => sql`
    insert into workers (worker_pool_id, worker_group, worker_id, provider_id, launch_config_id, launch_config_revision,
      launch_token, state, capacity, created, last_modified, expires, registered_at, queue_inactivity_ms, stopped_at,
      location, identity_attributes)
    select ${pool(size)}, 'us-west-2', ${sql.lit(label)} || '-' || n, ${PROVIDER}, ${launchConfig(size)}, 1,
      ${sql.lit(label)} || '-' || (n / ${sql.lit(PER_LAUNCH)}), ${state}, 1, ${at}, ${at},
      ${label === 'live' ? sql`cast(${sql.lit(nowMs + 7 * DAY_MS)} as bigint)` : at},
      case when ${state} = 'requested' then null else ${at} end, 7200000, case when ${state} = 'stopped' then ${at} end,
      ${location}, jsonb_build_object('instanceId', ${sql.lit(label)} || '-' || n, 'privateIp', '10.0.0.1')`,
  );
}

async function launches(
  db: Db,
  size: FleetSize,
  count: number,
  label: string,
  status: RawBuilder<unknown>,
  nowMs: number,
  spanMs: number,
): Promise<void> {
  const at = sql`cast(${sql.lit(nowMs)} - ${sql.lit(spanMs)} * (1 - cast(n as float8) / ${sql.lit(count)}) as bigint)`;
  await rows(
    db,
    count,
    () => sql`
    insert into launches (token, worker_pool_id, provider_id, launch_config_id, launch_config_revision, location, request,
      count, capacity_per_machine, status, attempts, created, closed, machines)
    select ${sql.lit(label)} || '-' || n, ${pool(size)}, ${PROVIDER}, ${launchConfig(size)}, 1, ${location},
      '{"MinCount":1}', ${sql.lit(PER_LAUNCH)}, 1, ${status}, 1, ${at}, case when ${status} = 'open' then null else ${at} end,
      case when ${status} = 'open' then null else ${sql.lit(PER_LAUNCH)} end`,
  );
}

/** `statement` is completed by `from … n`; each part of it in a transaction without a time limit. */
async function rows(db: Db, count: number, statement: () => RawBuilder<unknown>): Promise<void> {
  for (let from = 1; from <= count; from += PER_STATEMENT) {
    const until = Math.min(count, from + PER_STATEMENT - 1);
    await unlimited(db, sql`${statement()} from generate_series(${sql.lit(from)}, ${sql.lit(until)}) n`);
  }
}

export const unlimited = (db: Db, statement: RawBuilder<unknown>): Promise<void> =>
  db.transaction().execute(async (trx) => {
    await sql`set local statement_timeout = 0`.execute(trx);
    await statement.execute(trx);
  });

/** What autovacuum does in time. */
export async function analyzeFleet(db: Db): Promise<void> {
  for (const table of [...GROWING, ...OTHERS]) await sql`vacuum (analyze) ${sql.raw(table)}`.execute(db);
}
