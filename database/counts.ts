import { sql, type RawBuilder } from 'kysely';
import { workerStates } from '../domain/worker.js';
import type { Db } from './client/schema.js';
import { jsonb } from './client/sql.js';

/** The nine counters of a pool or a launch config, as on the wire. */
export interface StateCounts {
  /** Of all workers that are not stopped. */
  readonly currentCapacity: number;
  readonly requestedCount: number;
  readonly requestedCapacity: number;
  readonly runningCount: number;
  readonly runningCapacity: number;
  readonly stoppingCount: number;
  readonly stoppingCapacity: number;
  readonly stoppedCount: number;
  readonly stoppedCapacity: number;
}

export const noWorkers: StateCounts = {
  currentCapacity: 0,
  requestedCount: 0,
  requestedCapacity: 0,
  runningCount: 0,
  runningCapacity: 0,
  stoppingCount: 0,
  stoppingCapacity: 0,
  stoppedCount: 0,
  stoppedCapacity: 0,
};

/** By pool; each pool that is named has an entry, of all only those that have workers. */
export async function poolCounters(
  db: Db,
  workerPoolIds: readonly string[] | 'all',
): Promise<Map<string, StateCounts>> {
  const ofPools =
    workerPoolIds === 'all'
      ? sql`true`
      : sql`worker_pool_id in (select jsonb_array_elements_text(${jsonb(workerPoolIds)}))`;
  const { rows } = await sql<StateCounts & { workerPoolId: string }>`
    with ${counted(ofPools)}
    select worker_pool_id, ${sums} from counted group by worker_pool_id`.execute(db);
  const counters = new Map<string, StateCounts>(
    workerPoolIds === 'all' ? [] : workerPoolIds.map((id) => [id, noWorkers]),
  );
  for (const { workerPoolId, ...counts } of rows) counters.set(workerPoolId, counts);
  return counters;
}

export interface LaunchConfigStats extends StateCounts {
  /** Null: workers without a launch config. */
  readonly launchConfigId: string | null;
}

/** One entry for each launch config that has worker rows, by id. */
export async function launchConfigStats(db: Db, workerPoolId: string): Promise<LaunchConfigStats[]> {
  const { rows } = await sql<LaunchConfigStats>`
    with ${counted(sql`worker_pool_id = ${workerPoolId}`)}
    select launch_config_id, ${sums} from counted group by launch_config_id order by launch_config_id`.execute(db);
  return rows;
}

/** Live workers are counted, stopped ones have been (migrations/0001_schema.sql). */
const counted = (ofPools: RawBuilder<unknown>): RawBuilder<unknown> => sql`
  counted as (
    select worker_pool_id, launch_config_id, state, count(*) as workers, sum(capacity) as capacity
    from workers where state <> 'stopped' and ${ofPools} group by 1, 2, 3
    union all
    select worker_pool_id, nullif(launch_config_id, ''), 'stopped', workers, capacity
    from stopped_worker_counts where workers > 0 and ${ofPools})`;

const sums = sql.raw(
  [
    `cast(coalesce(sum(capacity) filter (where state <> 'stopped'), 0) as bigint) as current_capacity`,
    ...workerStates.flatMap((state) => [
      `cast(coalesce(sum(workers) filter (where state = '${state}'), 0) as bigint) as ${state}_count`,
      `cast(coalesce(sum(capacity) filter (where state = '${state}'), 0) as bigint) as ${state}_capacity`,
    ]),
  ].join(', '),
);
