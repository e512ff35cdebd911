import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { poolRecords } from '../../database/explain-records.js';
import { workerEvidence } from '../../database/explain-worker-records.js';
import { DAY_MS } from '../../domain/durations.js';
import { evidenceAt } from '../../domain/explain/evidence-at.js';
import { explainPool } from '../../domain/explain/explain.js';
import { explainWorker, minimumOf } from '../../domain/explain/explain-worker.js';
import type { Explanation, Source } from '../../domain/explain/explanation.js';
import { changesIn, explainRange } from '../../domain/explain/range.js';
import type { ApiContext } from '../http/context.js';
import { inputError } from '../http/errors.js';
import { instantOf } from '../http/instants.js';
import { addOperation } from '../http/operation.js';
import { API_PREFIX } from '../http/paths.js';
import { poolParams, workerParams } from '../schemas/common.js';
import { explainQuery, explanation } from '../schemas/explain.js';
import { iso } from '../schemas/serialization.js';

/** Longer than evidence is kept. */
const MAX_RANGE_MS = 31 * DAY_MS;

interface Query {
  readonly at?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/**
 * Why there is no machine, or was none at a past instant, from the database alone. Added to Taskcluster's calls
 * (docs/taskcluster-compatibility.md#routes).
 */
export function addExplainOperations(api: FastifyInstance, context: ApiContext): void {
  const shared = {
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'GET',
    query: explainQuery,
    response: explanation,
  } as const;

  addOperation(api, {
    ...shared,
    name: 'explainWorkerPool',
    path: '/worker-pool/:workerPoolId/explain',
    summary: 'Why a pool has, or at an instant had, no more machines',
    params: poolParams,
    scopes: ({ workerPoolId }) => [`worker-manager:get-worker-pool:${workerPoolId}`],
    handle: ({ params: { workerPoolId }, query }) => explained(context, workerPoolId, query),
  });
  addOperation(api, {
    ...shared,
    name: 'explainTaskQueue',
    path: '/task-queue/:taskQueueId/explain',
    summary: 'Why a task queue has, or at an instant had, no more machines; also where no pool serves it',
    params: { taskQueueId: Type.String({ minLength: 1, maxLength: 80, examples: ['proj-ci/linux'] }) },
    scopes: ({ taskQueueId }) => [`worker-manager:get-worker-pool:${taskQueueId}`],
    handle: ({ params: { taskQueueId }, query }) => explained(context, taskQueueId, query),
  });
  addOperation(api, {
    ...shared,
    name: 'explainWorker',
    category: 'Workers',
    path: '/workers/:workerPoolId/:workerGroup/:workerId/explain',
    summary: 'What a worker does, or did at an instant, and why',
    params: workerParams,
    query: { at: explainQuery.at },
    scopes: ({ workerPoolId }) => [`worker-manager:get-worker-pool:${workerPoolId}`],
    handle: async ({ params, query }) => {
      const at = instantOf('at', query.at) ?? context.now();
      const { db, config } = context;
      const { estimator } = config.provisioning;
      const evidence = await workerEvidence(db, params, at);
      const records = await poolRecords(db, params.workerPoolId, { from: at, to: at }, estimator);
      const minimum = minimumOf(evidenceAt(records, at));
      return toExplanationResponse(explainWorker({ ...evidence, minimum }, at), null);
    },
  });
}

async function explained({ db, config, now }: ApiContext, workerPoolId: string, query: Query): Promise<object> {
  const at = instantOf('at', query.at);
  const from = instantOf('from', query.from);
  const to = instantOf('to', query.to);
  const { estimator } = config.provisioning;
  if (from === null && to === null) {
    const instant = at ?? now();
    const records = await poolRecords(db, workerPoolId, { from: instant, to: instant }, estimator);
    return toExplanationResponse(explainPool(evidenceAt(records, instant), instant), null);
  }
  if (from === null || to === null || at !== null) throw inputError('Give at, or both from and to.');
  if (from >= to || to - from > MAX_RANGE_MS) throw inputError('from must be before to, by 31 days at most.');
  const records = await poolRecords(db, workerPoolId, { from, to }, estimator);
  const strip = explainRange(records, { from, to }, changesIn(records, { from, to }));
  return toExplanationResponse(explainPool(evidenceAt(records, to), to), strip);
}

const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));

function toExplanationResponse(found: Explanation, strip: ReturnType<typeof explainRange> | null): object {
  const { nextChange } = found;
  return {
    ...found,
    at: iso(found.at),
    since: isoOrNull(found.since),
    until: isoOrNull(found.until),
    nextChange: nextChange && { what: nextChange.what, at: iso(nextChange.at) },
    candidates: found.candidates.map((each) => ({ ...each, until: isoOrNull(each.until) })),
    evidence: found.evidence.map((source) => ({ ...source, at: iso(source.at), href: hrefOf(found.subject, source) })),
    ...(strip && { strip: strip.map((each) => ({ ...each, from: iso(each.from), to: iso(each.to) })) }),
  };
}

/** Where the API shows the row; most are shown nowhere else. */
function hrefOf(subject: string, { kind, id }: Source): string | null {
  const pool = encodeURIComponent(subject.split('/').slice(0, 2).join('/'));
  switch (kind) {
    case 'decision':
      return `${API_PREFIX}/worker-pool/${pool}/decisions`;
    case 'worker':
      return `${API_PREFIX}/workers/${pool}/${id.split('/').slice(2).join('/')}`;
    case 'audit':
      return `${API_PREFIX}/audit/worker-pool/${pool}`;
    default:
      return null;
  }
}
