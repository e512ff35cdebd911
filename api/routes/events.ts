import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { workerPoolIdPattern } from '../../domain/ids.js';
import { listDecisions } from '../../database/decisions.js';
import { listWorkers } from '../../database/workers.js';
import { logEvent } from '../../observability/log-events.js';
import type { ApiContext } from '../http/context.js';
import { ApiError } from '../http/errors.js';
import { requireScopes } from '../http/operation.js';
import type { SharedAnswer } from '../http/shared-answers.js';
import { EventStream } from '../live/event-stream.js';
import { LiveTopic, type Rows } from '../live/live-topic.js';
import type { Overview } from '../schemas/overview.js';
import { iso } from '../schemas/serialization.js';
import { overviewScopes, readPoolRow } from './overview.js';
import { workersResponse } from './workers.js';

const READ_INTERVAL_MS = 2_000;
/** Live ones of a pool, the newest, that a page is kept up to date with. */
const MAX_WORKERS = 500;
const MAX_DECISIONS = 20;
const MAX_TOPICS = 5;
/** Streams of one process, each of an open page. */
const MAX_STREAMS = 1_000;
/** A browser comes again at once, and is authenticated anew. */
const MAX_STREAM_MS = 3600_000;

/**
 * `GET /events?topics=overview,pool:<workerPoolId>`: server-sent events. Of each topic a `snapshot` with all rows by
 * key comes first; then `change`, with the rows that changed (`null`: gone), or `read` when none did: what has heard
 * nothing for a few seconds is not up to date.
 */
export function addEvents(app: FastifyInstance, context: ApiContext, overview: SharedAnswer<Overview>): void {
  const topics = new Map<string, LiveTopic>();
  const streams = new Set<EventStream>();
  const topicOf = (name: string): LiveTopic => {
    const topic = topics.get(name) ?? new LiveTopic(readerOf(name, context, overview), READ_INTERVAL_MS, failed(name));
    topics.set(name, topic);
    return topic;
  };
  const failed = (topic: string) => (error: unknown) =>
    logEvent(context.log, 'live-read-failed', { topic, err: error });
  const follow = (name: string, stream: EventStream): (() => void) => {
    const send = (event: string, rows?: Rows): boolean => {
      if (stream.isSlow) return false;
      stream.send(event, { topic: name, at: iso(context.now()), rows });
      return true;
    };
    const topic = topicOf(name);
    const end = topic.listen({
      onSnapshot: (rows) => send('snapshot', rows),
      onRead: (changed) => (Object.keys(changed).length > 0 ? send('change', changed) : send('read')),
    });
    return () => {
      end();
      if (!topic.isHeard) topics.delete(name);
    };
  };

  app.addHook('preClose', async () => {
    for (const stream of streams) stream.end();
  });
  app.get(
    '/events',
    { schema: { hide: true }, config: { operation: 'events', isStream: true } },
    (request: FastifyRequest, reply: FastifyReply) => {
      const names = topicsOf(request);
      requireScopes(request.caller, names.flatMap(scopesOf));
      if (streams.size >= MAX_STREAMS) throw new ApiError('TryAgain', 'Too many pages are open. Try again later.');
      const lastsMs = Math.min(MAX_STREAM_MS, (request.sessionExpires ?? Infinity) - context.now());
      const headers = reply.getHeaders() as OutgoingHttpHeaders;
      reply.hijack();
      const stream = new EventStream(reply.raw, headers);
      streams.add(stream);
      const ends = names.map((name) => follow(name, stream));
      const end = setTimeout(() => stream.end(), lastsMs);
      stream.onClose(() => {
        clearTimeout(end);
        streams.delete(stream);
        for (const unfollow of ends) unfollow();
      });
    },
  );
}

function topicsOf({ query }: FastifyRequest): readonly string[] {
  const { topics } = query as { readonly topics?: unknown };
  const names = typeof topics === 'string' ? [...new Set(topics.split(','))] : [];
  const isTopic = (name: string) => name === 'overview' || workerPoolIdPattern.test(poolOf(name) ?? '');
  if (names.length === 0 || names.length > MAX_TOPICS || !names.every(isTopic)) {
    const message = `topics: up to ${MAX_TOPICS} of overview and pool:<workerPoolId>, with commas between them.`;
    throw new ApiError('InvalidRequestArguments', message);
  }
  return names;
}

const poolOf = (topic: string): string | null => /^pool:(.*)$/s.exec(topic)?.[1] ?? null;

function scopesOf(topic: string): readonly string[] {
  const pool = poolOf(topic);
  if (pool === null) return overviewScopes;
  return [`worker-manager:get-worker-pool:${pool}`, `worker-manager:list-workers:${pool}`];
}

function readerOf(topic: string, context: ApiContext, overview: SharedAnswer<Overview>): () => Promise<Rows> {
  const pool = poolOf(topic);
  return pool === null ? () => overviewRows(overview) : () => poolRows(context, pool);
}

async function overviewRows(overview: SharedAnswer<Overview>): Promise<Rows> {
  const { pools, isComplete, temporalUiUrl } = await overview.get();
  return {
    ...Object.fromEntries(pools.map((pool) => [pool.workerPoolId, pool])),
    // No pool is called so.
    all: { isComplete, temporalUiUrl },
  };
}

/** `pool` is null where there is none. */
async function poolRows(context: ApiContext, workerPoolId: string): Promise<Rows> {
  const page = { limit: MAX_WORKERS, after: null };
  const [pool, workers, decisions] = await Promise.all([
    readPoolRow(context, workerPoolId),
    listWorkers(context.db, { workerPoolId, isLive: true }, page),
    listDecisions(context.db, workerPoolId, { limit: MAX_DECISIONS, after: null }),
  ]);
  const rows = (await workersResponse(context, workers.items)).map((worker) => [
    `worker/${worker.workerGroup}/${worker.workerId}`,
    worker,
  ]);
  return {
    ...Object.fromEntries(rows),
    pool,
    workers: { isComplete: workers.after === null },
    decisions: decisions.items.map((row) => ({ ...row, firstAt: iso(row.firstAt), lastAt: iso(row.lastAt) })),
  };
}
