import swagger from '@fastify/swagger';
import fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { dateTimeFormat } from '../domain/instants.js';
import { apiContext, type ApiContext } from './http/context.js';
import type { ApiDeps } from './http/deps.js';
import { replyWithError } from './http/error-replies.js';
import { noSuchCall } from './http/errors.js';
import { addHooks } from './http/hooks.js';
import { documented, securitySchemes } from './http/openapi.js';
import {
  closeUnusedConnections,
  httpLimits,
  limitConnections,
  refuseWhileClosing,
  serverLimits,
} from './http/limits.js';
import { trustsProxy } from '../config/trusted-proxies.js';
import type { SharedAnswer } from './http/shared-answers.js';
import { acceptJson } from './http/body.js';
import { API_PREFIX, normalizeUrl } from './http/paths.js';
import { addAuditOperations } from './routes/audit.js';
import { addBackoffOperations } from './routes/backoffs.js';
import { addChartOperations } from './routes/charts.js';
import { addDashboard } from './routes/dashboard.js';
import { addDecisionOperations } from './routes/decisions.js';
import { addErrorOperations } from './routes/errors.js';
import { addEvents } from './routes/events.js';
import { addExplainOperations } from './routes/explain.js';
import { addHealthOperations } from './routes/health.js';
import { addHistoryOperations } from './routes/histories.js';
import { addHoldOperations } from './routes/holds.js';
import { addLaunchConfigOperations } from './routes/launch-configs.js';
import { addOrphanOperations } from './routes/orphans.js';
import { addOverviewOperations, sharedOverview } from './routes/overview.js';
import { addPoolOperations } from './routes/pools.js';
import { refuseOtherMethods } from './http/other-methods.js';
import { addProviderOperations } from './routes/providers.js';
import { addReconciliationOperations } from './routes/reconciliation.js';
import { addReferences } from './routes/references.js';
import { addRegistrationOperations } from './routes/registration.js';
import { addReregistrationOperations } from './routes/reregistration.js';
import { addQueueWorkerOperations } from './routes/queue-workers.js';
import { addSessionOperations } from './routes/session.js';
import { addSettingOperations } from './routes/settings.js';
import { addStaticWorkerOperations } from './routes/static-workers.js';
import { addStatsOperations } from './routes/stats.js';
import { addUsageOperations } from './routes/usage.js';
import { addWorkerOperations } from './routes/workers.js';
import type { Overview } from './schemas/overview.js';

/** The HTTP API, not yet listening. */
export async function createServer(deps: ApiDeps): Promise<FastifyInstance> {
  const context = apiContext(deps);
  const loggerInstance: FastifyBaseLogger = deps.log;
  const { server } = deps.config;
  const limits = { ...httpLimits, ...deps.httpLimits };
  const trusts = trustsProxy(server.trustProxy);
  const app = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    ...serverLimits(limits, server.keepAliveSeconds),
    trustProxy: trusts,
    // Its 503 does not say when to come back: `refuseWhileClosing` does.
    return503OnClosing: false,
    rewriteUrl: (request) => normalizeUrl(request.url ?? '/'),
    frameworkErrors: (error, request, reply) => replyWithError(error, request, reply, deps.now()),
    ajv: {
      customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: true },
      onCreate: (ajv) => void ajv.addFormat('date-time', dateTimeFormat),
    },
  });
  limitConnections(app, limits);
  closeUnusedConnections(app);
  refuseWhileClosing(app);
  acceptJson(app);
  app.setErrorHandler((error, request, reply) => replyWithError(error as never, request, reply, deps.now()));
  app.setNotFoundHandler(() => {
    throw noSuchCall();
  });
  addHooks(app, context, trusts);
  app.addHook('onClose', () => context.advice.close());
  app.decorate('operations', []);
  await app.register(swagger, {
    openapi: {
      info: { title: 'Worker manager', description: 'HTTP API', version: deps.version.version },
      components: { securitySchemes },
    },
    transform: documented(app),
  });
  const overview = sharedOverview(context);
  await app.register(async (api) => addOperations(api, context, overview), { prefix: API_PREFIX });
  addDashboard(app);
  addEvents(app, context, overview);
  addReferences(app);
  addDescription(app);
  return app;
}

function addDescription(app: FastifyInstance): void {
  let description: unknown;
  app.get('/openapi.json', { schema: { hide: true }, config: { operation: 'openapi', isPublic: true } }, async () => {
    description ??= app.swagger();
    return description;
  });
}

function addOperations(api: FastifyInstance, context: ApiContext, overview: SharedAnswer<Overview>): void {
  addHealthOperations(api, context);
  addProviderOperations(api, context);
  addUsageOperations(api, context);
  addChartOperations(api, context);
  addSettingOperations(api, context);
  addPoolOperations(api, context);
  addOverviewOperations(api, overview);
  addSessionOperations(api, context);
  addHoldOperations(api, context);
  addBackoffOperations(api, context);
  addReconciliationOperations(api, context);
  addOrphanOperations(api, context);
  addDecisionOperations(api, context);
  addExplainOperations(api, context);
  addHistoryOperations(api, context);
  addAuditOperations(api, context);
  addLaunchConfigOperations(api, context);
  addStatsOperations(api, context);
  addErrorOperations(api, context);
  addWorkerOperations(api, context);
  addQueueWorkerOperations(api, context);
  addStaticWorkerOperations(api, context);
  addRegistrationOperations(api, context);
  addReregistrationOperations(api, context);
  refuseOtherMethods(api);
}
