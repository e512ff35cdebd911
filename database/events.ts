import { sql, type RawBuilder } from 'kysely';
import { bigint, jsonb, storable } from './client/sql.js';
import type { LaunchConfigTopic, PoolTopic, WorkerTopic } from '../domain/messages.js';
import type { Db } from './client/schema.js';

/** Topics and payloads are Taskcluster's (docs/taskcluster-compatibility.md#events). */
export interface NewEvent {
  readonly topic: PoolTopic | LaunchConfigTopic;
  readonly payload: Readonly<Record<string, string>>;
}

/** Puts events into the outbox, in this order. Belongs in the transaction of the change that caused them. */
export async function announce(db: Db, events: readonly NewEvent[], nowMs: number): Promise<void> {
  if (events.length === 0) return;
  await db
    .insertInto('events')
    .values(events.map((event) => ({ at: nowMs, topic: event.topic, payload: jsonb(event.payload) })))
    .execute();
}

/**
 * A part of a statement: announces each worker of the part called `changed`, which gives rows of `workers`. Static
 * workers are not announced (docs/taskcluster-compatibility.md#events); they are those that no launch created.
 */
export const announceWorkers = (
  topic: WorkerTopic,
  nowMs: number,
  reason: string | null = null,
): RawBuilder<unknown> => sql`
  insert into events (at, topic, payload)
  select ${bigint(nowMs)}, ${topic}, jsonb_strip_nulls(jsonb_build_object(
    'workerPoolId', c.worker_pool_id, 'providerId', c.provider_id, 'workerGroup', c.worker_group,
    'workerId', c.worker_id, 'capacity', c.capacity, 'launchConfigId', c.launch_config_id,
    'timestamp', cast(${iso(nowMs)} as text), 'reason', cast(${reason === null ? null : storable(reason)} as text)))
  from changed c where c.launch_token is not null`;

/** On the wire instants are text. */
export const iso = (ms: number): string => new Date(ms).toISOString();
