import type { FastifyInstance } from 'fastify';
import { recordAudit } from '../../database/audit.js';
import { AuthenticationError } from '../auth/client.js';
import { openSession, SESSION_COOKIE } from '../auth/session.js';
import type { ApiContext } from '../http/context.js';
import { inputError } from '../http/errors.js';
import { addOperation, type Call } from '../http/operation.js';
import { networkOf, Throttle } from '../http/registration-throttle.js';
import { empty } from '../schemas/common.js';
import { iso } from '../schemas/serialization.js';
import { sessionRequest, whoami } from '../schemas/session.js';

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

function addOpening(api: FastifyInstance, { db, config, clients, deploymentKey, now }: ApiContext): void {
  const refusals = new Throttle(REFUSALS, 'Too many access tokens from there were not valid. Try again later.', now);
  addOperation(api, {
    name: 'openSession',
    category: 'Sessions',
    stability: 'experimental',
    method: 'POST',
    path: '/session',
    summary: 'Trades an access token of the configuration for a session, in a cookie',
    body: sessionRequest,
    mask: () => ({}),
    scopes: () => [],
    response: whoami,
    handle: async (call) => {
      if (config.auth.type !== 'static') throw inputError(`With auth.type ${config.auth.type} there are no sessions.`);
      const network = networkOf(call.address);
      refusals.assertAllowed(network);
      const client = clients.findByToken(call.body.accessToken, now());
      if (client === null) {
        refusals.count(network);
        throw new AuthenticationError('The access token is not valid.');
      }
      const { clientId, expires, value } = openSession(deploymentKey, client, now());
      await recordAudit(db, { clientId, entityType: 'session', entityId: clientId, action: 'opened' }, now());
      const isSecure = call.isSecure || (config.server.publicUrl?.startsWith('https:') ?? false);
      setSession({ ...call, isSecure }, value, Math.floor((expires - now()) / 1000));
      return { clientId, scopes: client.scopes, authType: 'static', sessionExpires: iso(expires) };
    },
  });
}

/** No script reads it, and no other site's page sends it. */
function setSession(
  { setHeader, isSecure }: Pick<Call<never, never, never>, 'setHeader' | 'isSecure'>,
  value: string,
  seconds: number,
): void {
  const attributes = [`Max-Age=${seconds}`, 'Path=/', 'HttpOnly', 'SameSite=Strict', ...(isSecure ? ['Secure'] : [])];
  setHeader('set-cookie', [`${SESSION_COOKIE}=${value}`, ...attributes].join('; '));
}
