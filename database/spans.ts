import { sql, type RawBuilder } from 'kysely';
import type { SpanData, SpanEnd, SpanKind } from '../domain/evidence.js';
import { databaseNow, jsonb, text } from './client/sql.js';

/** Parts of a statement that begin and end spans (migrations/0003_evidence.sql). Its part `clock` is in all of them. */
export const spanClock = sql`clock as materialized (select ${databaseNow} as now)`;

interface OpenSpan {
  readonly kind: SpanKind;
  readonly subject: string;
}

/** Part `ended_span`: the span ends that lasts, if one does, and if `condition` holds. */
export const endedSpan = (
  { kind, subject }: OpenSpan,
  endedBy: SpanEnd,
  condition: RawBuilder<unknown> = sql`true`,
): RawBuilder<unknown> => sql`
  ended_span as (
    update spans s set ends = greatest(s.begins, c.now), ended_by = ${jsonb(endedBy)} from clock c
    where s.kind = ${text(kind)} and s.subject = ${text(subject)} and s.part = '' and s.ends is null and ${condition}
    returning 1)`;

/** Part `begun_span`, behind `ended_span`: of two that begin one at the same instant, the later says what it is. */
export const begunSpan = ({ kind, subject }: OpenSpan, data: SpanData): RawBuilder<unknown> => sql`
  begun_span as (
    insert into spans (kind, subject, begins, data)
    select ${text(kind)}, ${text(subject)}, c.now, ${jsonb(data)} from clock c, (select count(*) from ended_span) as after_it
    on conflict (kind, subject, part) where ends is null do update set data = excluded.data)`;
