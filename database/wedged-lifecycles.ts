import { sql } from 'kysely';
import type { WorkerKey } from '../domain/ids.js';
import type { JudgedLifecycle } from '../domain/wedged-lifecycles.js';
import type { Db, WedgedActRow, WedgedLifecycleRow } from './client/schema.js';
import { bigint, inTransaction, jsonb } from './client/sql.js';

const OF_WORKER = ['workerPoolId', 'workerGroup', 'workerId'] as const;

/** Longest wedged first. */
export async function listWedgedLifecycles(db: Db): Promise<WedgedLifecycleRow[]> {
  return await db.selectFrom('wedgedLifecycles').selectAll().orderBy('since').orderBy('workerId').execute();
}

/**
 * Stores what a sweep found, over what the sweeps before it did: of the workers that it read, and without those that
 * are not alive any more.
 */
export async function recordWedgedLifecycles(
  db: Db,
  judged: readonly JudgedLifecycle[],
  read: readonly WorkerKey[],
): Promise<void> {
  const rows = judged.map(({ workerPoolId, workerGroup, workerId, runId, attempts, since, verdict }) => ({
    ...{ workerPoolId, workerGroup, workerId, runId, attempts, since, verdict },
  }));
  await inTransaction(db, async (trx) => {
    await sql`
      delete from wedged_lifecycles l where exists (
        select 1 from jsonb_to_recordset(${jsonb(read)}) as k("workerPoolId" text, "workerGroup" text, "workerId" text)
        where k."workerPoolId" = l.worker_pool_id and k."workerGroup" = l.worker_group and k."workerId" = l.worker_id)
      or not exists (
        select 1 from workers w where w.worker_pool_id = l.worker_pool_id and w.worker_group = l.worker_group
          and w.worker_id = l.worker_id and w.state <> 'stopped')`.execute(trx);
    if (rows.length > 0) {
      await trx
        .insertInto('wedgedLifecycles')
        .values(rows)
        .onConflict((conflict) => conflict.columns(OF_WORKER).doNothing())
        .execute();
    }
  });
}

/** Before it is done; an act that is repeated is recorded once. */
export async function recordWedgedAct(db: Db, act: WedgedActRow): Promise<void> {
  await db
    .insertInto('wedgedActs')
    .values(act)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function wedgedActsSince(db: Db, sinceMs: number): Promise<WedgedActRow[]> {
  return await db.selectFrom('wedgedActs').selectAll().where('at', '>', bigint(sinceMs)).execute();
}
