import { sql } from 'kysely';
import type { WorkerKey } from '../domain/ids.js';
import type { ScanNote } from '../domain/observation.js';
import type { Db } from './schema.js';
import { jsonb, text } from './sql.js';

export interface Scan {
  readonly begun: number;
  readonly ended: number;
  readonly complete: boolean;
  readonly machines: number;
  /** Lifecycles that were told of a change. */
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

/** The end of each provider's last complete scan, by provider. */
export async function lastChecked(db: Db): Promise<Map<string, number>> {
  const { rows } = await sql<{ providerId: string; ended: number }>`
    select provider_id, max(ended) as ended from scans where complete group by provider_id`.execute(db);
  return new Map(rows.map(({ providerId, ended }) => [providerId, ended]));
}

export async function scanNotes(db: Db, providerId: string): Promise<ScanNote[]> {
  const { rows } = await sql<ScanNote>`
    select worker_pool_id, worker_group, worker_id, noted, since, signalled_at from scan_notes
    where provider_id = ${providerId}`.execute(db);
  return rows;
}

/** Writes notes, each over the one that its worker may have. */
export async function setNotes(db: Db, providerId: string, notes: readonly ScanNote[]): Promise<void> {
  if (notes.length === 0) return;
  await sql`
    insert into scan_notes (worker_pool_id, worker_group, worker_id, provider_id, noted, since, signalled_at)
    select n."workerPoolId", n."workerGroup", n."workerId", ${text(providerId)}, n.noted, n.since, n."signalledAt"
    from jsonb_to_recordset(${jsonb(notes)}) as n("workerPoolId" text, "workerGroup" text, "workerId" text, noted text,
      since bigint, "signalledAt" bigint)
    on conflict (worker_pool_id, worker_group, worker_id) do update set provider_id = excluded.provider_id,
      noted = excluded.noted, since = excluded.since, signalled_at = excluded.signalled_at`.execute(db);
}

export async function clearNotes(db: Db, workers: readonly WorkerKey[]): Promise<void> {
  if (workers.length === 0) return;
  await sql`
    delete from scan_notes s
    using jsonb_to_recordset(${jsonb(workers)}) as k("workerPoolId" text, "workerGroup" text, "workerId" text)
    where s.worker_pool_id = k."workerPoolId" and s.worker_group = k."workerGroup" and s.worker_id = k."workerId"`.execute(
    db,
  );
}
