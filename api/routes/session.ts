import type { FastifyInstance } from 'fastify';
import { recordAudit } from '../../database/audit.js';
import { AuthenticationError } from '../auth/client.js';
import { authenticateAs } from '../auth/authenticate.js';
import { endOfSession, sealSession } from '../auth/sealed-session.js';
import { openSession, SESSION_COOKIE } from '../auth/session.js';
import { type ApiContext, authSettings } from '../http/context.js';
import { inputError } from '../http/errors.js';
import { addOperation, type Call } from '../http/operation.js';
import { API_PREFIX } from '../http/paths.js';
import { networkOf, Throttle } from '../http/registration-throttle.js';
import { empty } from '../schemas/common.js';
import { iso } from '../schemas/serialization.js';
import { type SessionRequest, sessionRequest, whoami } from '../schemas/session.js';

/** Tokens of one network that are none: a handful at once, then one each ten seconds. */
const REFUSALS = { burst: 20, eachCountsMs: 10_000 };

/** Sessions of browsers, which cannot send credentials with everything that a page opens. */
export function addSessionOperations(api: FastifyInstance, context: ApiContext): void {
  addOpening(api, context);
  addOperation(api, {
    name: 'closeSession',
    category: 'Sessions',
    stability: 'experimental',
    method: 'DELETE',
    path: '/session',
    summary: 'Lets the browser forget its session',
    scopes: () => [],
    response: empty,
    handle: async (call) => {
      setSession(call, '', 0);
      return {};
    },
  });
  addOperation(api, {
    name: 'whoami',
    category: 'Sessions',
    stability: 'experimental',
    method: 'GET',
    path: '/whoami',
    summary: 'Who the caller is, and which scopes it has',
    scopes: () => [],
    response: whoami,
    handle: async ({ caller: { clientId, scopes }, sessionExpires }) => ({
      clientId,
      scopes,
      authType: context.config.auth.type,
      sessionExpires: sessionExpires === null ? null : iso(sessionExpires),
    }),
  });
}

function addOpening(api: FastifyInstance, context: ApiContext): void {
  const { db, config, now } = context;
  const { type: authType } = config.auth;
  const refusals = new Throttle(REFUSALS, 'Too many access tokens from there were not valid. Try again later.', now);
  addOperation(api, {
    name: 'openSession',
    category: 'Sessions',
    stability: 'experimental',
    method: 'POST',
    path: '/session',
    summary: 'Trades the access token of a client for a session, in a cookie',
    body: sessionRequest,
    mask: () => ({}),
    scopes: () => [],
    response: whoami,
    handle: async (call) => {
      if (authType === 'open') throw inputError('With auth.type open there are no sessions.');
      const network = networkOf(call.address);
      refusals.assertAllowed(network);
      const open = async () =>
        authType === 'static' ? staticSession(context, call.body) : await clientSession(context, call);
      const { clientId, scopes, expires, value } = await open().catch((error: unknown) => {
        if (error instanceof AuthenticationError) refusals.count(network);
        throw error;
      });
      await recordAudit(db, { clientId, entityType: 'session', entityId: clientId, action: 'opened' }, now());
      const isSecure = call.isSecure || (config.server.publicUrl?.startsWith('https:') ?? false);
      setSession({ ...call, isSecure }, value, Math.floor((expires - now()) / 1000));
      return { clientId, scopes, authType, sessionExpires: iso(expires) };
    },
  });
}

interface Opened {
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly expires: number;
  readonly value: string;
}

/** Throws AuthenticationError for a token of nobody, as the next one. */
function staticSession({ clients, deploymentKey, now }: ApiContext, { accessToken }: SessionRequest): Opened {
  const client = clients.findByToken(accessToken, now());
  if (client === null) throw new AuthenticationError('The access token is not valid.');
  return { ...openSession(deploymentKey, client, now()), scopes: client.scopes };
}

/** Of a client that another service knows, which is asked as it will be for each request of the session. */
async function clientSession(
  context: ApiContext,
  { body: { clientId, accessToken, certificate }, address }: { body: SessionRequest; address: string },
): Promise<Opened> {
  if (clientId === undefined) throw inputError('The client of the access token is needed: clientId.');
  const { deploymentKey, now } = context;
  const credentials = { clientId, accessToken, certificate };
  const question = { method: 'GET', url: `${API_PREFIX}/whoami`, authorization: undefined, hosts: OWN_HOSTS, address };
  const found = await authenticateAs(credentials, question, authSettings(context), context, now());
  const expires = endOfSession(credentials, now());
  const value = sealSession(deploymentKey, { credentials, expires });
  if (value === null) throw inputError('These credentials are too long for a session; take some with fewer scopes.');
  return { clientId: found.clientId ?? clientId, scopes: found.scopes, expires, value };
}

/** Whatever name the browser knows us by: what is signed here is sent to nobody else. */
const OWN_HOSTS = { host: undefined, forwardedHost: undefined };

/** No script reads it, and no other site's page sends it. */
function setSession(
  { setHeader, isSecure }: Pick<Call<never, never, never>, 'setHeader' | 'isSecure'>,
  value: string,
  seconds: number,
): void {
  const attributes = [`Max-Age=${seconds}`, 'Path=/', 'HttpOnly', 'SameSite=Strict', ...(isSecure ? ['Secure'] : [])];
  setHeader('set-cookie', [`${SESSION_COOKIE}=${value}`, ...attributes].join('; '));
}
