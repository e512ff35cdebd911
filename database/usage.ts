import { sql } from 'kysely';
import { MINUTE_MS } from '../domain/durations.js';
import type { Db } from './client/schema.js';
import { bigint } from './client/sql.js';
import { launchedMachines, possibleMachines } from './reservations.js';

/** What the whole deployment uses of what it may. */

export interface Usage {
  /** That exist, or may. */
  readonly machines: number;
  readonly launchedLastMinute: number;
}

export async function usageOfLimits(db: Db, nowMs: number): Promise<Usage> {
  const { rows } = await sql<Usage>`
    select ${possibleMachines} as machines,
      (select coalesce(sum(${launchedMachines}), 0) from launches where created > ${bigint(nowMs - MINUTE_MS)}) as launched_last_minute`.execute(
    db,
  );
  const { machines, launchedLastMinute } = rows[0]!;
  return { machines: Number(machines), launchedLastMinute: Number(launchedLastMinute) };
}

/** Calls of one kind that may change something in a cloud. */
export interface CallUsage {
  readonly providerId: string;
  readonly operation: string;
  readonly region: string | null;
  readonly calls: number;
  readonly refused: number;
  /** What the last one that was refused was told; null: none was. */
  readonly lastRefusal: string | null;
  /** The longest wait for a place among all calls. */
  readonly waitedMs: number;
}

/** Calls that began after an instant, those first that were refused most. */
export async function usageOfCalls(db: Db, since: number): Promise<CallUsage[]> {
  const { rows } = await sql<CallUsage>`
    select provider_id, operation, region, cast(count(*) as int) as calls,
      cast(count(*) filter (where result <> 'ok') as int) as refused,
      (array_agg(coalesce(cloud_code, result) order by begun desc) filter (where result <> 'ok'))[1] as last_refusal,
      max(waited_ms) as waited_ms
    from attempts where begun > ${bigint(since)}
    group by provider_id, operation, region order by refused desc, calls desc, provider_id, operation, region`.execute(
    db,
  );
  return rows;
}

/** Calls that wait until the cloud takes them again. */
export interface CallPause {
  readonly bucket: string;
  readonly since: number;
  readonly until: number;
}

export async function callPauses(db: Db, nowMs: number): Promise<CallPause[]> {
  const { rows } = await sql<CallPause>`
    select subject as bucket, begins as since, ends as until from spans
    where kind = 'call-pause' and ends > ${bigint(nowMs)} order by ends desc`.execute(db);
  return rows;
}
