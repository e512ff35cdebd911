import type { WorkerKey } from '../domain/ids.js';
import type { Db } from './schema.js';

/** Notes a worker's first call with its credentials; later ones change nothing. */
export async function recordSignOfLife(db: Db, key: WorkerKey, nowMs: number): Promise<void> {
  const { workerPoolId, workerGroup, workerId } = key;
  await db
    .insertInto('signsOfLife')
    .values({ workerPoolId, workerGroup, workerId, firstCallAt: nowMs })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Whether the worker called with its credentials, and first did so at `sinceMs` or later. */
export async function hasSignOfLife(db: Db, key: WorkerKey, sinceMs: number): Promise<boolean> {
  const row = await db
    .selectFrom('signsOfLife')
    .select('firstCallAt')
    .where('workerPoolId', '=', key.workerPoolId)
    .where('workerGroup', '=', key.workerGroup)
    .where('workerId', '=', key.workerId)
    .where('firstCallAt', '>=', sinceMs)
    .executeTakeFirst();
  return row !== undefined;
}
