import { sql } from 'kysely';
import type { WorkerKey } from '../domain/ids.js';
import type { ScanNote } from '../domain/observation.js';
import type { Db } from './client/schema.js';
import { jsonb, text } from './client/sql.js';

export interface Scan {
  readonly begun: number;
  readonly ended: number;
  readonly complete: boolean;
  readonly machines: number;
  /** Lifecycles that were signalled a change. */
  readonly signalled: number;
  /** Machines of ours that no row knows. */
  readonly unowned: number;
}

/** Gives the scan's id. */
export async function beginScan(db: Db, providerId: string, nowMs: number): Promise<number> {
  const row = await db
    .insertInto('scans')
    .values({ providerId, begun: nowMs, ended: null, complete: false, machines: 0, signalled: 0, unowned: 0 })
    .returning('id')
    .executeTakeFirstOrThrow();
  return row.id;
}

export async function endScan(db: Db, scanId: number, scan: Omit<Scan, 'begun'>): Promise<void> {
  const { ended, complete, machines, signalled, unowned } = scan;
  await db
    .updateTable('scans')
    .set({ ended, complete, machines, signalled, unowned })
    .where('id', '=', scanId)
    .execute();
}

/** The last complete one: every worker of the provider was checked then. */
export async function lastScan(db: Db, providerId: string): Promise<Scan | null> {
  const { rows } = await sql<Scan>`
    select begun, ended, complete, machines, signalled, unowned from scans
    where provider_id = ${providerId} and complete and ended is not null order by begun desc limit 1`.execute(db);
  return rows[0] ?? null;
}

/** The end of the last complete scan of each of these providers; one without any is left out. */
export async function lastChecked(db: Db, providerIds: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ providerId: string; ended: number }>`
    select p.id as provider_id, s.ended from jsonb_array_elements_text(${jsonb([...new Set(providerIds)])}) as p(id)
    cross join lateral (select ended from scans where provider_id = p.id and complete and ended is not null
      order by ended desc limit 1) as s`.execute(db);
  return new Map(rows.map(({ providerId, ended }) => [providerId, ended]));
}

export async function scanNotes(db: Db, providerId: string): Promise<ScanNote[]> {
  const { rows } = await sql<ScanNote>`
    select worker_pool_id, worker_group, worker_id, noted, since, signalled_at, next_signal_at, signal_failures
    from scan_notes where provider_id = ${providerId}`.execute(db);
  return rows;
}

/**
 * Writes notes, each over the one that its worker may have. In the order of their keys: two scans must not deadlock.
 */
export async function setNotes(db: Db, providerId: string, notes: readonly ScanNote[]): Promise<void> {
  if (notes.length === 0) return;
  await sql`
    insert into scan_notes (worker_pool_id, worker_group, worker_id, provider_id, noted, since, signalled_at, next_signal_at,
      signal_failures)
    select n."workerPoolId", n."workerGroup", n."workerId", ${text(providerId)}, n.noted, n.since, n."signalledAt",
      n."nextSignalAt", n."signalFailures"
    from jsonb_to_recordset(${jsonb(notes)}) as n("workerPoolId" text, "workerGroup" text, "workerId" text, noted text,
      since bigint, "signalledAt" bigint, "nextSignalAt" bigint, "signalFailures" int)
    order by 1, 2, 3
    on conflict (worker_pool_id, worker_group, worker_id) do update set provider_id = excluded.provider_id,
      noted = excluded.noted, since = excluded.since, signalled_at = excluded.signalled_at,
      next_signal_at = excluded.next_signal_at, signal_failures = excluded.signal_failures`.execute(db);
}

/** In the order of their keys, as they are written. */
export async function clearNotes(db: Db, workers: readonly WorkerKey[]): Promise<void> {
  if (workers.length === 0) return;
  await sql`
    with locked as materialized (
      select s.worker_pool_id, s.worker_group, s.worker_id from scan_notes s
      join jsonb_to_recordset(${jsonb(workers)}) as k("workerPoolId" text, "workerGroup" text, "workerId" text)
        on s.worker_pool_id = k."workerPoolId" and s.worker_group = k."workerGroup" and s.worker_id = k."workerId"
      order by 1, 2, 3 for update of s)
    delete from scan_notes where (worker_pool_id, worker_group, worker_id) in (select * from locked)`.execute(db);
}
