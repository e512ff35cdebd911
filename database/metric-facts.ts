import { sql } from 'kysely';
import type { RecordedMetrics } from '../observability/metrics.js';
import type { Db } from './client/schema.js';
import { bigint } from './client/sql.js';
import { DAY_MS, HOUR_MS } from '../domain/durations.js';
import { advisedWorkers, groupCapacities, poolFigures } from './taskcluster-figures.js';

/** What the metrics say of the database: of live workers, and of launches without an end or of the last hour. */
export async function recordedMetrics(db: Db, nowMs: number): Promise<RecordedMetrics> {
  const workers = await sql<RecordedMetrics['workers'][number]>`
    select worker_pool_id, provider_id, count(*) filter (where state = 'requested') as requested,
      count(*) filter (where state = 'running') as running, count(*) filter (where state = 'stopping') as stopping
    from workers where state <> 'stopped' group by worker_pool_id, provider_id`.execute(db);
  // Old launches are many, and tell nothing of what happens now.
  const launches = await sql<{ status: string; outcome: string; launches: number; oldest: number }>`
    select status, case when status = 'open' then 'none' when status = 'failed' then 'failed'
        when machines < count then 'short' else 'launched' end as outcome,
      count(*) as launches, min(created) as oldest
    from (
      select status, machines, count, created from launches where status in ('open', 'fulfilled')
      union all select status, machines, count, created from launches
        where status in ('done', 'failed') and closed > ${bigint(nowMs - HOUR_MS)}) as recent
    group by 1, 2`.execute(db);
  const orphans = await sql<{ providerId: string; verdict: string; orphans: number; firstSeen: number }>`
    select provider_id, verdict, count(*) as orphans, min(first_seen) as first_seen from orphans
    group by provider_id, verdict`.execute(db);
  const acts = await sql<{ act: string; acts: number }>`
    select act, count(*) as acts from orphan_acts where at > ${bigint(nowMs - HOUR_MS)} group by act`.execute(db);
  const wedged = await sql<{ verdict: string; lifecycles: number }>`
    select verdict, count(*) as lifecycles from wedged_lifecycles group by verdict`.execute(db);
  const preempted = await sql<RecordedMetrics['preempted'][number]>`
    select worker_pool_id, launch_config_id, count(*) as machines from preemptions
    where at > ${bigint(nowMs - DAY_MS)} group by worker_pool_id, launch_config_id`.execute(db);
  // What only carries tags is nobody's to clear away.
  const ages = orphans.rows.filter(({ verdict }) => verdict !== 'tagged').map(({ firstSeen }) => nowMs - firstSeen);
  const open = launches.rows.find(({ status }) => status === 'open');
  return {
    workers: workers.rows,
    launches: launches.rows.map(({ status, outcome, launches: count }) => ({ status, outcome, launches: count })),
    taskcluster: {
      groups: await groupCapacities(db, nowMs),
      pools: await poolFigures(db),
      advised: await advisedWorkers(db),
    },
    oldestOpenLaunchSeconds: open ? Math.max(0, nowMs - open.oldest) / 1000 : 0,
    orphans: orphans.rows.map(({ providerId, verdict, orphans: count }) => ({ providerId, verdict, orphans: count })),
    oldestOrphanSeconds: Math.max(0, ...ages) / 1000,
    orphanActs: acts.rows,
    preempted: preempted.rows,
    wedged: wedged.rows,
  };
}
