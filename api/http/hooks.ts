import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { logEvent } from '../../observability/log-events.js';
import { recordCredentialsUsed } from '../../database/credentials-used.js';
import { authenticate, type AuthSettings } from '../auth/authenticate.js';
import type { Caller } from '../auth/client.js';
import { invalidHost } from '../auth/hosts.js';
import { foreignRequest } from '../auth/origin.js';
import { assertPayloadHash } from '../auth/payload-hash.js';
import { CredentialsUse } from '../auth/credentials-used.js';
import type { ApiContext } from './context.js';
import { ApiError } from './errors.js';
import type { TrustsProxy } from '../../config/trusted-proxies.js';

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
    /** Hash that the caller's signature gives the body; null where it covers none. */
    signedPayloadHash: string | null;
    /** The body as it came, where its hash is to be checked. */
    signedPayload: Buffer | null;
  }
}

const NOBODY: Caller = { clientId: null, scopes: [] };
const NO_PAYLOAD = Buffer.alloc(0);

/** What is done with each request before its operation: headers, the host's rules, credentials, the signed body. */
export function addHooks(app: FastifyInstance, context: ApiContext, trusts: TrustsProxy): void {
  const authenticated = authentication(context, trusts);
  app.decorateRequest('caller');
  app.decorateRequest('signedPayloadHash', null);
  app.decorateRequest('signedPayload', null);
  app.addHook('onRequest', async (request, reply) => {
    setHeaders(reply);
    assertHost(context, request);
    if (request.method === 'OPTIONS') return reply.code(204).send();
    request.caller = NOBODY;
    if (!request.routeOptions.config.isPublic) await authenticated(request);
  });
  app.addHook('preValidation', async ({ signedPayloadHash, signedPayload, headers }) => {
    if (signedPayloadHash === null) return;
    assertPayloadHash(signedPayloadHash, signedPayload ?? NO_PAYLOAD, headers['content-type']);
  });
  app.addHook('onResponse', async (request, reply) => {
    const { operation } = request.routeOptions.config;
    logEvent(request.log, 'api-call', { operation, status: reply.statusCode, ms: Math.round(reply.elapsedTime) });
  });
}

function setHeaders(reply: FastifyReply): void {
  reply.headers({
    'cache-control': 'no-store no-cache must-revalidate',
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'OPTIONS,GET,PUT,POST,DELETE',
    'access-control-allow-headers': 'Authorization,Content-Type',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  });
}

function assertHost({ config, ownUrls }: ApiContext, { raw, headers }: FastifyRequest): void {
  const fault = invalidHost(raw.rawHeaders);
  if (fault !== null) throw new ApiError('InvalidRequestArguments', fault);
  if (config.auth.type !== 'open') return;
  const reason = foreignRequest({ host: headers.host, origin: headers.origin }, ownUrls);
  if (reason) throw new ApiError('InsufficientScopes', reason);
}

function authentication({ db, config, clients, now, ownUrls }: ApiContext, trusts: TrustsProxy) {
  const settings: AuthSettings = { type: config.auth.type === 'open' ? 'open' : 'static', ownUrls };
  const credentialsUse = new CredentialsUse((worker) => recordCredentialsUsed(db, worker, now()));
  return async (request: FastifyRequest): Promise<void> => {
    const { payloadHash, ...caller } = await authenticate(asSent(request, trusts), settings, clients, now());
    request.caller = caller;
    request.signedPayloadHash = payloadHash ?? null;
    await credentialsUse.record(caller.clientId).catch((error: unknown) => {
      // Its next call tries again; the call itself has nothing to do with it.
      logEvent(request.log, 'credentials-use-not-recorded', { err: error });
    });
  };
}

function asSent(request: FastifyRequest, trusts: TrustsProxy) {
  const { host, authorization, 'x-forwarded-host': forwarded } = request.headers;
  const isFromProxy = trusts(request.socket.remoteAddress ?? '', 0);
  const forwardedHost = Array.isArray(forwarded) ? forwarded.at(-1) : forwarded;
  return {
    method: request.method,
    url: request.originalUrl,
    authorization,
    hosts: { host, forwardedHost: isFromProxy ? forwardedHost : undefined },
  };
}
