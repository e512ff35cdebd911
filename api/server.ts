import swagger from '@fastify/swagger';
import fastify, { LogController, type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from 'fastify';
import { logEvent } from '../observability/log-events.js';
import { recordSignOfLife } from '../records/signs-of-life.js';
import { authenticate, type AuthSettings } from './auth/authenticate.js';
import type { Caller } from './auth/client.js';
import { foreignRequest } from './auth/origin.js';
import { SignsOfLife } from './auth/signs-of-life.js';
import { apiContext, type ApiContext } from './context.js';
import type { ApiDeps } from './deps.js';
import { replyWithError } from './error-replies.js';
import { ApiError, notFound } from './errors.js';
import { acceptJson } from './json-body.js';
import { API_PREFIX, normalizeUrl } from './paths.js';
import { addDecisionOperations } from './routes/decisions.js';
import { addErrorOperations } from './routes/errors.js';
import { addHealthOperations } from './routes/health.js';
import { addHoldOperations } from './routes/holds.js';
import { addLaunchConfigOperations } from './routes/launch-configs.js';
import { addFrontPage } from './routes/front-page.js';
import { addPoolOperations } from './routes/pools.js';
import { addProviderOperations } from './routes/providers.js';
import { addRegistrationOperations } from './routes/registration.js';
import { addReregistrationOperations } from './routes/reregistration.js';
import { addStaticWorkerOperations } from './routes/static-workers.js';
import { addStatsOperations } from './routes/stats.js';
import { addWorkerOperations } from './routes/workers.js';

/** Bytes of a body; definitions of pools are the largest. */
const BODY_LIMIT = 10 * 1024 * 1024;
/** Characters of one path component: longer than any id, so that a long one is refused by its pattern. */
const MAX_PARAM_LENGTH = 2000;

/** The HTTP API, not yet listening. */
export async function createServer(deps: ApiDeps): Promise<FastifyInstance> {
  const context = apiContext(deps);
  const loggerInstance: FastifyBaseLogger = deps.log;
  const app = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: deps.config.server.trustProxy,
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    rewriteUrl: (request) => normalizeUrl(request.url ?? '/'),
    frameworkErrors: (error, request, reply) => replyWithError(error, request, reply, deps.now()),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: true } },
  });
  acceptJson(app);
  app.setErrorHandler((error, request, reply) => replyWithError(error as never, request, reply, deps.now()));
  app.setNotFoundHandler(() => {
    throw notFound('There is no such API call.');
  });
  addHooks(app, context);
  await app.register(swagger, {
    openapi: { info: { title: 'Worker manager', description: 'HTTP API', version: deps.version.version } },
  });
  await app.register(async (api) => addOperations(api, context), { prefix: API_PREFIX });
  addFrontPage(app, context);
  return app;
}

function addOperations(api: FastifyInstance, context: ApiContext): void {
  addHealthOperations(api, context);
  addProviderOperations(api, context);
  addPoolOperations(api, context);
  addHoldOperations(api, context);
  addDecisionOperations(api, context);
  addLaunchConfigOperations(api, context);
  addStatsOperations(api, context);
  addErrorOperations(api, context);
  addWorkerOperations(api, context);
  addStaticWorkerOperations(api, context);
  addRegistrationOperations(api, context);
  addReregistrationOperations(api, context);
}

function addHooks(app: FastifyInstance, context: ApiContext): void {
  const { config, clients, now, ownUrls } = context;
  const settings: AuthSettings = {
    type: config.auth.type === 'open' ? 'open' : 'static',
    ownUrls,
    trustProxy: config.server.trustProxy,
  };
  const signs = new SignsOfLife((worker) => recordSignOfLife(context.db, worker, now()));

  app.decorateRequest('caller');
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'cache-control': 'no-store no-cache must-revalidate',
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'OPTIONS,GET,PUT,POST,DELETE',
      'access-control-allow-headers': 'Authorization,Content-Type',
    });
    if (settings.type === 'open') {
      const { host, origin } = request.headers;
      const reason = foreignRequest({ host, origin }, ownUrls);
      if (reason) throw new ApiError('InsufficientScopes', reason);
    }
    if (request.method === 'OPTIONS') return reply.code(204).send();
    request.caller = NOBODY;
    if (request.routeOptions.config.isPublic) return;
    request.caller = await authenticate(asSent(request), settings, clients, now());
    await signs.note(request.caller.clientId).catch((error: unknown) => {
      // Its next call tries again; the call itself has nothing to do with it.
      logEvent(request.log, 'sign-of-life-unwritten', { err: error });
    });
  });
  app.addHook('onResponse', async (request, reply) => {
    const { operation } = request.routeOptions.config;
    logEvent(request.log, 'api-call', { operation, status: reply.statusCode, ms: Math.round(reply.elapsedTime) });
  });
}

const NOBODY: Caller = { clientId: null, scopes: [] };

const asSent = (request: FastifyRequest) => ({
  method: request.method,
  url: request.originalUrl,
  headers: request.headers,
});
