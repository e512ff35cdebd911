import { sql } from 'kysely';
import type { WorkerKey } from '../domain/ids.js';
import type { MachineLocation, Worker, WorkerState } from '../domain/worker.js';
import { pageOf, type Page, type PageOf } from './paging.js';
import type { Db } from './schema.js';
import { bigint } from './sql.js';

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

export interface WorkerFilter {
  readonly workerPoolId: string;
  readonly workerGroup?: string;
  readonly state?: WorkerState;
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
  'made',
] as const satisfies (keyof Worker)[];

/** What a scan compares with the cloud's list. */
export type LiveWorker = Pick<Worker, (typeof scanned)[number]>;

/** Every worker of the provider that is not stopped, of whatever pool. */
export async function liveWorkersOfProvider(db: Db, providerId: string): Promise<LiveWorker[]> {
  return await db
    .selectFrom('workers')
    .select(scanned)
    .where('providerId', '=', providerId)
    .where('state', '<>', 'stopped')
    .execute();
}

/** Every worker that is not stopped, static ones too. */
export async function liveWorkerKeys(db: Db): Promise<WorkerKey[]> {
  return await db
    .selectFrom('workers')
    .select(['workerPoolId', 'workerGroup', 'workerId'])
    .where('state', '<>', 'stopped')
    .execute();
}

/** Where the provider may have machines: those of its live workers and of launches that may have been acted on. */
export async function liveWorkerLocations(db: Db, providerId: string): Promise<MachineLocation[]> {
  const { rows } = await sql<{ location: MachineLocation }>`
    select location from workers where provider_id = ${providerId} and state <> 'stopped'
    union select location from launches where provider_id = ${providerId} and status in ('open', 'booked')`.execute(db);
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
