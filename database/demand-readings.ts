import { sql } from 'kysely';
import type { DemandCounts, DemandReadings } from '../domain/demand.js';
import type { Db, DemandReadingsRow } from './client/schema.js';
import { bigint, jsonb } from './client/sql.js';

export interface DemandReading extends DemandCounts {
  readonly workerPoolId: string;
  readonly wantedMachines: number;
  /** When the queue is to be read again for the pool; the next poll does when this is missing. */
  readonly dueAt?: number;
}

/**
 * Stores a poll's readings of many pools in one statement and keeps the ones before them. A poll that is repeated, or
 * that ends after a later one, changes nothing.
 */
export async function recordReadings(db: Db, readings: readonly DemandReading[], readAt: number): Promise<void> {
  if (readings.length === 0) return;
  await sql`
    insert into demand_readings as r (worker_pool_id, read_at, pending_tasks, claimed_tasks, wanted_machines, due_at)
    select n."workerPoolId", ${bigint(readAt)}, n."pendingTasks", n."claimedTasks", n."wantedMachines",
      coalesce(n."dueAt", 0)
    from jsonb_to_recordset(${jsonb(readings)})
      as n("workerPoolId" text, "pendingTasks" bigint, "claimedTasks" bigint, "wantedMachines" int, "dueAt" bigint)
    order by 1
    on conflict (worker_pool_id) do update set
      read_at = excluded.read_at, pending_tasks = excluded.pending_tasks, claimed_tasks = excluded.claimed_tasks,
      wanted_machines = excluded.wanted_machines, due_at = excluded.due_at, previous_read_at = r.read_at,
      previous_pending_tasks = r.pending_tasks, previous_claimed_tasks = r.claimed_tasks,
      previous_wanted_machines = r.wanted_machines
    where r.read_at < excluded.read_at`.execute(db);
}

/** The next poll reads the queue for the pool, however quiet it was. */
export async function makeReadingDue(db: Db, workerPoolId: string): Promise<void> {
  await db
    .updateTable('demandReadings')
    .set({ dueAt: 0 })
    .where('workerPoolId', '=', workerPoolId)
    .where('dueAt', '>', 0)
    .execute();
}

export const readingsOf = (row: DemandReadingsRow): DemandReadings => ({
  latest: { pendingTasks: row.pendingTasks, claimedTasks: row.claimedTasks },
  previous:
    row.previousPendingTasks === null || row.previousClaimedTasks === null
      ? null
      : { pendingTasks: row.previousPendingTasks, claimedTasks: row.previousClaimedTasks },
});
