import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, RefusedError } from './connection.js';

/** Server-sent events of a running deployment (api/routes/events.ts). */

/** `overview`, or one pool. */
export type Topic = 'overview' | `pool:${string}`;

type Rows = Readonly<Record<string, unknown>>;

interface LiveEvent {
  /** All rows; those that changed, `null` where one is gone; or that none did. */
  readonly event: 'snapshot' | 'change' | 'read';
  readonly rows: Rows;
}

/** Ends with the connection, which the server ends once an hour. */
async function* eventsOf(connection: Connection, topic: Topic, signal?: AbortSignal): AsyncGenerator<LiveEvent> {
  const body = await connection.stream(`events?topics=${encodeURIComponent(topic)}`, signal);
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of untilBroken(body)) {
    const blocks = (text + decoder.decode(chunk, { stream: true })).split('\n\n');
    text = blocks.pop()!;
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => [line.split(': ', 1)[0], line.replace(/^\w*: /, '')]));
      const [event, data] = [fields.get('event') as LiveEvent['event'] | undefined, fields.get('data')];
      if (event && data) yield { event, rows: (JSON.parse(data) as { readonly rows?: Rows }).rows ?? {} };
    }
  }
}

/** A connection that breaks is one that ends. */
async function* untilBroken<T>(chunks: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* chunks;
  } catch {
    // Whoever follows it connects again, and hears then what is wrong.
  }
}

/** All rows of a topic by their keys, after each event: after a reading without a change too. */
export async function* liveRows(
  connection: Connection,
  topic: Topic,
  signal: AbortSignal,
): AsyncGenerator<ReadonlyMap<string, unknown>> {
  const all = new Map<string, unknown>();
  for await (const { event, rows } of eventsOf(connection, topic, signal)) {
    if (event === 'snapshot') all.clear();
    for (const [key, row] of Object.entries(rows)) {
      if (row === null && key.includes('/')) all.delete(key);
      else all.set(key, row);
    }
    yield all;
  }
}

/** Between two readings of what no topic shows, and before a connection that ended is made again. */
const READ_INTERVAL_MS = 2_000;

/**
 * When to read again what a topic is about: at once, and after each change that the server tells of. Every two seconds
 * without a topic, and for whom the server has no events.
 */
export async function* changesOf(connection: Connection, topic: Topic | null): AsyncGenerator<void> {
  while (topic !== null) {
    try {
      for await (const { event } of eventsOf(connection, topic)) if (event !== 'read') yield;
      await delay(READ_INTERVAL_MS);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      break;
    }
  }
  for (;;) {
    yield;
    await delay(READ_INTERVAL_MS);
  }
}
