import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { noWorkers } from '../../database/counts.js';
import { latestDecisions } from '../../database/decisions.js';
import { ALL_POOLS, listHolds } from '../../database/holds.js';
import { listPoolProviders } from '../../database/pools.js';
import type { ApiContext } from '../http/context.js';
import { requireScopes } from '../http/operation.js';
import { SharedAnswer } from '../http/shared-answers.js';

const page = readFileSync(new URL('./front-page.html', import.meta.url), 'utf8');
/** Pools that the page shows. */
const MAX_POOLS = 1000;
const OVERVIEW_SHARED_MS = 1000;

/** The page runs its own script and style and talks to this server; nothing else, and in nobody's frame. */
const contentSecurityPolicy = [
  "default-src 'none'",
  `script-src ${hashOf('script')}`,
  `style-src ${hashOf('style')}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** `GET /` for people, what it shows as JSON, and the API's description. */
export function addFrontPage(app: FastifyInstance, context: ApiContext): void {
  const shared = new SharedAnswer(() => overview(context), OVERVIEW_SHARED_MS);
  app.get('/', { schema: { hide: true }, config: { operation: 'frontPage', isPublic: true } }, (_request, reply) =>
    reply.header('content-security-policy', contentSecurityPolicy).type('text/html; charset=utf-8').send(page),
  );
  app.get('/overview.json', { schema: { hide: true }, config: { operation: 'overview' } }, async (request) => {
    requireScopes(request.caller, ['worker-manager:list-worker-pools']);
    return shared.get();
  });
  let description: unknown;
  app.get('/openapi.json', { schema: { hide: true }, config: { operation: 'openapi', isPublic: true } }, async () => {
    description ??= app.swagger();
    return description;
  });
}

/** The source expression that allows the page's one inline element of this name. */
function hashOf(element: 'script' | 'style'): string {
  const content = new RegExp(`<${element}>(.*?)</${element}>`, 's').exec(page)?.[1] ?? '';
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
}

async function overview({ db, counters: shared, temporalUiUrl }: ApiContext) {
  const [{ items: pools }, counters, decisions, holds] = await Promise.all([
    listPoolProviders(db, { limit: MAX_POOLS, after: null }),
    shared.get(),
    latestDecisions(db),
    listHolds(db),
  ]);
  const lastOf = new Map(decisions.map((row) => [row.workerPoolId, row]));
  const held = new Set(holds.map(({ scope }) => scope));
  return {
    temporalUiUrl,
    pools: pools.map(({ workerPoolId, providerId }) => {
      const { requestedCount, runningCount, stoppingCount, stoppedCount } = counters.get(workerPoolId) ?? noWorkers;
      const decision = lastOf.get(workerPoolId);
      return {
        workerPoolId,
        providerId,
        // As the pool's last reconciliation saw it; null when there was none, or it could not read it.
        pending: decision?.decision.inputs.pendingTasks ?? null,
        reconciledAt: decision?.lastAt ?? null,
        requested: requestedCount,
        running: runningCount,
        stopping: stoppingCount,
        stopped: stoppedCount,
        held: held.has(workerPoolId) || held.has(ALL_POOLS),
      };
    }),
  };
}
