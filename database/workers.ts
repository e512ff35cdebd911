import { sql } from 'kysely';
import type { WorkerKey } from '../domain/ids.js';
import type { MachineLocation, Worker, WorkerState } from '../domain/worker.js';
import { pageOf, type Page, type PageOf } from './client/paging.js';
import type { Db } from './client/schema.js';
import { bigint, jsonb } from './client/sql.js';

export async function getWorker(db: Db, key: WorkerKey): Promise<Worker | null> {
  const worker = await db
    .selectFrom('workers')
    .selectAll()
    .where('workerPoolId', '=', key.workerPoolId)
    .where('workerGroup', '=', key.workerGroup)
    .where('workerId', '=', key.workerId)
    .executeTakeFirst();
  return worker ?? null;
}

/** Of workers of one pool, those that have rows. */
export async function getWorkers(
  db: Db,
  workerPoolId: string,
  names: readonly { readonly workerGroup: string; readonly workerId: string }[],
): Promise<Worker[]> {
  if (names.length === 0) return [];
  const { rows } = await sql<Worker>`
    select w.* from jsonb_to_recordset(${jsonb(names.map(({ workerGroup, workerId }) => ({ workerGroup, workerId })))})
      as n("workerGroup" text, "workerId" text)
    cross join lateral (
      -- Each by its key, however many workers the pool has.
      select * from workers k where k.worker_pool_id = ${workerPoolId} and k.worker_group = n."workerGroup"
        and k.worker_id = n."workerId" limit 1) w`.execute(db);
  return rows;
}

export interface WorkerFilter {
  readonly workerPoolId: string;
  readonly workerGroup?: string;
  readonly state?: WorkerState;
  /** Only those that are not stopped. */
  readonly isLive?: boolean;
  readonly launchConfigId?: string;
}

/** Newest first. */
export async function listWorkers(db: Db, filter: WorkerFilter, page: Page): Promise<PageOf<Worker>> {
  let query = db
    .selectFrom('workers')
    .selectAll()
    .where('workerPoolId', '=', filter.workerPoolId)
    .orderBy('created', 'desc')
    .orderBy('workerGroup', 'desc')
    .orderBy('workerId', 'desc')
    .limit(page.limit + 1);
  if (filter.workerGroup !== undefined) query = query.where('workerGroup', '=', filter.workerGroup);
  if (filter.state !== undefined) query = query.where('state', '=', filter.state);
  if (filter.isLive) query = query.where('state', '<>', sql.lit('stopped'));
  if (filter.launchConfigId !== undefined) query = query.where('launchConfigId', '=', filter.launchConfigId);
  const [created, group, id] = page.after?.split('/') ?? [];
  if (created !== undefined && group !== undefined && id !== undefined) {
    query = query.where(
      sql<boolean>`(created, worker_group, worker_id) < (${bigint(Number(created))}, ${group}, ${id})`,
    );
  }
  return pageOf(await query.execute(), page, (worker) => `${worker.created}/${worker.workerGroup}/${worker.workerId}`);
}

const scanned = [
  'workerPoolId',
  'workerGroup',
  'workerId',
  'state',
  'created',
  'launchToken',
  'location',
  'resourceIds',
] as const satisfies (keyof Worker)[];

/** What a scan compares with the cloud's list. */
export type LiveWorker = Pick<Worker, (typeof scanned)[number]>;

/**
 * Rows of one query; reading all of a large provider's at once takes a second, in which the process does nothing else.
 */
const PAGE_ROWS = 1_000;

/**
 * Every worker of the provider that is not stopped, of whatever pool. One that is launched meanwhile may be left out.
 */
export async function liveWorkersOfProvider(db: Db, providerId: string): Promise<LiveWorker[]> {
  return await inPages<LiveWorker>((after) => {
    let query = db
      .selectFrom('workers')
      .select(scanned)
      .where('providerId', '=', providerId)
      .where('state', '<>', sql.lit('stopped'))
      .orderBy('workerPoolId')
      .orderBy('workerGroup')
      .orderBy('workerId')
      .limit(PAGE_ROWS);
    if (after) {
      const { workerPoolId, workerGroup, workerId } = after;
      query = query.where(
        sql<boolean>`(worker_pool_id, worker_group, worker_id) > (${workerPoolId}, ${workerGroup}, ${workerId})`,
      );
    }
    return query.execute();
  });
}

/** Workers of the provider whose lifecycle waits for what a scan observes: in these states. */
export async function awaitedWorkersOfProvider(
  db: Db,
  providerId: string,
  states: readonly ('requested' | 'stopping')[],
): Promise<LiveWorker[]> {
  return await db
    .selectFrom('workers')
    .select(scanned)
    .where('providerId', '=', providerId)
    .where('state', 'in', states)
    // As the index says it.
    .where(sql<boolean>`state in ('requested', 'stopping')`)
    .execute();
}

export type LiveWorkerKey = WorkerKey & Pick<Worker, 'providerId'>;

/** Every worker that is not stopped, static ones too. */
export async function liveWorkerKeys(db: Db): Promise<LiveWorkerKey[]> {
  return await inPages<LiveWorkerKey>((after) => {
    let query = db
      .selectFrom('workers')
      .select(['providerId', 'workerPoolId', 'workerGroup', 'workerId'])
      .where('state', '<>', sql.lit('stopped'))
      .orderBy('providerId')
      .orderBy('workerPoolId')
      .orderBy('workerGroup')
      .orderBy('workerId')
      .limit(PAGE_ROWS);
    if (after) {
      const { providerId, workerPoolId, workerGroup, workerId } = after;
      query = query.where(
        sql<boolean>`(provider_id, worker_pool_id, worker_group, worker_id)
          > (${providerId}, ${workerPoolId}, ${workerGroup}, ${workerId})`,
      );
    }
    return query.execute();
  });
}

async function inPages<Row>(page: (after: Row | null) => Promise<Row[]>): Promise<Row[]> {
  const rows: Row[] = [];
  for (let after: Row | null = null; ;) {
    const next: Row[] = await page(after);
    rows.push(...next);
    after = next.at(-1) ?? null;
    if (next.length < PAGE_ROWS) return rows;
  }
}

/** Where machines may be of the provider's launches that may have been acted on and are not finished. */
export async function unfinishedLaunchLocations(db: Db, providerId: string): Promise<MachineLocation[]> {
  const { rows } = await sql<{ location: MachineLocation }>`
    select distinct location from launches
    where provider_id = ${providerId} and status in ('open', 'fulfilled')`.execute(db);
  return rows.map((row) => row.location);
}

/**
 * How many workers each provider has that are not stopped, machines of launches without an answer included; providers
 * without any are left out.
 */
export async function liveWorkersByProvider(db: Db): Promise<{ providerId: string; workers: number }[]> {
  const { rows } = await sql<{ providerId: string; workers: number }>`
    select provider_id, cast(sum(workers) as int) as workers from (
      select provider_id, count(*) as workers from workers where state <> 'stopped' group by provider_id
      union all select provider_id, sum(count) from launches where status = 'open' group by provider_id) as alive
    group by provider_id order by provider_id`.execute(db);
  return rows;
}
