import { sql } from 'kysely';
import type { WorkerState } from '../domain/worker.js';
import type { Db } from './schema.js';

export interface MetricFacts {
  readonly workers: readonly ({ readonly workerPoolId: string; readonly providerId: string } & Readonly<
    Record<Exclude<WorkerState, 'stopped'>, number>
  >)[];
  /** `outcome`: none (no answer yet), launched, short (fewer machines than asked) or failed. */
  readonly launches: readonly { readonly status: string; readonly outcome: string; readonly launches: number }[];
  /** 0 when every launch has its answer. */
  readonly oldestOpenLaunchSeconds: number;
}

/** What the metrics say of the records. */
export async function metricFacts(db: Db, nowMs: number): Promise<MetricFacts> {
  const workers = await sql<MetricFacts['workers'][number]>`
    select worker_pool_id, provider_id, count(*) filter (where state = 'requested') as requested,
      count(*) filter (where state = 'running') as running, count(*) filter (where state = 'stopping') as stopping
    from workers where state <> 'stopped' group by worker_pool_id, provider_id`.execute(db);
  const launches = await sql<{ status: string; outcome: string; launches: number; oldest: number }>`
    select status, case when status = 'open' then 'none' when status = 'failed' then 'failed'
        when machines < count then 'short' else 'launched' end as outcome,
      count(*) as launches, min(created) as oldest
    from launches group by 1, 2`.execute(db);
  const open = launches.rows.find(({ status }) => status === 'open');
  return {
    workers: workers.rows,
    launches: launches.rows.map(({ status, outcome, launches: count }) => ({ status, outcome, launches: count })),
    oldestOpenLaunchSeconds: open ? Math.max(0, nowMs - open.oldest) / 1000 : 0,
  };
}
