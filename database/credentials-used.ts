import type { WorkerKey } from '../domain/ids.js';
import type { Db } from './client/schema.js';

/** Notes a worker's first call with its credentials; later ones change nothing. */
export async function recordCredentialsUsed(db: Db, key: WorkerKey, nowMs: number): Promise<void> {
  const { workerPoolId, workerGroup, workerId } = key;
  await db
    .insertInto('credentialsUsed')
    .values({ workerPoolId, workerGroup, workerId, firstCallAt: nowMs })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
