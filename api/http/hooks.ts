import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { logEvent } from '../../observability/log-events.js';
import { recordCredentialsUsed } from '../../database/credentials-used.js';
import { authenticate, authenticateAs, type AuthSettings } from '../auth/authenticate.js';
import { AuthenticationError, type Caller } from '../auth/client.js';
import { invalidHost } from '../auth/hosts.js';
import { foreignRequest } from '../auth/origin.js';
import { assertPayloadHash } from '../auth/payload-hash.js';
import { CredentialsUse } from '../auth/credentials-used.js';
import { unsealSession } from '../auth/sealed-session.js';
import { mayUseCookie, sessionOf } from '../auth/session.js';
import { hasBewit } from '../auth/signature.js';
import { usedSignature } from '../auth/replay.js';
import { forgetSignature, recordSignature } from '../../database/used-signatures.js';
import { type ApiContext, authSettings } from './context.js';
import { ApiError, noSuchCall } from './errors.js';
import type { TrustsProxy } from '../../config/trusted-proxies.js';

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
    /** Hash that the caller's signature gives the body; null where it covers none. */
    signedPayloadHash: string | null;
    /** The body as it came, where its hash is to be checked. */
    signedPayload: Buffer | null;
    /** What the database keeps of the signature; null where it need not. */
    usedSignature: string | null;
    /** Epoch milliseconds; null where the caller is known by no session. */
    sessionExpires: number | null;
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
  app.decorateRequest('usedSignature', null);
  app.decorateRequest('sessionExpires', null);
  app.addHook('onRequest', async (request, reply) => {
    setHeaders(reply);
    assertHost(context, request);
    if (request.method === 'OPTIONS') return reply.code(204).send();
    request.caller = NOBODY;
    // Before its body is read, or wanted.
    if (request.is404) throw noSuchCall();
    if (!request.routeOptions.config.isPublic) await authenticated(request);
  });
  app.addHook('preValidation', async ({ signedPayloadHash, signedPayload, headers }) => {
    if (signedPayloadHash === null) return;
    assertPayloadHash(signedPayloadHash, signedPayload ?? NO_PAYLOAD, headers['content-type']);
  });
  // After whatever else a route decides about its caller.
  app.addHook('onRoute', (route) => {
    const firstUse = async (request: FastifyRequest) => await assertFirstUse(context, request);
    route.preHandler = [route.preHandler ?? [], firstUse].flat();
  });
  app.addHook('onSend', async ({ usedSignature }, { statusCode }) => {
    if (usedSignature !== null && statusCode >= 500) await forgetUnserved(context, usedSignature);
  });
  app.addHook('onResponse', async (request, reply) => {
    const { operation, isStream } = request.routeOptions.config;
    const { statusCode: status, elapsedTime } = reply;
    // A stream lasts as long as somebody reads it, and is no slow call.
    if (!isStream)
      context.metrics?.onAnswer({ operation, method: request.method, status, seconds: elapsedTime / 1000 });
    logEvent(request.log, 'api-call', { operation, status, ms: Math.round(elapsedTime) });
  });
}

function setHeaders(reply: FastifyReply): void {
  reply.headers({
    'cache-control': 'no-store no-cache must-revalidate',
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'OPTIONS,GET,PUT,POST,DELETE',
    'access-control-allow-headers': 'X-Requested-With,Content-Type,Authorization,Accept,Origin,Cache-Control',
    'access-control-max-age': '900',
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

function authentication(context: ApiContext, trusts: TrustsProxy) {
  const { db, now } = context;
  const settings = authSettings(context);
  const credentialsUse = new CredentialsUse((worker) => recordCredentialsUsed(db, worker, now()));
  return async (request: FastifyRequest): Promise<void> => {
    const sent = asSent(request, trusts);
    const session = await cookieSession(context, request, sent, settings);
    if (session) {
      const { clientId, scopes } = session.caller;
      request.caller = { clientId, scopes };
      request.sessionExpires = session.expires;
      return;
    }
    const { payloadHash, ...caller } = await authenticate(sent, settings, context, now());
    request.caller = caller;
    request.signedPayloadHash = payloadHash ?? null;
    await credentialsUse.record(caller.clientId).catch((error: unknown) => {
      // Its next call tries again; the call itself has nothing to do with it.
      logEvent(request.log, 'credentials-use-not-recorded', { err: error });
    });
  };
}

/** Who gives credentials speaks with these. */
async function cookieSession(
  context: ApiContext,
  request: FastifyRequest,
  sent: ReturnType<typeof asSent>,
  settings: AuthSettings,
): Promise<{ readonly caller: Caller; readonly expires: number } | null> {
  const { cookie, authorization, origin, 'sec-fetch-site': site, 'content-type': contentType } = request.headers;
  if (settings.type === 'open' || cookie === undefined) return null;
  if (authorization !== undefined || hasBewit(sent)) return null;
  if (!mayUseCookie({ method: request.method, ...sent.hosts, origin, site, contentType }, context.ownUrls)) return null;
  if (settings.type === 'taskcluster') return await sealedSession(context, cookie, sent, settings);
  const found = sessionOf(cookie, context, context.now());
  return found && { caller: found.client, expires: found.expires };
}

/** Judged anew with each request, as if the client had signed it. One whose credentials hold no more is over. */
async function sealedSession(
  context: ApiContext,
  cookie: string,
  sent: ReturnType<typeof asSent>,
  settings: AuthSettings,
) {
  const session = unsealSession(cookie, context.deploymentKey, context.now());
  if (!session) return null;
  try {
    const caller = await authenticateAs(session.credentials, sent, settings, context, context.now());
    return { caller, expires: session.expires };
  } catch (error) {
    if (error instanceof AuthenticationError) return null;
    throw error;
  }
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
    address: request.ip,
  };
}

/**
 * A signature changes something once. It is recorded when all else about the call is right, so nobody else can store
 * any.
 */
async function assertFirstUse({ db }: ApiContext, request: FastifyRequest): Promise<void> {
  const { method, caller, headers } = request;
  if (method === 'GET' || method === 'HEAD' || caller.clientId === null) return;
  const signature = usedSignature(headers.authorization);
  if (!signature) return;
  if (!(await recordSignature(db, signature.digest, signature.until))) {
    throw new AuthenticationError('The signature has been used before; sign each request anew.');
  }
  request.usedSignature = signature.digest;
}

/**
 * Taskcluster's clients for Rust and for browsers send the same header again after a 5xx, and must not be refused for
 * that.
 */
async function forgetUnserved({ db }: ApiContext, signature: string): Promise<void> {
  // Where this fails, those clients are refused; all others sign again.
  await forgetSignature(db, signature).catch(() => {});
}
