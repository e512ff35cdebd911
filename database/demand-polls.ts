import { sql } from 'kysely';
import type { OutageData, PollEntry, ProviderData, SpanEnd } from '../domain/evidence.js';
import type { Db } from './client/schema.js';
import { bigint, databaseNow, int, jsonb, text } from './client/sql.js';

export interface PollRecord {
  readonly process: string;
  /** How long the poll has taken up to now. */
  readonly durationMs: number;
  readonly intervalMs: number;
  /** The row that this one adds its changes to; null: it has all pools. */
  readonly fullId: number | null;
  readonly pools: Readonly<Record<string, PollEntry | null>>;
  readonly errors: readonly string[];
  /** Every provider that this process or a pool names: what keeps it from launching, null for nothing. */
  readonly providers: Readonly<Record<string, Omit<ProviderData, 'process'> | null>>;
}

/** More than so many intervals without a poll are an outage. */
const OUTAGE_INTERVALS = 3;

/**
 * One statement for each poll: its row, what its process sees of providers, and the time without polls before it. What
 * a process that was killed has left open is closed by the next poll, at its own time. Gives the row's id.
 */
export async function recordPoll(db: Db, poll: PollRecord): Promise<number> {
  const { process, intervalMs } = poll;
  const seen: SpanEnd = { by: 'seen' };
  const outage: OutageData = { process };
  const views = Object.entries(poll.providers).map(([subject, data]) => ({
    subject,
    data: data && { ...data, process },
  }));
  const { rows } = await sql<{ id: number }>`
    with clock as materialized (select ${databaseNow} as now, ${databaseNow} - ${int(poll.durationMs)} as begun),
    before as materialized (select ended from demand_polls order by ended desc limit 1),
    outages as (
      insert into spans (kind, subject, begins, ends, data)
      select 'outage', '', b.ended, c.begun, ${jsonb(outage)} from before b, clock c
      where b.ended < c.begun - ${bigint(OUTAGE_INTERVALS * intervalMs)}),
    views as materialized (
      select subject, data from jsonb_to_recordset(${jsonb(views)}) as v(subject text, data jsonb)),
    closed as (
      update spans s set ends = greatest(s.begins, c.now), ended_by = ${jsonb(seen)} from views v, clock c
      where s.kind = 'provider' and s.subject = v.subject and s.ends is null
        and (s.data -> 'state', s.data -> 'message') is distinct from (v.data -> 'state', v.data -> 'message')
      returning 1),
    opened as (
      insert into spans (kind, subject, begins, data)
      select 'provider', v.subject, c.now, v.data from views v, clock c, (select count(*) from closed) as after_the_closed
      where v.data <> 'null' and not exists (
        select 1 from spans s where s.kind = 'provider' and s.subject = v.subject and s.ends is null
          and (s.data -> 'state', s.data -> 'message') is not distinct from (v.data -> 'state', v.data -> 'message'))
      on conflict do nothing)
    insert into demand_polls (begun, ended, process, full_id, interval_ms, pools, errors)
      select c.begun, c.now, ${text(process)}, ${bigint(poll.fullId)}, ${int(intervalMs)}, ${jsonb(poll.pools)},
        ${jsonb(poll.errors)} from clock c
    returning id`.execute(db);
  return rows[0]!.id;
}
